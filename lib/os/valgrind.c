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
 * memcheck insists that pools do not overlap, but a program may make a new heap anywhere in the
 * buffer of one that it has abandoned. So the extent of every heap is remembered here, and a new
 * heap ends those that it overlaps, whose bytes become ordinary memory again.
 *
 * Nothing of this is active outside of memcheck: the watcher is added only if it answers. */
#include "os/valgrind.h"

#include "core/note.h"

#if QUARRY_VALGRIND

#include <stdbool.h>
#include <stdint.h>
#include <valgrind/memcheck.h>

#include "os/os.h"
#include "os/sync.h"

/* How close to a block an address must be for memcheck to name the block: a chunk's header lies on
 * either side of it. */
#define RED_ZONE_BYTES 8

struct extent {
    struct z_heap *heap; /* NULL: free slot */
    uintptr_t start;
    uintptr_t end;
};

/* All guarded by the lock. Slots are mapped a table at a time. */
struct extent_table {
    struct extent_table *next;
    struct extent slots[170]; /* fills a page */
};
static pthread_mutex_t extents_lock = PTHREAD_MUTEX_INITIALIZER;
static struct extent_table *extents;

static struct extent *find_extent(const struct z_heap *heap)
{
    for (struct extent_table *table = extents; table != NULL; table = table->next) {
        for (size_t i = 0; i < sizeof(table->slots) / sizeof(table->slots[0]); i++) {
            if (table->slots[i].heap == heap) {
                return &table->slots[i];
            }
        }
    }
    return NULL;
}

static struct extent *free_slot(void)
{
    struct extent *slot = find_extent(NULL);

    if (slot == NULL) {
        struct extent_table *table = os_map(
            (sizeof(*table) + os_page_bytes() - 1) & ~(os_page_bytes() - 1), os_page_bytes());

        if (table == NULL) {
            return NULL;
        }
        table->next = extents;
        extents = table;
        slot = &table->slots[0];
    }
    return slot;
}

/* Makes what the heap of a slot owned ordinary memory again. */
static void end_pool(struct extent *slot)
{
    VALGRIND_DESTROY_MEMPOOL(slot->heap);
    VALGRIND_MAKE_MEM_UNDEFINED((void *)slot->start, slot->end - slot->start);
    slot->heap = NULL;
}

static void end_overlapped(uintptr_t start, uintptr_t end)
{
    for (struct extent_table *table = extents; table != NULL; table = table->next) {
        for (size_t i = 0; i < sizeof(table->slots) / sizeof(table->slots[0]); i++) {
            struct extent *slot = &table->slots[i];

            if (slot->heap != NULL && slot->start < end && start < slot->end) {
                end_pool(slot);
            }
        }
    }
}

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
    struct z_heap *h = heap->heap;
    uintptr_t start = (uintptr_t)mem;

    pthread_mutex_lock(&extents_lock);
    end_overlapped(start, start + bytes);
    struct extent *slot = free_slot();
    if (slot != NULL) {
        *slot = (struct extent){h, start, start + bytes};
        VALGRIND_CREATE_MEMPOOL(h, RED_ZONE_BYTES, 0);
        VALGRIND_MAKE_MEM_NOACCESS(mem, bytes);
    }
    pthread_mutex_unlock(&extents_lock);
}

static void watch_extend(struct sys_heap *heap, void *mem, size_t bytes)
{
    pthread_mutex_lock(&extents_lock);
    struct extent *slot = find_extent(heap->heap);
    if (slot != NULL) {
        slot->end = (uintptr_t)mem + bytes;
        VALGRIND_MAKE_MEM_NOACCESS(mem, bytes);
    }
    pthread_mutex_unlock(&extents_lock);
}

static void watch_cut(struct sys_heap *heap, void *end)
{
    uintptr_t new_end = (uintptr_t)end;

    pthread_mutex_lock(&extents_lock);
    struct extent *slot = find_extent(heap->heap);
    if (slot != NULL && new_end <= (uintptr_t)heap->heap) {
        end_pool(slot);
    } else if (slot != NULL) {
        VALGRIND_MAKE_MEM_UNDEFINED(end, slot->end - new_end);
        slot->end = new_end;
    }
    pthread_mutex_unlock(&extents_lock);
}

static void watch_alloc(struct sys_heap *heap, const struct note_block *block)
{
    VALGRIND_MEMPOOL_ALLOC(heap->heap, block->mem, block->bytes);
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

    VALGRIND_MEMPOOL_CHANGE(heap->heap, mem, mem, bytes);
    if (bytes > old_bytes) {
        VALGRIND_MAKE_MEM_UNDEFINED(mem + old_bytes, bytes - old_bytes);
    } else {
        VALGRIND_MAKE_MEM_NOACCESS(mem + bytes, old_bytes - bytes);
    }
}

static void watch_free(struct sys_heap *heap, const struct note_block *block)
{
    VALGRIND_MEMPOOL_FREE(heap->heap, block->mem);
}

static struct note_watcher memcheck_watcher = {
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

__attribute__((constructor)) static void watch_if_memcheck(void)
{
    if (memcheck_is_running()) {
        note_watch(&memcheck_watcher);
    }
}

void valgrind_mapped(void *start, size_t bytes)
{
    if (note_is_watched()) {
        VALGRIND_MAKE_MEM_DEFINED(start, bytes);
    }
}

#else

void valgrind_mapped(void *start, size_t bytes)
{
    (void)start;
    (void)bytes;
}

#endif
