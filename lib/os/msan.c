/* SPDX-License-Identifier: Apache-2.0 */
/* Tells MemorySanitizer (clang's -fsanitize=memory) which bytes of heaps have no value: a program
 * learns that it uses what it never wrote, or wrote before it freed the block.
 *
 * The library is the ordinary one, and finds the sanitizer's functions by weak references; see
 * asan.c. A buffer has no value from when a heap begins in it; a block none when it is made and
 * when it was freed; the part by which a block grew in place none, either. A block that moves is
 * copied by memcpy, and the sanitizer copies what it knows of each byte along.
 *
 * What the library itself writes for a caller, the sanitizer does not see. Here that is the handle
 * that sys_heap_init fills.
 *
 * Not promised: that heaps' headers, which no program should read, have a value; nor that what the
 * library passes to the program's own functions (listeners, visitors) has one. */
#include "os/checkers.h"
#include "os/sanitized.h"

#if !QUARRY_SANITIZED

void __msan_allocated_memory(const volatile void *start, size_t bytes) __attribute__((weak));
void __msan_unpoison(const volatile void *start, size_t bytes) __attribute__((weak));

static void watch_begin(struct sys_heap *heap, void *mem, size_t bytes)
{
    __msan_allocated_memory(mem, bytes);
    __msan_unpoison(&heap->heap, sizeof(heap->heap));
}

static void watch_extend(struct sys_heap *heap, void *mem, size_t bytes)
{
    (void)heap;
    __msan_allocated_memory(mem, bytes);
}

static void watch_whole(struct sys_heap *heap, const struct note_block *block)
{
    (void)heap;
    __msan_allocated_memory(block->mem, block->usable_bytes);
}

/* The block keeps as many bytes as both sizes have. All behind them loses its value: what was
 * added, what was cut off, and the slack of either. */
static void watch_resize(struct sys_heap *heap, const struct note_block *block,
                         size_t old_usable_bytes)
{
    size_t usable_bytes = block->usable_bytes;
    size_t kept_bytes = block->bytes < old_usable_bytes ? block->bytes : old_usable_bytes;
    size_t reach = usable_bytes > old_usable_bytes ? usable_bytes : old_usable_bytes;

    (void)heap;
    __msan_allocated_memory((char *)block->mem + kept_bytes, reach - kept_bytes);
}

static struct note_watcher watcher = {
    .begin = watch_begin,
    .extend = watch_extend,
    .alloc = watch_whole,
    .resize = watch_resize,
    .free = watch_whole,
};

bool msan_runs(void)
{
    return __msan_allocated_memory != NULL && __msan_unpoison != NULL;
}

struct note_watcher *msan_watcher(void)
{
    return msan_runs() ? &watcher : NULL;
}

void msan_mapped(void *start, size_t bytes)
{
    __msan_unpoison(start, bytes);
}

/* What is known of each byte could not come along: all count as having a value. */
void msan_moved(void *target, size_t bytes)
{
    __msan_unpoison(target, bytes);
}

void msan_forget(void *start, size_t bytes)
{
    __msan_allocated_memory(start, bytes);
}

#else

bool msan_runs(void)
{
    return false;
}

struct note_watcher *msan_watcher(void)
{
    return NULL;
}

void msan_mapped(void *start, size_t bytes)
{
    (void)start;
    (void)bytes;
}

void msan_moved(void *target, size_t bytes)
{
    (void)target;
    (void)bytes;
}

void msan_forget(void *start, size_t bytes)
{
    (void)start;
    (void)bytes;
}

#endif
