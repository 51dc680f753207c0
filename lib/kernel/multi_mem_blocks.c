/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of memory blocks: one of several allocators serves each call.
 *
 *    alloc --> choice_fn(group, cfg) --> an allocator --> sys_mem_blocks_alloc
 *    free  --> in whose buffer does the first pointer lie? --> sys_mem_blocks_free
 *
 * A group is a list without a lock: it changes only before it is used, so a call has no lock but
 * that of the one allocator that serves it. If buffers overlap, the first that was added counts.
 *
 * Not promised: that the chosen allocator is one of the group. */
#include <zephyr/sys/mem_blocks.h>

#include <errno.h>

#include "core/check.h"
#include "kernel/mem_blocks.h"
#include "os/checkers.h"

static void check(const sys_multi_mem_blocks_t *group)
{
    REQUIRE(group != NULL, "group of memory blocks is NULL", group, NULL);
}

static void check_array(const sys_multi_mem_blocks_t *group, const void *array)
{
    check(group);
    REQUIRE(array != NULL, "array for addresses of a group's memory blocks is NULL", group, NULL);
}

static bool has_address(const sys_mem_blocks_t *allocator, const void *mem)
{
    return mem_blocks_number(allocator, mem) < allocator->info.num_blocks;
}

static sys_mem_blocks_t *owner_of(const sys_multi_mem_blocks_t *group, const void *mem)
{
    for (int i = 0; i < group->num_allocators; i++) {
        if (has_address(group->allocators[i], mem)) {
            return group->allocators[i];
        }
    }
    return NULL;
}

void sys_multi_mem_blocks_init(sys_multi_mem_blocks_t *group,
                               sys_multi_mem_blocks_choice_fn_t choice_fn)
{
    check(group);
    group->num_allocators = 0;
    group->choice_fn = choice_fn;
}

void sys_multi_mem_blocks_add_allocator(sys_multi_mem_blocks_t *group, sys_mem_blocks_t *alloc)
{
    check(group);
    REQUIRE(alloc != NULL, "memory blocks that are added to a group are NULL", group, NULL);
    REQUIRE(group->num_allocators >= 0 && group->num_allocators < MAX_MULTI_ALLOCATORS,
            "group of memory blocks has no room for one more allocator", group, alloc);
    group->allocators[group->num_allocators] = alloc;
    group->num_allocators++;
}

static void write_size(size_t *blk_size, size_t bytes)
{
    if (blk_size != NULL) {
        *blk_size = bytes;
        checkers_written(blk_size, sizeof(*blk_size));
    }
}

int sys_multi_mem_blocks_alloc(sys_multi_mem_blocks_t *group, void *cfg, size_t count,
                               void **out_blocks, size_t *blk_size)
{
    check_array(group, out_blocks);
    if (count == 0) {
        write_size(blk_size, 0);
        return 0;
    }
    REQUIRE(group->choice_fn != NULL, "group of memory blocks has no function that chooses", group,
            NULL);
    sys_mem_blocks_t *allocator = group->choice_fn(group, cfg);
    if (allocator == NULL) {
        return -EINVAL;
    }
    int result = sys_mem_blocks_alloc(allocator, count, out_blocks);
    if (result == 0) {
        write_size(blk_size, mem_blocks_bytes(allocator, 1));
    }
    return result;
}

int sys_multi_mem_blocks_free(sys_multi_mem_blocks_t *group, size_t count, void **in_blocks)
{
    check_array(group, in_blocks);
    if (count == 0) {
        return 0;
    }
    sys_mem_blocks_t *owner = owner_of(group, in_blocks[0]);
    return owner == NULL ? -EINVAL : sys_mem_blocks_free(owner, count, in_blocks);
}
