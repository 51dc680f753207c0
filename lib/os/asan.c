/* SPDX-License-Identifier: Apache-2.0 */
/* Tells AddressSanitizer about heaps and blocks: a program that was compiled with
 * -fsanitize=address learns of an overflow inside a sys_heap, and of a use after free.
 *
 * The library is the ordinary one, not compiled with the sanitizer: so its own accesses are not
 * checked, and it finds the sanitizer's functions, by weak references, just in a program that
 * brings them. All of a heap's bytes are poisoned but those that users asked for:
 *
 *     | hdr   | 100 bytes, as asked for | slack  | hdr   | free, and freed         | hdr   |
 *     | poison| accessible              | poison | poison| poison                  | poison|
 *
 * The library calls memory functions, which the sanitizer does check: on the heap's own words only
 * while a heap begins or grows, whose bytes therefore are poisoned no earlier than when that call
 * leaves; and on a block that moves, which is made accessible as a whole before it is copied.
 *
 * A heap on bytes that the program may not touch (a freed buffer, or a size beyond the buffer's) is
 * reported like a write there by sys_heap_init.
 *
 * The heaps are roots for LeakSanitizer: what their live blocks point to has not leaked. Without
 * this it would not look into memory that the library has mapped.
 *
 * Not promised. A shadow byte stands for 8 bytes and can say only that the first n of them are
 * accessible. A block at 4 mod 8, as with the 4-byte headers of small heaps on 32-bit machines,
 * shares its first 8 bytes with its header, which then is accessible while the block lives: a
 * write up to 4 bytes before it, or behind its left neighbour, goes unseen. (64-bit blocks at
 * 4 mod 8 come from a rewind of 4 only; there the header is 8 bytes further left.) Whoever uses
 * what sys_heap_usable_size has beyond the request is reported. A heap that ended without
 * quarry_heap_end leaves poison behind: on a stack and in a mapping it stays, malloc lifts it. */
#include "os/checkers.h"
#include "os/sanitized.h"

#if !QUARRY_SANITIZED

#include <stdbool.h>
#include <stdint.h>

#include "core/bits.h"
#include "os/extents.h"

#define GRANULE_BYTES 8u /* of memory that one byte of shadow stands for */

void __asan_init(void) __attribute__((weak));
void __asan_poison_memory_region(const volatile void *start, size_t bytes) __attribute__((weak));
void __asan_unpoison_memory_region(const volatile void *start, size_t bytes) __attribute__((weak));
void *__asan_region_is_poisoned(void *start, size_t bytes) __attribute__((weak));
void __asan_storeN(uintptr_t start, size_t bytes) __attribute__((weak));
void __lsan_register_root_region(const void *start, size_t bytes) __attribute__((weak));
void __lsan_unregister_root_region(const void *start, size_t bytes) __attribute__((weak));

/* What the heap call that this thread is in will poison when it leaves. */
static _Thread_local struct {
    void *start;
    size_t bytes;
} to_poison;

static bool is_accessible(uintptr_t start, uintptr_t end)
{
    return __asan_region_is_poisoned((void *)start, end - start) == NULL;
}

static void root_changed(const struct extent *before, const struct extent *after)
{
    if (before->heap != NULL) {
        __lsan_unregister_root_region((void *)before->start, before->end - before->start);
    }
    if (after->heap != NULL) {
        __lsan_register_root_region((void *)after->start, after->end - after->start);
    }
}

static void extent_changed(const struct extent *before, const struct extent *after)
{
    uintptr_t old_end = before->heap != NULL ? before->end : after->start;
    uintptr_t new_end = after->heap != NULL ? after->end : before->start;

    if (new_end > old_end) {
        to_poison.start = (void *)old_end;
        to_poison.bytes = new_end - old_end;
    } else {
        __asan_unpoison_memory_region((void *)new_end, old_end - new_end);
    }
    if (__lsan_register_root_region != NULL && __lsan_unregister_root_region != NULL) {
        root_changed(before, after);
    }
}

static const struct extents_keeper keeper = {is_accessible, extent_changed};

static void watch_leave(void)
{
    if (to_poison.bytes != 0) {
        __asan_poison_memory_region(to_poison.start, to_poison.bytes);
        to_poison.bytes = 0;
    }
}

static void watch_begin(struct sys_heap *heap, void *mem, size_t bytes)
{
    extents_begin(heap->heap, mem, bytes);
    void *forbidden = __asan_region_is_poisoned(mem, bytes);
    if (forbidden != NULL) {
        __asan_storeN((uintptr_t)forbidden, (size_t)((char *)mem + bytes - (char *)forbidden));
    }
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
    (void)heap;
    __asan_unpoison_memory_region(block->mem, block->bytes);
}

static void watch_resize(struct sys_heap *heap, const struct note_block *block,
                         size_t old_usable_bytes)
{
    size_t reach = block->usable_bytes > old_usable_bytes ? block->usable_bytes : old_usable_bytes;

    (void)heap;
    __asan_unpoison_memory_region(block->mem, block->bytes);
    __asan_poison_memory_region((char *)block->mem + block->bytes, reach - block->bytes);
}

static void watch_copied(struct sys_heap *heap, const struct note_block *block)
{
    (void)heap;
    __asan_unpoison_memory_region(block->mem, block->usable_bytes);
}

/* From the start of the granule: it may hold a header that could not be poisoned until now. */
static void watch_free(struct sys_heap *heap, const struct note_block *block)
{
    char *start = (char *)round_down((uintptr_t)block->mem, GRANULE_BYTES);

    (void)heap;
    extents_end_inside(block->mem, block->usable_bytes);
    __asan_poison_memory_region(start, (size_t)((char *)block->mem - start) + block->usable_bytes);
}

static struct note_watcher watcher = {
    .leave = watch_leave,
    .begin = watch_begin,
    .extend = watch_extend,
    .cut = watch_cut,
    .alloc = watch_alloc,
    .resize = watch_resize,
    .copied = watch_copied,
    .free = watch_free,
};

bool asan_runs(void)
{
    return __asan_init != NULL && __asan_poison_memory_region != NULL &&
           __asan_unpoison_memory_region != NULL && __asan_region_is_poisoned != NULL &&
           __asan_storeN != NULL;
}

struct note_watcher *asan_watcher(void)
{
    if (!asan_runs()) {
        return NULL;
    }
    __asan_init(); /* it may not have been its turn yet */
    extents_keep(&keeper);
    return &watcher;
}

void asan_mapped(void *start, size_t bytes)
{
    __asan_unpoison_memory_region(start, bytes);
}

void asan_forbid(void *start, size_t bytes)
{
    __asan_poison_memory_region(start, bytes);
}

#else

bool asan_runs(void)
{
    return false;
}

struct note_watcher *asan_watcher(void)
{
    return NULL;
}

void asan_mapped(void *start, size_t bytes)
{
    (void)start;
    (void)bytes;
}

void asan_forbid(void *start, size_t bytes)
{
    (void)start;
    (void)bytes;
}

#endif
