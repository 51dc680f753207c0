/* SPDX-License-Identifier: Apache-2.0 */
/* Slices: what an address belongs to, which slices are taken, and when their memory goes back. Each
 * test is a process of its own, for there is one range in a process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "process/options.h"
#include "process/slab.h"
#include "../support/death.h"
#include "../support/fake_os.h"

#define STEP 64u

/* In children: a failed expectation ends them. */
static void expect(bool condition, const char *what)
{
    if (!condition) {
        write(2, what, strlen(what));
        _exit(1);
    }
}
#define EXPECT(condition) expect((condition), #condition "\n")

static void in_a_process(void (*test)(void *arg))
{
    struct death death = death_of(test, NULL);

    if (death.signal != 0 || death.exit_code != 0) {
        fail_msg("%s", death.message);
    }
}

static void take_and_give(void *arg)
{
    EXPECT(slice_region_reserve());
    EXPECT(slices_take(1) == 0);
    EXPECT(slices_take(4) == 1);
    EXPECT(slices_take(1) == 5);
    EXPECT(slices_in_use() == 6);
    slices_give(1, 4);
    EXPECT(slices_take(2) == 1);
    EXPECT(slices_take(3) == 6);
    EXPECT(slices_take(1) == 3);
    memset(slice_start(6), 1, 3 * SLICE_BYTES);
}

static void the_lowest_slices_are_taken_first(void **state)
{
    in_a_process(take_and_give);
}

static void look_up(void *arg)
{
    int here;

    EXPECT(slab_at(&here) == NULL && slab_at(NULL) == NULL);
    EXPECT(slice_region_reserve() && slice_region_exists());
    EXPECT(slab_at(&here) == NULL && slab_at(NULL) == NULL && slab_at((void *)UINTPTR_MAX) == NULL);
    EXPECT(slab_at(slice_start(0)) == NULL);
    EXPECT(slices_take(1) == 0);
    EXPECT(slab_at((char *)slice_start(0) - 1) == NULL);
    for (size_t i = 0; i < STEP; i++) {
        EXPECT(slab_at(slice_start(i)) == slab_of_slice(i));
        EXPECT(slab_at((char *)slice_start(i) + SLICE_BYTES - 1) == slab_of_slice(i));
        EXPECT(slab_of_slice(i)->slices == 0);
    }
    EXPECT(slab_at(slice_start(STEP)) == NULL);
}

static void every_address_has_a_right_answer(void **state)
{
    in_a_process(look_up);
}

static void reserve_smaller(void *arg)
{
    fake_os_fail_next(FAKE_OS_RESERVE, 2);
    EXPECT(slice_region_reserve());
    EXPECT(fake_os_calls(FAKE_OS_RESERVE) == 3);
    EXPECT(slices_take(1) == 0);
}

static void a_smaller_range_will_do(void **state)
{
    in_a_process(reserve_smaller);
}

static void reserve_nothing(void *arg)
{
    fake_os_fail_all(FAKE_OS_RESERVE);
    EXPECT(!slice_region_reserve() && !slice_region_exists());
    EXPECT(slices_take(1) == SLICE_NONE);
    EXPECT(slices_in_use() == 0 && slices_purge() == 0);
}

static void without_a_range_there_are_no_slices(void **state)
{
    in_a_process(reserve_nothing);
}

static void fail_to_commit(void *arg)
{
    EXPECT(slice_region_reserve());
    fake_os_fail_next(FAKE_OS_COMMIT, 1);
    EXPECT(slices_take(1) == SLICE_NONE);
    fake_os_fail_nth(FAKE_OS_COMMIT, 2);
    EXPECT(slices_take(1) == SLICE_NONE);
    EXPECT(slices_in_use() == 0);
    fake_os_fail_none();
    EXPECT(slices_take(1) == 0);
    *(char *)slice_start(0) = 1;
}

static void without_memory_a_slice_stays_free(void **state)
{
    in_a_process(fail_to_commit);
}

static void use_and_purge(void *arg)
{
    EXPECT(slice_region_reserve());
    EXPECT(slices_take(3) == 0);
    memset(slice_start(0), 1, 3 * SLICE_BYTES);
    slices_give(0, 1);
    slices_give(2, 1);
    slices_purge_if_due();
    EXPECT(fake_os_calls(FAKE_OS_DISCARD) == 0);
    fake_os_advance_ns(options_purge_delay_ns());
    slices_purge_if_due();
    EXPECT(fake_os_calls(FAKE_OS_DISCARD) == 1);
    slices_purge_if_due();
    EXPECT(fake_os_calls(FAKE_OS_DISCARD) == 2);
    EXPECT(*(char *)slice_start(1) == 1);
    slices_purge_if_due();
    EXPECT(slices_purge() == 0);
    EXPECT(slices_take(1) == 0 && *(char *)slice_start(0) == 0);
    EXPECT(slices_take(1) == 2 && *(char *)slice_start(2) == 0);
}

static void memory_goes_back_after_the_delay(void **state)
{
    in_a_process(use_and_purge);
}

/* As much as is in use, and 64 MiB, is kept. */
static void give_too_much(void *arg)
{
    const size_t kept = 64 << 20 >> SLICE_SHIFT;

    EXPECT(slice_region_reserve());
    EXPECT(slices_take(kept + 3) == 0);
    slices_give(1, kept + 1);
    slices_purge_if_due();
    EXPECT(fake_os_calls(FAKE_OS_DISCARD) == 0);
    EXPECT(slices_in_use() == 2);
    slices_give(0, 1);
    slices_purge_if_due();
    EXPECT(fake_os_calls(FAKE_OS_DISCARD) == 1);
    slices_purge_if_due();
    EXPECT(fake_os_calls(FAKE_OS_DISCARD) == 1);
    EXPECT(slices_purge() == (kept + 2 - 16) << SLICE_SHIFT);
    EXPECT(slices_purge() == 0);
}

static void more_than_is_in_use_goes_back_at_once(void **state)
{
    in_a_process(give_too_much);
}

static void refuse_to_discard(void *arg)
{
    EXPECT(slice_region_reserve());
    EXPECT(slices_take(1) == 0);
    *(char *)slice_start(0) = 1;
    slices_give(0, 1);
    fake_os_fail_next(FAKE_OS_DISCARD, 1);
    EXPECT(slices_purge() == 0);
    EXPECT(slices_purge() == SLICE_BYTES);
    EXPECT(slices_purge() == 0);
    EXPECT(slices_take(1) == 0);
}

static void what_the_system_refuses_is_tried_again(void **state)
{
    in_a_process(refuse_to_discard);
}

static int begin(void **state)
{
    fake_os_reset();
    return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, begin)
    const struct CMUnitTest tests[] = {
        TEST(the_lowest_slices_are_taken_first),
        TEST(every_address_has_a_right_answer),
        TEST(a_smaller_range_will_do),
        TEST(without_a_range_there_are_no_slices),
        TEST(without_memory_a_slice_stays_free),
        TEST(memory_goes_back_after_the_delay),
        TEST(more_than_is_in_use_goes_back_at_once),
        TEST(what_the_system_refuses_is_tried_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
