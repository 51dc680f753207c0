/* SPDX-License-Identifier: Apache-2.0 */
/* What Zephyr asserts of memory blocks and of groups of them ends the program in every build. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <quarry/mem_blocks.h>
#include <zephyr/sys/mem_blocks.h>
#include "../support/death.h"
#include "../support/some_blocks.h"

static const char *no_blocks = "memory blocks are NULL, or have no buffer or no bit array";
static const char *no_array = "array for addresses of memory blocks is NULL";
static const char *no_group = "group of memory blocks is NULL";
static const char *no_group_array = "array for addresses of a group's memory blocks is NULL";

static void *addresses[2];

/* --- Calls with what a test passes them --- */

static void call_alloc(void *mem_block)
{
    sys_mem_blocks_alloc(mem_block, 1, addresses);
}

static void call_alloc_contiguous(void *mem_block)
{
    sys_mem_blocks_alloc_contiguous(mem_block, 1, addresses);
}

static void call_get(void *mem_block)
{
    sys_mem_blocks_get(mem_block, blocks_buffer, 1);
}

static void call_is_region_free(void *mem_block)
{
    sys_mem_blocks_is_region_free(mem_block, blocks_buffer, 1);
}

static void call_free(void *mem_block)
{
    sys_mem_blocks_free(mem_block, 1, addresses);
}

static void call_free_contiguous(void *mem_block)
{
    sys_mem_blocks_free_contiguous(mem_block, blocks_buffer, 1);
}

static void call_end(void *mem_block)
{
    quarry_mem_blocks_end(mem_block);
}

static const crime_fn calls[] = {call_alloc, call_alloc_contiguous, call_get, call_is_region_free,
                                 call_free,  call_free_contiguous};

static void expect_none_of(crime_fn call, const char *phrase)
{
    struct sys_mem_blocks broken = blocks;

    expect_death(call, NULL, phrase);
    broken.bitmap = NULL;
    expect_death(call, &broken, phrase);
    broken = blocks;
    broken.buffer = NULL;
    expect_death(call, &broken, phrase);
}

static void blocks_that_are_none_die(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
        expect_none_of(calls[i], no_blocks);
    }
    expect_none_of(call_end,
                   "memory blocks that are to end are NULL, or have no buffer or no bit array");
}

/* Also where the count is 0, as with Zephyr's assertions. */
static void alloc_into_nothing(void *count)
{
    sys_mem_blocks_alloc(&blocks, *(size_t *)count, NULL);
}

static void alloc_contiguous_into_nothing(void *count)
{
    sys_mem_blocks_alloc_contiguous(&blocks, *(size_t *)count, NULL);
}

static void free_nothing(void *count)
{
    sys_mem_blocks_free(&blocks, *(size_t *)count, NULL);
}

static void arrays_that_are_none_die(void **state)
{
    for (size_t count = 0; count < 2; count++) {
        expect_death(alloc_into_nothing, &count, no_array);
        expect_death(alloc_contiguous_into_nothing, &count, no_array);
        expect_death(free_nothing, &count, no_array);
    }
}

static void more_bits_than_blocks_die(void **state)
{
    struct sys_mem_blocks broken = blocks;

    broken.info.num_blocks = BLOCKS - 1;
    for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
        addresses[0] = blocks_buffer;
        expect_death(calls[i], &broken,
                     "bit array of memory blocks has more bits than there are blocks");
    }
}

/* --- Regions that are not there --- */

struct region {
    const void *start;
    size_t count;
};

static void ask(void *arg)
{
    const struct region *region = arg;

    sys_mem_blocks_is_region_free(&blocks, (void *)(uintptr_t)region->start, region->count);
}

static void questions_about_other_blocks_die(void **state)
{
    struct region regions[] = {
        {block(0), BLOCKS + 1},
        {block(1), BLOCKS},
        {block(BLOCKS - 1), 2},
        {block(BLOCKS), 1},
        {NULL, 1},
        {(char *)block(0) - 1, 1},
        {block(1), SIZE_MAX},
        {block(0), SIZE_MAX},
        {(const void *)UINTPTR_MAX, 1},
    };

    for (size_t i = 0; i < ARRAY_SIZE(regions); i++) {
        expect_death(ask, &regions[i],
                     "memory blocks are asked about blocks that they do not have");
    }
}

/* --- Groups --- */

static sys_multi_mem_blocks_t group;

static sys_mem_blocks_t *choose_blocks(struct sys_multi_mem_blocks *from, void *cfg)
{
    (void)from, (void)cfg;
    return &blocks;
}

static void begin_nothing(void *arg)
{
    (void)arg;
    sys_multi_mem_blocks_init(NULL, choose_blocks);
}

static void add_to_nothing(void *arg)
{
    (void)arg;
    sys_multi_mem_blocks_add_allocator(NULL, &blocks);
}

static void alloc_from_nothing(void *arg)
{
    (void)arg;
    sys_multi_mem_blocks_alloc(NULL, NULL, 1, addresses, NULL);
}

static void free_to_nothing(void *arg)
{
    (void)arg;
    sys_multi_mem_blocks_free(NULL, 1, addresses);
}

static void groups_that_are_none_die(void **state)
{
    expect_death(begin_nothing, NULL, no_group);
    expect_death(add_to_nothing, NULL, no_group);
    expect_death(alloc_from_nothing, NULL, no_group);
    expect_death(free_to_nothing, NULL, no_group);
}

static void alloc_into_no_array(void *arg)
{
    (void)arg;
    sys_multi_mem_blocks_alloc(&group, NULL, 1, NULL, NULL);
}

static void free_no_array(void *arg)
{
    (void)arg;
    sys_multi_mem_blocks_free(&group, 1, NULL);
}

static void add_nothing(void *arg)
{
    (void)arg;
    sys_multi_mem_blocks_add_allocator(&group, NULL);
}

static void groups_arguments_that_are_none_die(void **state)
{
    sys_multi_mem_blocks_init(&group, choose_blocks);
    expect_death(alloc_into_no_array, NULL, no_group_array);
    expect_death(free_no_array, NULL, no_group_array);
    expect_death(add_nothing, NULL, "memory blocks that are added to a group are NULL");
}

static void add_one_more(void *arg)
{
    (void)arg;
    sys_multi_mem_blocks_add_allocator(&group, &blocks);
}

static void more_allocators_than_a_group_has_room_for_die(void **state)
{
    sys_multi_mem_blocks_init(&group, choose_blocks);
    for (int i = 0; i < MAX_MULTI_ALLOCATORS; i++) {
        sys_multi_mem_blocks_add_allocator(&group, &blocks);
    }
    assert_int_equal(group.num_allocators, MAX_MULTI_ALLOCATORS);
    expect_death(add_one_more, NULL, "group of memory blocks has no room for one more allocator");
    group.num_allocators = -1;
    expect_death(add_one_more, NULL, "group of memory blocks has no room for one more allocator");
}

static void alloc_without_choice(void *arg)
{
    (void)arg;
    sys_multi_mem_blocks_alloc(&group, NULL, 1, addresses, NULL);
}

static void a_group_that_cannot_choose_dies(void **state)
{
    sys_multi_mem_blocks_init(&group, NULL);
    assert_int_equal(sys_multi_mem_blocks_alloc(&group, NULL, 0, addresses, NULL), 0);
    expect_death(alloc_without_choice, NULL, "group of memory blocks has no function that chooses");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, blocks_begin, blocks_are_untouched)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(blocks_that_are_none_die),
        TEST(arrays_that_are_none_die),
        TEST(more_bits_than_blocks_die),
        TEST(questions_about_other_blocks_die),
        TEST(groups_that_are_none_die),
        TEST(groups_arguments_that_are_none_die),
        TEST(more_allocators_than_a_group_has_room_for_die),
        TEST(a_group_that_cannot_choose_dies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
