/* SPDX-License-Identifier: Apache-2.0 */
/* The address map with invented addresses: it believes what it is told and touches none of them.
 * Every test has a node of the tree (64 GiB of address space) to itself, so it starts untouched. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "process/address_map.h"
#include "../support/fake_os.h"

#define SPAN       ADDRESS_MAP_SPAN_BYTES
#define PAGE       ((size_t)4096)
#define NODE_SPACE ((uintptr_t)1 << 36) /* address space under one node */
#define TREE_END   ((uintptr_t)1 << 48)
#define NODE_BYTES (4096 * 2 * sizeof(void *))
#define LEAF_BYTES (4096 * sizeof(size_t))
#define THREADS    4

/* The map never looks into a region. */
static char region_a_bytes;
static char region_b_bytes;
#define REGION_A ((struct region *)(void *)&region_a_bytes)
#define REGION_B ((struct region *)(void *)&region_b_bytes)

static int fresh_script(void **state)
{
    fake_os_reset();
    return 0;
}

/* The first address under the n-th node. */
static uintptr_t node(unsigned int n)
{
    return NODE_SPACE * n;
}

static const void *at(uintptr_t address)
{
    return (const void *)address;
}

static enum address_kind kind(uintptr_t address)
{
    return address_map_find(at(address)).kind;
}

static void expect_region(uintptr_t address, const struct region *region)
{
    struct address_owner owner = address_map_find(at(address));

    assert_int_equal(owner.kind, ADDRESS_REGION);
    assert_ptr_equal(owner.region, region);
}

static void expect_large(uintptr_t address, size_t bytes)
{
    struct address_owner owner = address_map_find(at(address));

    assert_int_equal(owner.kind, ADDRESS_LARGE);
    assert_int_equal(owner.large_bytes, bytes);
}

static void wild_addresses_are_foreign(void **state)
{
    int on_stack = 0;
    const uintptr_t wild[] = {0,
                              1,
                              15,
                              PAGE,
                              SPAN,
                              node(1),
                              TREE_END - 1,
                              TREE_END,
                              TREE_END + PAGE,
                              (uintptr_t)1 << 63,
                              ~(uintptr_t)0 << 47, /* lowest address of the kernel's half */
                              SIZE_MAX - PAGE + 1,
                              SIZE_MAX,
                              (uintptr_t)&on_stack,
                              (uintptr_t)&region_a_bytes,
                              (uintptr_t)&wild_addresses_are_foreign};

    for (size_t i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
        struct address_owner owner = address_map_find(at(wild[i]));

        assert_int_equal(owner.kind, ADDRESS_FOREIGN);
        assert_null(owner.region);
        assert_int_equal(owner.large_bytes, 0);
    }
    assert_int_equal(fake_os_calls(FAKE_OS_MAP), 0);
}

/* What differs from a known address only in bits that the tree has no level for. */
static void addresses_beyond_the_tree_do_not_wrap_into_it(void **state)
{
    uintptr_t start = node(2);

    assert_true(address_map_add_region(REGION_A, at(start), SPAN));
    assert_int_equal(kind(start + TREE_END), ADDRESS_FOREIGN);
    assert_int_equal(kind(start | (uintptr_t)1 << 63), ADDRESS_FOREIGN);
    assert_false(address_map_add_region(REGION_A, at(start + TREE_END), SPAN));
    assert_false(address_map_add_large(at(start + TREE_END), PAGE));
    expect_region(start, REGION_A);
}

static void region_owns_every_address_of_its_spans(void **state)
{
    uintptr_t start = node(3) + 5 * SPAN;
    size_t bytes = 3 * SPAN;

    assert_true(address_map_add_region(REGION_A, at(start), bytes));
    assert_int_equal(kind(start - 1), ADDRESS_FOREIGN);
    assert_int_equal(kind(start + bytes), ADDRESS_FOREIGN);
    for (size_t offset = 0; offset < bytes; offset += SPAN / 4) {
        expect_region(start + offset, REGION_A);
        expect_region(start + offset + 1, REGION_A);
    }
    expect_region(start + bytes - 1, REGION_A);
    address_map_remove_region(at(start), bytes);
    for (size_t offset = 0; offset < bytes; offset += SPAN / 4) {
        assert_int_equal(kind(start + offset), ADDRESS_FOREIGN);
    }
}

static void neighbouring_regions_are_told_apart(void **state)
{
    uintptr_t start = node(4);

    assert_true(address_map_add_region(REGION_A, at(start), 2 * SPAN));
    assert_true(address_map_add_region(REGION_B, at(start + 2 * SPAN), SPAN));
    expect_region(start + 2 * SPAN - 1, REGION_A);
    expect_region(start + 2 * SPAN, REGION_B);
    address_map_remove_region(at(start), 2 * SPAN);
    assert_int_equal(kind(start + 2 * SPAN - 1), ADDRESS_FOREIGN);
    expect_region(start + 2 * SPAN, REGION_B);
}

static void region_may_lie_under_two_nodes(void **state)
{
    uintptr_t start = node(6) - SPAN;

    assert_true(address_map_add_region(REGION_A, at(start), 2 * SPAN));
    assert_int_equal(fake_os_calls(FAKE_OS_MAP), 2);
    expect_region(start, REGION_A);
    expect_region(node(6), REGION_A);
    address_map_remove_region(at(start), 2 * SPAN);
    assert_int_equal(kind(node(6)), ADDRESS_FOREIGN);
}

static void large_block_is_found_at_its_first_byte_only(void **state)
{
    uintptr_t start = node(7) + 9 * PAGE;

    assert_true(address_map_add_large(at(start), 3 * PAGE));
    expect_large(start, 3 * PAGE);
    for (uintptr_t inside = start + 1; inside <= start + 3 * PAGE; inside++) {
        assert_int_equal(kind(inside), ADDRESS_FOREIGN);
    }
    assert_int_equal(kind(start - PAGE), ADDRESS_FOREIGN);
    assert_int_equal(kind(start - 1), ADDRESS_FOREIGN);
}

static void large_block_has_the_size_given_last(void **state)
{
    const size_t huge = (size_t)1 << 46;
    uintptr_t start = node(8);

    assert_true(address_map_add_large(at(start), PAGE));
    address_map_resize_large(at(start), huge);
    expect_large(start, huge);
    address_map_resize_large(at(start), 2 * PAGE);
    expect_large(start, 2 * PAGE);
}

static void freed_large_block_leaves_a_mark(void **state)
{
    uintptr_t start = node(9);

    assert_true(address_map_add_large(at(start), 2 * PAGE));
    assert_true(address_map_remove_large(at(start), 2 * PAGE));
    assert_int_equal(kind(start), ADDRESS_LARGE_FREED);
    assert_int_equal(kind(start + 1), ADDRESS_FOREIGN);
    assert_false(address_map_remove_large(at(start), 2 * PAGE));
    assert_true(address_map_add_large(at(start), PAGE));
    expect_large(start, PAGE);
}

/* Of two who free with an old size, neither takes the block of a third. */
static void large_block_is_removed_only_with_its_size(void **state)
{
    uintptr_t start = node(10);

    assert_true(address_map_add_large(at(start), 2 * PAGE));
    assert_false(address_map_remove_large(at(start), PAGE));
    expect_large(start, 2 * PAGE);
}

static void regions_and_large_blocks_take_turns_on_a_span(void **state)
{
    uintptr_t start = node(11);

    for (int turn = 0; turn < 3; turn++) {
        assert_true(address_map_add_large(at(start), PAGE));
        assert_true(address_map_add_large(at(start + 7 * PAGE), 4 * PAGE));
        expect_large(start + 7 * PAGE, 4 * PAGE);
        assert_true(address_map_remove_large(at(start), PAGE));
        assert_true(address_map_remove_large(at(start + 7 * PAGE), 4 * PAGE));
        assert_true(address_map_add_region(REGION_B, at(start), SPAN));
        expect_region(start, REGION_B);
        expect_region(start + 7 * PAGE, REGION_B);
        address_map_remove_region(at(start), SPAN);
        assert_int_not_equal(kind(start + 7 * PAGE), ADDRESS_REGION);
    }
}

static void failing_node_changes_nothing(void **state)
{
    uintptr_t start = node(12);

    fake_os_fail_all(FAKE_OS_MAP);
    assert_false(address_map_add_region(REGION_A, at(start), SPAN));
    assert_false(address_map_add_large(at(start), PAGE));
    assert_int_equal(kind(start), ADDRESS_FOREIGN);
    assert_int_equal(fake_os_calls(FAKE_OS_UNMAP), 0);
    fake_os_fail_none();
    assert_true(address_map_add_region(REGION_A, at(start), SPAN));
    expect_region(start, REGION_A);
}

static void failing_second_node_changes_nothing(void **state)
{
    uintptr_t start = node(14) - SPAN;

    fake_os_fail_nth(FAKE_OS_MAP, 2);
    assert_false(address_map_add_region(REGION_A, at(start), 2 * SPAN));
    assert_int_equal(kind(start), ADDRESS_FOREIGN);
    assert_int_equal(kind(node(14)), ADDRESS_FOREIGN);
    assert_true(address_map_add_region(REGION_A, at(start), 2 * SPAN));
    expect_region(node(14), REGION_A);
}

static void failing_leaf_changes_nothing(void **state)
{
    uintptr_t start = node(15);

    fake_os_fail_nth(FAKE_OS_MAP, 2);
    assert_false(address_map_add_large(at(start), PAGE));
    assert_int_equal(kind(start), ADDRESS_FOREIGN);
    assert_true(address_map_add_large(at(start), PAGE));
    expect_large(start, PAGE);
    assert_int_equal(fake_os_calls(FAKE_OS_MAP), 3);
}

static void tree_is_made_once_and_kept(void **state)
{
    uintptr_t start = node(16);
    size_t before = fake_os_usable_bytes();

    for (size_t page = 0; page < SPAN / PAGE; page++) {
        assert_true(address_map_add_large(at(start + page * PAGE), PAGE));
    }
    for (size_t page = 0; page < SPAN / PAGE; page++) {
        expect_large(start + page * PAGE, PAGE);
        assert_true(address_map_remove_large(at(start + page * PAGE), PAGE));
    }
    assert_int_equal(fake_os_usable_bytes() - before, NODE_BYTES + LEAF_BYTES);
}

static bool inside(uintptr_t address)
{
    return address_map_is_inside_large(at(address));
}

static void addresses_inside_of_large_blocks_are_known(void **state)
{
    uintptr_t start = node(18) + SPAN - 2 * PAGE;
    const size_t bytes = 3 * SPAN; /* it ends in the fourth span */

    assert_false(inside(start + 1));
    assert_true(address_map_add_large(at(start), bytes));
    assert_true(inside(start + 1));
    assert_true(inside(start + PAGE));
    assert_true(inside(start + 2 * PAGE)); /* the next span */
    assert_true(inside(start + bytes - 1));
    assert_false(inside(start + bytes));
    assert_false(inside(start - 1));
    assert_true(address_map_remove_large(at(start), bytes));
    assert_false(inside(start + 1));
    assert_false(inside(start + bytes - 1));
}

static void freed_block_in_between_hides_nothing(void **state)
{
    uintptr_t start = node(19);

    assert_true(address_map_add_large(at(start + PAGE), PAGE));
    assert_true(address_map_remove_large(at(start + PAGE), PAGE));
    assert_true(address_map_add_large(at(start), 4 * PAGE));
    assert_true(inside(start + PAGE + 1));
    assert_true(inside(start + 3 * PAGE));
    assert_true(address_map_add_large(at(start + 4 * PAGE), PAGE));
    assert_true(inside(start + 4 * PAGE + 1));
    assert_false(inside(start + 5 * PAGE));
}

static void inside_is_looked_for_in_bounded_time(void **state)
{
    uintptr_t start = node(20);
    const size_t looked_at = 64 * SPAN;

    assert_true(address_map_add_large(at(start), NODE_SPACE));
    assert_true(inside(start + looked_at - 1));
    assert_false(inside(start + looked_at));
    assert_false(inside(0));
    assert_false(inside(1));
    assert_false(inside(SIZE_MAX));
    assert_false(inside(TREE_END));
}

/* Threads that enter their own pages of the same spans at the same time. */
struct adder {
    pthread_barrier_t *start_line;
    uintptr_t start;
    uintptr_t number;
};

#define SPANS_PER_ADDER 64

static void *add_blocks(void *arg)
{
    const struct adder *adder = arg;

    pthread_barrier_wait(adder->start_line);
    for (uintptr_t span = 0; span < SPANS_PER_ADDER; span++) {
        uintptr_t block = adder->start + span * SPAN + adder->number * PAGE;

        if (!address_map_add_large(at(block), (adder->number + 1) * PAGE)) {
            return (void *)block;
        }
    }
    return NULL;
}

static void threads_build_the_tree_together(void **state)
{
    pthread_barrier_t start_line;
    struct adder adders[THREADS];
    pthread_t threads[THREADS];
    size_t before = fake_os_usable_bytes();

    pthread_barrier_init(&start_line, NULL, THREADS);
    for (uintptr_t i = 0; i < THREADS; i++) {
        adders[i] = (struct adder){&start_line, node(17), i};
        assert_int_equal(pthread_create(&threads[i], NULL, add_blocks, &adders[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        void *refused;

        pthread_join(threads[i], &refused);
        assert_null(refused);
    }
    pthread_barrier_destroy(&start_line);
    for (uintptr_t span = 0; span < SPANS_PER_ADDER; span++) {
        for (uintptr_t i = 0; i < THREADS; i++) {
            expect_large(node(17) + span * SPAN + i * PAGE, (i + 1) * PAGE);
        }
    }
    /* Those who came second gave their copies back. */
    assert_int_equal(fake_os_usable_bytes() - before, NODE_BYTES + SPANS_PER_ADDER * LEAF_BYTES);
}

#define TEST(name) cmocka_unit_test_setup(name, fresh_script)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(wild_addresses_are_foreign),
        TEST(addresses_beyond_the_tree_do_not_wrap_into_it),
        TEST(region_owns_every_address_of_its_spans),
        TEST(neighbouring_regions_are_told_apart),
        TEST(region_may_lie_under_two_nodes),
        TEST(large_block_is_found_at_its_first_byte_only),
        TEST(large_block_has_the_size_given_last),
        TEST(freed_large_block_leaves_a_mark),
        TEST(large_block_is_removed_only_with_its_size),
        TEST(regions_and_large_blocks_take_turns_on_a_span),
        TEST(failing_node_changes_nothing),
        TEST(failing_second_node_changes_nothing),
        TEST(failing_leaf_changes_nothing),
        TEST(tree_is_made_once_and_kept),
        TEST(addresses_inside_of_large_blocks_are_known),
        TEST(freed_block_in_between_hides_nothing),
        TEST(inside_is_looked_for_in_bounded_time),
        TEST(threads_build_the_tree_together),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
