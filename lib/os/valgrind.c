/* SPDX-License-Identifier: Apache-2.0 */
/* Tells Valgrind's memcheck about heaps and blocks, so that it sees an overflow inside a sys_heap,
 * a use after free, and a block that leaked.
 *
 * Every heap is a memcheck pool, anchored at the heap's start. All its bytes are inaccessible but
 * those that users asked for; so headers and rounding slack are red zones. The heap's own code may
 * touch them: between enter and leave memcheck does not report for this thread. (Unit and
 * property tests are built without this watcher, so that memcheck looks at the heap's own code,
 * too.)
 *
 * Pools, and not blocks "like malloc's" (VALGRIND_MALLOCLIKE_BLOCK): a pool's blocks end all at
 * once, without a list of them, when the heap does or another one begins in its place; those others
 * would live on, overlap what comes after them, and count as leaked. memcheck cannot have a block
 * of one pool inside a block of another, and stops its leak check there. So a heap in a block of
 * another heap is no pool: its red zones are as good, but reports name the block around it, and its
 * own blocks do not leak.
 *
 * Nothing of this is active outside of memcheck: the watcher is added only if it answers. */
#include "os/checkers.h"

#if QUARRY_VALGRIND

#include <stdbool.h>
#include <stdint.h>
#include <valgrind/drd.h>
#include <valgrind/helgrind.h>
#include <valgrind/memcheck.h>

#include "os/extents.h"

/* How close to a block an address must be for memcheck to name the block: a chunk's header lies on
 * either side of it. */
#define RED_ZONE_BYTES 8

/* Reports the first byte that is not; hence to be called between enter and leave. */
static bool is_accessible(uintptr_t start, uintptr_t end)
{
    return VALGRIND_CHECK_MEM_IS_ADDRESSABLE((void *)start, end - start) == 0;
}

static void extent_changed(const struct extent *before, const struct extent *after)
{
    uintptr_t old_end = before->heap != NULL ? before->end : after->start;
    uintptr_t new_end = after->heap != NULL ? after->end : before->start;

    if (before->heap == NULL && !after->nested) {
        VALGRIND_CREATE_MEMPOOL(after->heap, RED_ZONE_BYTES, 0);
    }
    if (after->heap == NULL && !before->nested) {
        VALGRIND_DESTROY_MEMPOOL(before->heap);
    }
    if (new_end > old_end) {
        VALGRIND_MAKE_MEM_NOACCESS((void *)old_end, new_end - old_end);
    } else {
        VALGRIND_MAKE_MEM_UNDEFINED((void *)new_end, old_end - new_end);
    }
}

static const struct extents_keeper keeper = {is_accessible, extent_changed};

static void watch_enter(void)
{
    VALGRIND_DISABLE_ERROR_REPORTING;
}

static void watch_leave(void)
{
    VALGRIND_ENABLE_ERROR_REPORTING;
}

static void watch_begin(struct sys_heap *heap, void *mem, size_t bytes)
{
    extents_begin(heap->heap, mem, bytes);
}

static void watch_extend(struct sys_heap *heap, void *mem, size_t bytes)
{
    extents_extend(heap->heap, mem, bytes);
}

static void watch_cut(struct sys_heap *heap, void *end)
{
    extents_cut(heap->heap, end);
}

static void watch_alloc(struct sys_heap *heap, const struct note_block *block)
{
    if (extents_is_nested(heap->heap)) {
        VALGRIND_MAKE_MEM_UNDEFINED(block->mem, block->bytes);
    } else {
        VALGRIND_MEMPOOL_ALLOC(heap->heap, block->mem, block->bytes);
    }
}

/* The pool knows the size that was wanted before, but does not tell. It is found as the number of
 * accessible bytes, since what follows them in the chunk is not accessible. */
static void watch_resize(struct sys_heap *heap, const struct note_block *block,
                         size_t old_usable_bytes)
{
    char *mem = block->mem;
    size_t bytes = block->bytes;
    uintptr_t old_end = (uintptr_t)VALGRIND_CHECK_MEM_IS_ADDRESSABLE(mem, old_usable_bytes);
    size_t old_bytes = old_end != 0 ? old_end - (uintptr_t)mem : old_usable_bytes;

    VALGRIND_MEMPOOL_CHANGE(heap->heap, mem, mem, bytes); /* refused in silence if nested */
    if (bytes > old_bytes) {
        VALGRIND_MAKE_MEM_UNDEFINED(mem + old_bytes, bytes - old_bytes);
    } else {
        VALGRIND_MAKE_MEM_NOACCESS(mem + bytes, old_bytes - bytes);
    }
}

static void watch_free(struct sys_heap *heap, const struct note_block *block)
{
    extents_end_inside(block->mem, block->usable_bytes);
    if (extents_is_nested(heap->heap)) {
        VALGRIND_MAKE_MEM_NOACCESS(block->mem, block->usable_bytes);
    } else {
        VALGRIND_MEMPOOL_FREE(heap->heap, block->mem);
    }
}

static struct note_watcher watcher = {
    .enter = watch_enter,
    .leave = watch_leave,
    .begin = watch_begin,
    .extend = watch_extend,
    .cut = watch_cut,
    .alloc = watch_alloc,
    .resize = watch_resize,
    .free = watch_free,
};

/* Other tools of Valgrind do not know memcheck's requests, and answer 0. */
static bool memcheck_is_running(void)
{
    char byte = 0;

    return RUNNING_ON_VALGRIND && VALGRIND_MAKE_MEM_DEFINED(&byte, sizeof(byte)) != 0;
}

bool valgrind_runs(void)
{
    return RUNNING_ON_VALGRIND != 0;
}

/* Each answers its own request, and the other tools answer 0. */
bool valgrind_race_detector(void)
{
    unsigned char byte = 0;
    unsigned char bits = 0;

    return VALGRIND_DO_CLIENT_REQUEST_EXPR(0, _VG_USERREQ__HG_GET_ABITS, &byte, &bits, sizeof(byte),
                                           0, 0) != 0 ||
           DRD_GET_VALGRIND_THREADID != 0;
}

struct note_watcher *valgrind_watcher(void)
{
    if (!memcheck_is_running()) {
        return NULL;
    }
    extents_keep(&keeper);
    return &watcher;
}

/* Valgrind 3.19 does not see by itself what mremap made of memory. */
void valgrind_mapped(void *start, size_t bytes)
{
    VALGRIND_MAKE_MEM_DEFINED(start, bytes);
}

void valgrind_allow(void *start, size_t bytes)
{
    VALGRIND_MAKE_MEM_UNDEFINED(start, bytes);
}

void valgrind_forbid(void *start, size_t bytes)
{
    VALGRIND_MAKE_MEM_NOACCESS(start, bytes);
}

#else

bool valgrind_runs(void)
{
    return false;
}

bool valgrind_race_detector(void)
{
    return false;
}

struct note_watcher *valgrind_watcher(void)
{
    return NULL;
}

void valgrind_mapped(void *start, size_t bytes)
{
    (void)start;
    (void)bytes;
}

void valgrind_allow(void *start, size_t bytes)
{
    (void)start;
    (void)bytes;
}

void valgrind_forbid(void *start, size_t bytes)
{
    (void)start;
    (void)bytes;
}

#endif
