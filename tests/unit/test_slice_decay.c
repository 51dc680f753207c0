/* SPDX-License-Identifier: Apache-2.0 */
/* When memory that nobody needs goes back: a play of numbers against the clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "process/options.h"
#include "process/slice_decay.h"
#include "../support/fake_os.h"

#define DELAY_MS  900u
#define NS_PER_MS UINT64_C(1000000)

static size_t kept;

static void keep(size_t slices)
{
    kept += slices;
}

static void use(size_t slices)
{
    kept -= slices;
    slice_decay_fewer_are_kept(kept);
}

/* Gives back what is due; returns how many. */
static size_t tick(unsigned int ms)
{
    fake_os_advance_ns(ms * NS_PER_MS);
    size_t due = slice_decay_due(kept);

    kept -= due;
    slice_decay_gone(due);
    return due;
}

static size_t ticks(unsigned int ms)
{
    size_t gone = 0;

    for (unsigned int i = 0; i < ms; i++) {
        gone += tick(1);
    }
    return gone;
}

static void what_nobody_needs_goes_little_by_little(void **state)
{
    keep(1);
    assert_int_equal(tick(0), 0); /* the first look: a window begins */
    assert_int_equal(ticks(100), 0);
    keep(599);
    assert_int_equal(ticks(500), 1); /* what was kept in all of the first window */
    for (unsigned int i = 0; i < 299; i++) {
        assert_in_range(tick(1), 1, 3);
    }
    ticks(2);
    assert_int_equal(kept, 0);
}

static void what_is_needed_by_turns_stays(void **state)
{
    for (unsigned int i = 0; i < 20; i++) {
        keep(1000);
        assert_int_equal(ticks(200), 0);
        use(1000);
        assert_int_equal(ticks(50), 0);
    }
}

static void only_what_is_not_needed_by_turns_goes(void **state)
{
    size_t gone = 0;

    keep(300);
    for (unsigned int i = 0; i < 20; i++) {
        gone += ticks(100);
        keep(1000);
        gone += ticks(100);
        use(1000);
    }
    assert_int_equal(gone, 300);
}

static void who_calls_seldom_gives_much_but_not_all(void **state)
{
    keep(10000);
    assert_int_equal(tick(10 * DELAY_MS), 0);
    assert_int_equal(tick(10 * DELAY_MS), 256);
    assert_int_equal(tick(DELAY_MS / 3 - 1), 256);
    assert_int_equal(tick(DELAY_MS), 256);
}

static void what_was_due_before_goes_first(void **state)
{
    keep(60);
    assert_int_equal(tick(0), 0);
    assert_int_equal(tick(DELAY_MS / 3), 0); /* a window begins */
    keep(90);
    assert_int_equal(tick(DELAY_MS / 6), 30);
    assert_int_equal(tick(DELAY_MS / 6), 30); /* another begins, in which nothing is due */
    assert_int_equal(tick(DELAY_MS / 6), 0);
    assert_int_equal(tick(DELAY_MS / 6), 0); /* another, in which the other 90 are */
    assert_int_equal(tick(DELAY_MS / 6), 45);
}

static void without_a_delay_all_is_due(void **state)
{
    options_set_purge_delay_ms(0);
    keep(100);
    assert_int_equal(tick(0), 0);
    assert_int_equal(tick(0), 100);
    assert_int_equal(tick(0), 0);
}

static int begin(void **state)
{
    fake_os_reset();
    assert_true(options_set_purge_delay_ms(DELAY_MS));
    return 0;
}

/* So that the next test begins as the first one. */
static int end(void **state)
{
    use(kept);
    options_set_purge_delay_ms(DELAY_MS);
    for (unsigned int i = 0; i < 3; i++) {
        tick(DELAY_MS);
    }
    return kept == 0 ? 0 : -1;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(what_nobody_needs_goes_little_by_little),
        TEST(what_is_needed_by_turns_stays),
        TEST(only_what_is_not_needed_by_turns_goes),
        TEST(who_calls_seldom_gives_much_but_not_all),
        TEST(what_was_due_before_goes_first),
        TEST(without_a_delay_all_is_due),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
