/* SPDX-License-Identifier: Apache-2.0 */
/* What memory checkers and listeners are told of memory blocks.
 *
 *    claim bits -- allow the blocks -- tell that they were allocated
 *    look at bits -- tell that blocks are about to be freed -- forbid them -- release bits
 *
 *   1. Under a memory checker a block is off limits while its bit is clear: it is allowed after it
 *      was claimed, and forbidden before it is released, so that nobody else can have it meanwhile.
 *   2. Listeners, too, hear of a block while its bit is set. What is to be released is looked at
 *      first, so that a call which is about to fail says nothing.
 *
 * An allocator's buffer is fenced off by the first call that is watched, since static ones begin
 * without a call. Watchers of heaps (core/note.h) are not asked themselves: memory blocks are no
 * sys_heap. But whoever listens, or checks memory, is one; so nobody need be told if there is none.
 *
 * Not promised: that a checker sees a block end which is smaller than what it can tell apart (8
 * bytes with AddressSanitizer). */
#include "kernel/mem_blocks.h"

#include <zephyr/sys/heap_listener.h>

#include "core/bitarray.h"
#include "os/checkers.h"

static void forbid(sys_mem_blocks_t *mem_block, struct stretch what)
{
    checkers_forbid(mem_blocks_address(mem_block, what.first),
                    mem_blocks_bytes(mem_block, what.count));
}

static void allow(sys_mem_blocks_t *mem_block, struct stretch what)
{
    checkers_allow(mem_blocks_address(mem_block, what.first),
                   mem_blocks_bytes(mem_block, what.count));
}

/* They keep their contents. */
static void allow_as_it_is(sys_mem_blocks_t *mem_block, struct stretch what)
{
    checkers_written(mem_blocks_address(mem_block, what.first),
                     mem_blocks_bytes(mem_block, what.count));
}

/* Blocks may have been taken before anybody watched; and a handler that interrupts this may take
 * some, and keep them. So all are forbidden first, and then those allowed that are taken. */
void mem_blocks_watch(sys_mem_blocks_t *mem_block)
{
    size_t num_blocks = mem_block->bitmap->num_bits;

    if (checkers_present == 0 || __atomic_load_n(&mem_block->fenced, __ATOMIC_RELAXED) != 0) {
        return;
    }
    forbid(mem_block, (struct stretch){0, num_blocks});
    for (size_t number = 0; number < num_blocks; number++) {
        if (bitarray_is_region_set(mem_block->bitmap, 1, number)) {
            allow_as_it_is(mem_block, (struct stretch){number, 1});
        }
    }
    __atomic_store_n(&mem_block->fenced, 1, __ATOMIC_RELAXED);
}

typedef void notify_fn(uintptr_t heap_id, void *mem, size_t bytes);

static void notify(sys_mem_blocks_t *mem_block, struct stretch what, notify_fn *tell)
{
    tell(HEAP_ID_FROM_POINTER(mem_block), mem_blocks_address(mem_block, what.first),
         mem_blocks_bytes(mem_block, what.count));
}

void mem_blocks_tell_taken(sys_mem_blocks_t *mem_block, struct stretch what)
{
    allow(mem_block, what);
    notify(mem_block, what, heap_listener_notify_alloc);
}

void mem_blocks_tell_taken_all(sys_mem_blocks_t *mem_block, size_t count, void **blocks)
{
    for (size_t i = 0; i < count; i++) {
        struct stretch one = {mem_blocks_number(mem_block, blocks[i]), 1};

        mem_blocks_tell_taken(mem_block, one);
    }
    mem_blocks_tell_written(blocks, count);
}

void mem_blocks_tell_written(void **blocks, size_t count)
{
    checkers_written(blocks, count * sizeof(blocks[0]));
}

void mem_blocks_tell_got(sys_mem_blocks_t *mem_block, struct stretch what)
{
    allow_as_it_is(mem_block, what);
    notify(mem_block, what, heap_listener_notify_alloc);
}

bool mem_blocks_tell_given(sys_mem_blocks_t *mem_block, struct stretch what)
{
    if (!bitarray_is_region_set(mem_block->bitmap, what.count, what.first)) {
        return false;
    }
    notify(mem_block, what, heap_listener_notify_free);
    forbid(mem_block, what);
    return true;
}

void mem_blocks_unwatch(sys_mem_blocks_t *mem_block)
{
    allow(mem_block, (struct stretch){0, mem_block->info.num_blocks});
}
