/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of memory blocks: who serves a call, to whom blocks go back, and what is returned in which
 * order. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <zephyr/sys/mem_blocks.h>

SYS_MEM_BLOCKS_DEFINE_STATIC(small, 16, 4, 16);
SYS_MEM_BLOCKS_DEFINE_STATIC(large, 64, 3, 64);
SYS_MEM_BLOCKS_DEFINE_STATIC(outsider, 16, 4, 16);

static sys_multi_mem_blocks_t group;
static void *addresses[8];
static size_t bytes;

static int calls;
static struct sys_multi_mem_blocks *asked;

/* What the caller says. */
static sys_mem_blocks_t *choose(struct sys_multi_mem_blocks *from, void *cfg)
{
    calls++;
    asked = from;
    return cfg;
}

static int begin(void **state)
{
    sys_multi_mem_blocks_init(&group, choose);
    sys_multi_mem_blocks_add_allocator(&group, &small);
    sys_multi_mem_blocks_add_allocator(&group, &large);
    calls = 0;
    asked = NULL;
    bytes = 77;
    addresses[0] = &group;
    return 0;
}

static int all_is_free(void **state)
{
    return (int)(small.info.used_blocks + large.info.used_blocks + outsider.info.used_blocks);
}

static void a_group_has_what_was_added_in_order(void **state)
{
    assert_int_equal(group.num_allocators, 2);
    assert_ptr_equal(group.allocators[0], &small);
    assert_ptr_equal(group.allocators[1], &large);
    sys_multi_mem_blocks_init(&group, choose);
    assert_int_equal(group.num_allocators, 0);
    assert_true(group.choice_fn == choose);
}

static void alloc_of_none_asks_nobody(void **state)
{
    assert_int_equal(sys_multi_mem_blocks_alloc(&group, &small, 0, addresses, &bytes), 0);
    assert_int_equal(bytes, 0);
    assert_int_equal(sys_multi_mem_blocks_alloc(&group, NULL, 0, addresses, NULL), 0);
    assert_int_equal(calls, 0);
    assert_ptr_equal(addresses[0], &group);
}

static void expect_refusal(sys_mem_blocks_t *from, size_t count, int code)
{
    calls = 0;
    assert_int_equal(sys_multi_mem_blocks_alloc(&group, from, count, addresses, &bytes), code);
    assert_int_equal(sys_multi_mem_blocks_alloc(&group, from, count, addresses, NULL), code);
    assert_int_equal(bytes, 77);
    assert_int_equal(calls, 2);
}

static void no_allocator_comes_before_too_many_blocks(void **state)
{
    expect_refusal(NULL, 1, -EINVAL);
    expect_refusal(NULL, SIZE_MAX, -EINVAL);
    expect_refusal(&small, 5, -ENOMEM);
    expect_refusal(&large, 4, -ENOMEM);
    expect_refusal(&small, SIZE_MAX, -ENOMEM);
    assert_ptr_equal(addresses[0], &group);
}

static void the_chosen_one_serves(void **state)
{
    assert_int_equal(sys_multi_mem_blocks_alloc(&group, &large, 2, addresses, &bytes), 0);
    assert_int_equal(bytes, 64);
    assert_ptr_equal(asked, &group);
    assert_ptr_equal(addresses[0], large.buffer);
    assert_ptr_equal(addresses[1], large.buffer + 64);
    bytes = 77;
    expect_refusal(&large, 2, -ENOMEM);
    assert_int_equal(sys_multi_mem_blocks_alloc(&group, &small, 4, addresses + 2, &bytes), 0);
    assert_int_equal(bytes, 16);
    assert_int_equal(large.info.used_blocks, 2);
    assert_int_equal(small.info.used_blocks, 4);
    assert_int_equal(sys_multi_mem_blocks_free(&group, 2, addresses), 0);
    assert_int_equal(sys_multi_mem_blocks_free(&group, 4, addresses + 2), 0);
}

static void free_of_none_succeeds(void **state)
{
    assert_int_equal(sys_multi_mem_blocks_free(&group, 0, addresses), 0);
}

static void free_of_what_is_nobodys_is_refused(void **state)
{
    assert_int_equal(sys_mem_blocks_alloc(&outsider, 1, addresses), 0);
    assert_int_equal(sys_multi_mem_blocks_free(&group, 1, addresses), -EINVAL);
    assert_int_equal(sys_multi_mem_blocks_free(&group, SIZE_MAX, addresses), -EINVAL);
    assert_int_equal(sys_mem_blocks_free(&outsider, 1, addresses), 0);
    addresses[0] = NULL;
    assert_int_equal(sys_multi_mem_blocks_free(&group, 1, addresses), -EINVAL);
    addresses[0] = (void *)UINTPTR_MAX;
    assert_int_equal(sys_multi_mem_blocks_free(&group, 1, addresses), -EINVAL);
    addresses[0] = small.buffer;
    assert_int_equal(sys_multi_mem_blocks_free(&group, 1, addresses), -EFAULT);
    assert_int_equal(sys_multi_mem_blocks_free(&group, 5, addresses), -EINVAL);
}

/* Addresses next to a buffer may belong to another allocator's, but not to this one's. */
static void expect_owner(void *mem, int code)
{
    addresses[0] = mem;
    assert_int_equal(sys_multi_mem_blocks_free(&group, 1, addresses), code);
}

static void a_buffer_begins_and_ends_sharply(void **state)
{
    sys_multi_mem_blocks_init(&group, choose);
    sys_multi_mem_blocks_add_allocator(&group, &large);
    expect_owner(large.buffer, -EFAULT);
    expect_owner(large.buffer + 64 * 3 - 1, -EFAULT);
    expect_owner(large.buffer + 64 * 3, -EINVAL);
    expect_owner((void *)((uintptr_t)large.buffer - 1), -EINVAL);
}

static void the_first_address_decides_for_all(void **state)
{
    assert_int_equal(sys_mem_blocks_alloc(&small, 2, addresses), 0);
    assert_int_equal(sys_mem_blocks_alloc(&large, 2, addresses + 2), 0);
    assert_int_equal(sys_multi_mem_blocks_free(&group, 4, addresses), -EFAULT);
    assert_int_equal(small.info.used_blocks, 0);
    assert_int_equal(large.info.used_blocks, 2);
    assert_int_equal(sys_multi_mem_blocks_free(&group, 2, addresses + 2), 0);
}

/* It may also choose one that is none of the group's; its blocks do not come back by the group. */
static void a_choice_from_outside_is_allowed(void **state)
{
    assert_int_equal(sys_multi_mem_blocks_alloc(&group, &outsider, 1, addresses, &bytes), 0);
    assert_int_equal(bytes, 16);
    assert_int_equal(sys_multi_mem_blocks_free(&group, 1, addresses), -EINVAL);
    assert_int_equal(sys_mem_blocks_free(&outsider, 1, addresses), 0);
}

static void overlapping_buffers_belong_to_the_first(void **state)
{
    SYS_MEM_BLOCKS_DEFINE_STATIC_WITH_EXT_BUF(over, 16, 4, _sys_mem_blocks_buf_small);

    sys_multi_mem_blocks_add_allocator(&group, &over);
    assert_int_equal(sys_multi_mem_blocks_alloc(&group, &over, 1, addresses, NULL), 0);
    assert_int_equal(sys_multi_mem_blocks_free(&group, 1, addresses), -EFAULT);
    assert_int_equal(over.info.used_blocks, 1);
    assert_int_equal(sys_mem_blocks_free(&over, 1, addresses), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, all_is_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_group_has_what_was_added_in_order),
        TEST(alloc_of_none_asks_nobody),
        TEST(no_allocator_comes_before_too_many_blocks),
        TEST(the_chosen_one_serves),
        TEST(free_of_none_succeeds),
        TEST(free_of_what_is_nobodys_is_refused),
        TEST(a_buffer_begins_and_ends_sharply),
        TEST(the_first_address_decides_for_all),
        TEST(a_choice_from_outside_is_allowed),
        TEST(overlapping_buffers_belong_to_the_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
