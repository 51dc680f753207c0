/* SPDX-License-Identifier: Apache-2.0 */
/* The fake operating system itself: that it finds use against the contract, and follows its script.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "os/os.h"
#include "../support/death.h"
#include "../support/fake_os.h"

#define PAGE ((size_t)4096)

static char *reserved; /* 16 pages, the first four of them usable */
static char *mapped;   /* 4 pages */

static int some_memory(void **state)
{
    fake_os_reset();
    reserved = os_reserve(16 * PAGE, PAGE);
    assert_true(os_commit(reserved, 4 * PAGE));
    mapped = os_map(4 * PAGE, PAGE);
    assert_non_null(mapped);
    return 0;
}

static int all_given_back(void **state)
{
    fake_os_reset();
    assert_true(os_unmap(reserved, 16 * PAGE));
    assert_true(os_unmap(mapped, 4 * PAGE));
    assert_int_equal(fake_os_reserved_bytes(), 0);
    assert_int_equal(fake_os_usable_bytes(), 0);
    return 0;
}

static void commit_unaligned(void *arg)
{
    os_commit(reserved + 4 * PAGE + 8, PAGE);
}

static void commit_odd_size(void *arg)
{
    os_commit(reserved + 4 * PAGE, PAGE + 1);
}

static void commit_nothing(void *arg)
{
    os_commit(reserved + 4 * PAGE, 0);
}

static void commit_usable(void *arg)
{
    os_commit(reserved + 3 * PAGE, 2 * PAGE);
}

static void commit_beyond_end(void *arg)
{
    os_commit(reserved + 12 * PAGE, 5 * PAGE);
}

static void decommit_reserved(void *arg)
{
    os_decommit(reserved + 3 * PAGE, 2 * PAGE);
}

static void discard_reserved(void *arg)
{
    os_discard(reserved + 4 * PAGE, PAGE);
}

static void unmap_twice(void *arg)
{
    os_unmap(reserved + 8 * PAGE, 8 * PAGE);
    os_unmap(reserved + 8 * PAGE, PAGE);
}

static void unmap_unknown(void *arg)
{
    os_unmap((void *)(uintptr_t)PAGE, PAGE);
}

static void resize_reserved(void *arg)
{
    os_resize(reserved, 4 * PAGE, 5 * PAGE);
}

static void resize_part(void *arg)
{
    os_resize(mapped, 3 * PAGE, PAGE);
}

static void move_to_smaller(void *arg)
{
    os_move(mapped, 4 * PAGE, reserved + 8 * PAGE, 3 * PAGE);
}

static void move_to_usable(void *arg)
{
    os_move(mapped, 4 * PAGE, reserved, 4 * PAGE);
}

static void move_out_to_smaller(void *arg)
{
    os_move_out(mapped, 4 * PAGE, reserved + 8 * PAGE, 3 * PAGE);
}

static void move_out_of_reserved(void *arg)
{
    os_move_out(reserved + 4 * PAGE, 4 * PAGE, reserved + 8 * PAGE, 4 * PAGE);
}

static void align_below_a_page(void *arg)
{
    os_map(PAGE, 16);
}

static void name_unknown(void *arg)
{
    os_name((void *)(uintptr_t)PAGE, PAGE, "name");
}

static void touch_reserved(void *arg)
{
    reserved[4 * PAGE] = 1;
}

static void misuse_dies(void **state)
{
    const struct {
        crime_fn crime;
        const char *phrase;
    } rows[] = {
        {commit_unaligned, "fake os: os_commit: address or size is not a multiple"},
        {commit_odd_size, "fake os: os_commit: address or size is not a multiple"},
        {commit_nothing, "fake os: os_commit: no bytes at all"},
        {commit_usable, "fake os: os_commit: memory is not in the state"},
        {commit_beyond_end, "fake os: os_commit: "},
        {decommit_reserved, "fake os: os_decommit: memory is not in the state"},
        {discard_reserved, "fake os: os_discard: memory is not in the state"},
        {unmap_twice, "fake os: os_unmap: space that was not given out"},
        {unmap_unknown, "fake os: os_unmap: space that was not given out"},
        {resize_reserved, "fake os: os_resize: not the whole of a mapping"},
        {resize_part, "fake os: os_resize: not the whole of a mapping"},
        {move_to_smaller, "fake os: os_move: target is smaller"},
        {move_to_usable, "fake os: os_move: memory is not in the state"},
        {move_out_to_smaller, "fake os: os_move_out: target is smaller"},
        {move_out_of_reserved, "fake os: os_move_out: memory is not in the state"},
        {align_below_a_page, "fake os: os_map: alignment is not a power of two"},
        {name_unknown, "fake os: os_name: space that was not given out"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        expect_death(rows[i].crime, NULL, rows[i].phrase);
    }
    struct death death = death_of(touch_reserved, NULL);
    assert_true(death.signal != 0 || death.exit_code != 0);
}

/* Also a call that is to fail must be right. */
static void misuse_dies_before_it_fails(void **state)
{
    fake_os_fail_all_memory();
    expect_death(commit_usable, NULL, "fake os: os_commit: memory is not in the state");
    expect_death(resize_part, NULL, "fake os: os_resize: not the whole of a mapping");
}

static void script_is_followed(void **state)
{
    size_t reserved_before = fake_os_reserved_bytes();

    fake_os_fail_nth(FAKE_OS_COMMIT, 2);
    assert_true(os_commit(reserved + 4 * PAGE, PAGE));
    assert_false(os_commit(reserved + 5 * PAGE, PAGE));
    assert_true(os_commit(reserved + 5 * PAGE, PAGE));
    fake_os_fail_next(FAKE_OS_COMMIT, 2);
    assert_false(os_commit(reserved + 6 * PAGE, PAGE));
    assert_false(os_commit(reserved + 6 * PAGE, PAGE));
    assert_true(os_commit(reserved + 6 * PAGE, PAGE));
    fake_os_fail_all(FAKE_OS_DECOMMIT);
    assert_false(os_decommit(reserved + 6 * PAGE, PAGE));
    fake_os_fail_none();
    assert_true(os_commit(reserved + 6 * PAGE, PAGE)); /* was stale */
    assert_true(os_decommit(reserved + 4 * PAGE, 3 * PAGE));
    assert_int_equal(fake_os_reserved_bytes(), reserved_before);
    assert_int_equal(fake_os_calls(FAKE_OS_COMMIT), 8); /* one of them in some_memory */
    assert_int_equal(fake_os_calls(FAKE_OS_DECOMMIT), 2);
}

static void memory_is_as_the_contract_says(void **state)
{
    memset(mapped, 1, 4 * PAGE);
    assert_true(os_discard(mapped + PAGE, PAGE));
    assert_int_equal(mapped[PAGE], 0);
    assert_true(os_resize(mapped, 4 * PAGE, 2 * PAGE));
    assert_true(os_resize(mapped, 2 * PAGE, 4 * PAGE));
    assert_int_equal(mapped[2 * PAGE], 0);
    assert_true(fake_os_is_usable(mapped, 4 * PAGE));
    assert_true(os_unmap(reserved + 15 * PAGE, PAGE));
    char *target = os_reserve(8 * PAGE, PAGE);
    assert_true(os_move(mapped, 4 * PAGE, target, 8 * PAGE));
    assert_int_equal(target[0], 1);
    assert_int_equal(target[8 * PAGE - 1], 0);
    assert_true(os_unmap(target, 8 * PAGE));
    mapped = os_map(4 * PAGE, PAGE);
    mapped[PAGE] = 2;
    target = os_reserve(2 * PAGE, PAGE);
    assert_true(os_move_out(mapped + PAGE, PAGE, target, 2 * PAGE));
    assert_true(target[0] == 2 && target[PAGE] == 0 && mapped[PAGE] == 0);
    assert_true(os_resize(target, 2 * PAGE, PAGE) && os_unmap(target, PAGE));
    assert_true(os_unmap(reserved, 15 * PAGE));
    reserved = os_reserve(16 * PAGE, PAGE);
}

static void alignment_is_no_more_than_asked(void **state)
{
    for (size_t align = PAGE; align <= (size_t)1 << 30; align *= 2) {
        char *start = os_map(PAGE, align);

        assert_int_equal((uintptr_t)start % (2 * align), align);
        assert_true(os_unmap(start, PAGE));
    }
}

static void clock_moves_by_hand(void **state)
{
    uint64_t now = os_now_ns();

    assert_int_equal(os_now_ns(), now);
    fake_os_advance_ns(5);
    assert_int_equal(os_now_ns(), now + 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, some_memory, all_given_back)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(misuse_dies),
        TEST(misuse_dies_before_it_fails),
        TEST(script_is_followed),
        TEST(memory_is_as_the_contract_says),
        TEST(alignment_is_no_more_than_asked),
        TEST(clock_moves_by_hand),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
