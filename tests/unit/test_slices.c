/* SPDX-License-Identifier: Apache-2.0 */
/* Slices: what an address belongs to, which slices are taken, and when their memory goes back. Each
 * test is a process of its own, for there is one range in a process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "process/options.h"
#include "process/slab.h"
#include "process/thread_cache.h"
#include "../support/fake_os.h"
#include "../support/good_child.h"
#include "../support/memory_look.h"
#include "../support/random.h"
#include "../support/stepping.h"

#define STEP 64u

static void take_and_give(void *arg)
{
    CHECK_THAT(slices_reserve());
    CHECK_THAT(slices_take(1) == 0);
    CHECK_THAT(slices_take(4) == 1);
    CHECK_THAT(slices_take(1) == 5);
    CHECK_THAT(slices_in_use() == 6);
    slices_give(1, 4);
    CHECK_THAT(slices_take(2) == 1);
    CHECK_THAT(slices_take(3) == 6);
    CHECK_THAT(slices_take(1) == 3);
    memset(slice_start(6), 1, 3 * SLICE_BYTES);
}

static void the_lowest_slices_are_taken_first(void **state)
{
    expect_good_child(take_and_give, NULL);
}

static void look_up(void *arg)
{
    int here;

    CHECK_THAT(slab_at(&here) == NULL && slab_at(NULL) == NULL);
    CHECK_THAT(slices_reserve() && slice_range_exists());
    CHECK_THAT(slab_at(&here) == NULL && slab_at(NULL) == NULL &&
               slab_at((void *)UINTPTR_MAX) == NULL);
    CHECK_THAT(slab_at(slice_start(0)) == NULL);
    CHECK_THAT(slices_take(1) == 0);
    CHECK_THAT(slab_at((char *)slice_start(0) - 1) == NULL);
    for (size_t i = 0; i < STEP; i++) {
        CHECK_THAT(slab_at(slice_start(i)) == slab_of_slice(i));
        CHECK_THAT(slab_at((char *)slice_start(i) + SLICE_BYTES - 1) == slab_of_slice(i));
        CHECK_THAT(slab_of_slice(i)->slices == 0);
    }
    CHECK_THAT(slab_at(slice_start(STEP)) == NULL);
}

static void every_address_has_a_right_answer(void **state)
{
    expect_good_child(look_up, NULL);
}

static void reserve_smaller(void *arg)
{
    fake_os_fail_next(FAKE_OS_RESERVE, 2);
    CHECK_THAT(slices_reserve());
    CHECK_THAT(fake_os_calls(FAKE_OS_RESERVE) >= 3);
    CHECK_THAT(slices_take(1) == 0);
}

static void reserve_least(void *arg)
{
    fake_os_fail_next(FAKE_OS_RESERVE, 4);
    CHECK_THAT(slices_reserve());
    CHECK_THAT(slice_range_slices() == 1024);
    CHECK_THAT(slices_take(1) == 0);
    CHECK_THAT(!slices_take_at(1024, 1) && slices_take_at(1023, 1));
}

static void a_smaller_range_will_do(void **state)
{
    expect_good_child(reserve_smaller, NULL);
    expect_good_child(reserve_least, NULL);
}

static void reserve_nothing(void *arg)
{
    fake_os_fail_all(FAKE_OS_RESERVE);
    CHECK_THAT(!slices_reserve() && !slice_range_exists());
    CHECK_THAT(slices_take(1) == SLICE_NONE);
    CHECK_THAT(slices_in_use() == 0 && slices_purge() == 0);
}

static void without_a_range_there_are_no_slices(void **state)
{
    expect_good_child(reserve_nothing, NULL);
}

/* What one page of page tables describes. */
#define HUGE_BYTES ((uintptr_t)2 << 20)

/* The first cache is a variable; the bits, the first descriptors and the first slices are usable by
 * a call each. A range is asked for once, or again if it is at a wrong place (slice_window.c);
 * Valgrind refuses the largest. */
static void start(void *arg)
{
    thread_cache_init();
    thread_cache_prepare();
    CHECK_THAT(slices_in_use() == 1);
    CHECK_THAT(fake_os_calls(FAKE_OS_MAP) == 0);
    CHECK_THAT(fake_os_calls(FAKE_OS_RESERVE) <= 2 || stepping_is_under_valgrind());
    CHECK_THAT(fake_os_calls(FAKE_OS_COMMIT) == 3);
    CHECK_THAT((uintptr_t)slice_range_bits() % HUGE_BYTES == 0);
}

static void a_process_starts_with_few_system_calls(void **state)
{
    expect_good_child(start, NULL);
}

static void take_huge(void *arg)
{
    CHECK_THAT(slices_reserve());
    CHECK_THAT(slices_take(1) == 0);
    CHECK_THAT(fake_os_calls(FAKE_OS_PREFER_HUGE) == 0);
    fake_os_set_options("huge=1");
    CHECK_THAT(options_read());
    CHECK_THAT(slices_take(STEP) == 1);
    CHECK_THAT(fake_os_calls(FAKE_OS_PREFER_HUGE) == 1);
}

static void huge_pages_are_preferred_if_asked_for(void **state)
{
    expect_good_child(take_huge, NULL);
}

/* Slices whose descriptors are made usable in one step. */
#define DESCRIBED_TOGETHER (((size_t)1 << 20) / sizeof(struct slab))

static void fail_to_commit(void *arg)
{
    CHECK_THAT(slices_reserve());
    fake_os_fail_next(FAKE_OS_COMMIT, 1);
    CHECK_THAT(slices_take(1) == SLICE_NONE);
    fake_os_fail_next(FAKE_OS_COMMIT, 1);
    CHECK_THAT(!slices_take_at(DESCRIBED_TOGETHER, 1));
    fake_os_fail_nth(FAKE_OS_COMMIT, 2);
    CHECK_THAT(!slices_take_at(DESCRIBED_TOGETHER, 1));
    CHECK_THAT(slices_in_use() == 0);
    fake_os_fail_none();
    CHECK_THAT(slices_take(1) == 0);
    *(char *)slice_start(0) = 1;
    CHECK_THAT(slices_take_at(DESCRIBED_TOGETHER, 1));
    CHECK_THAT(slab_of_slice(DESCRIBED_TOGETHER)->slices == 0);
}

static void end_range(void *arg)
{
    CHECK_THAT(slices_reserve());
    CHECK_THAT(slices_take(1) == 0);
    slice_range_end();
    CHECK_THAT(slice_range_slices() == STEP && fake_os_reserved_bytes() < 2 * STEP * SLICE_BYTES);
    CHECK_THAT(slices_take(STEP) == SLICE_NONE && slices_take(STEP - 1) == 1);
    CHECK_THAT(slices_take(1) == SLICE_NONE && !slices_take_at(STEP, 1));
    memset(slice_start(0), 1, STEP * SLICE_BYTES);
    slices_give(0, STEP);
    CHECK_THAT(slices_take(STEP) == 0 && slices_in_use() == STEP);
    slice_range_end();
    CHECK_THAT(slice_range_slices() == STEP);
}

static void a_range_that_has_ended_has_what_it_had(void **state)
{
    expect_good_child(end_range, NULL);
}

static void without_memory_a_slice_stays_free(void **state)
{
    expect_good_child(fail_to_commit, NULL);
}

/* So many slices, one at a time. */
static void take_one_by_one(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        CHECK_THAT(slices_take(1) != SLICE_NONE);
    }
}

/* The next step and the next page of descriptors come before they are needed, and by two calls. */
static void take_what_is_ready(void *arg)
{
    CHECK_THAT(slices_reserve());
    take_one_by_one(STEP / 4);
    CHECK_THAT(!slice_is_known(STEP));
    take_one_by_one(1);
    CHECK_THAT(slice_is_known(STEP));
    take_one_by_one(STEP / 2 - 2);
    CHECK_THAT(!is_there(slab_of_slice(STEP)));
    take_one_by_one(1);
    CHECK_THAT(is_there(slab_of_slice(STEP)));
    fake_os_fail_all(FAKE_OS_COMMIT);
    take_one_by_one(STEP / 4 + STEP); /* what cannot be had ahead is not needed yet */
    CHECK_THAT(slices_take(1) == SLICE_NONE);
}

static void slices_are_ready_before_they_are_taken(void **state)
{
    expect_good_child(take_what_is_ready, NULL);
}

/* As time goes on, in so many calls. */
static void wait_and_purge(unsigned int calls)
{
    for (unsigned int i = 0; i < calls; i++) {
        fake_os_advance_ns(options_purge_delay_ns() / calls);
        slices_purge_if_due();
    }
}

static void use_and_purge(void *arg)
{
    CHECK_THAT(slices_reserve());
    CHECK_THAT(slices_take(3) == 0);
    memset(slice_start(0), 1, 3 * SLICE_BYTES);
    slices_give(0, 1);
    slices_give(2, 1);
    slices_purge_if_due();
    CHECK_THAT(fake_os_calls(FAKE_OS_DISCARD) == 0);
    wait_and_purge(20);
    CHECK_THAT(fake_os_calls(FAKE_OS_DISCARD) == 2);
    CHECK_THAT(*(char *)slice_start(1) == 1);
    CHECK_THAT(slices_purge() == 0);
    wait_and_purge(20);
    CHECK_THAT(fake_os_calls(FAKE_OS_DISCARD) == 2);
    CHECK_THAT(slices_take(1) == 0 && *(char *)slice_start(0) == 0);
    CHECK_THAT(slices_take(1) == 2 && *(char *)slice_start(2) == 0);
}

static void memory_goes_back_after_the_delay(void **state)
{
    expect_good_child(use_and_purge, NULL);
}

static void give_at_once(void *arg)
{
    options_set_purge_delay_ms(0);
    CHECK_THAT(slices_reserve());
    CHECK_THAT(slices_take(3) == 0);
    memset(slice_start(0), 1, 3 * SLICE_BYTES);
    fake_os_fail_next(FAKE_OS_DISCARD, 1);
    slices_give(0, 1);
    slices_give(1, 2);
    CHECK_THAT(fake_os_calls(FAKE_OS_DISCARD) == 2);
    CHECK_THAT(slices_purge() == SLICE_BYTES); /* what was refused */
}

static void without_a_delay_memory_goes_back_at_once(void **state)
{
    expect_good_child(give_at_once, NULL);
}

/* More at once than is in use besides, and 64 MiB. */
static void give_much(void *arg)
{
    const size_t much = 64 << 20 >> SLICE_SHIFT;

    CHECK_THAT(slices_reserve());
    CHECK_THAT(slices_take(2 * much + 10) == 0);
    slices_give(much, much + 10);
    CHECK_THAT(fake_os_calls(FAKE_OS_DISCARD) == 0);
    slices_give(0, much);
    CHECK_THAT(fake_os_calls(FAKE_OS_DISCARD) == 0);
    CHECK_THAT(slices_take(much + 10) == 0);
    slices_give(0, much + 6);
    CHECK_THAT(fake_os_calls(FAKE_OS_DISCARD) == 1);
    CHECK_THAT(slices_in_use() == 4 && slices_purge() == much << SLICE_SHIFT);
}

static void much_at_once_is_not_kept(void **state)
{
    expect_good_child(give_much, NULL);
}

/* What is far apart in the range is found bit by bit. */
static void purge_from_the_end(void *arg)
{
    const size_t count = scaled_rounds(100000); /* 6 GiB, of which a little is touched */

    CHECK_THAT(slices_reserve());
    CHECK_THAT(slices_take(count) == 0);
    slices_give(7, 1);
    slices_give(count - 3, 2);
    wait_and_purge(100);
    CHECK_THAT(fake_os_calls(FAKE_OS_DISCARD) >= 2 && slices_purge() == 0);
    CHECK_THAT(slices_in_use() == count - 3);
}

static void memory_goes_back_wherever_it_is(void **state)
{
    expect_good_child(purge_from_the_end, NULL);
}

/* Who calls seldom gives back as much in a call as is due by then, in whatever pieces. */
static void purge_pieces(void *arg)
{
    CHECK_THAT(slices_reserve());
    CHECK_THAT(slices_take(100) == 0);
    for (size_t i = 0; i < 100; i += 2) {
        slices_give(i, 1);
    }
    wait_and_purge(3);
    CHECK_THAT(fake_os_calls(FAKE_OS_DISCARD) == 50);
    CHECK_THAT(slices_purge() == 0);
}

static void pieces_go_back_together(void **state)
{
    expect_good_child(purge_pieces, NULL);
}

static void take_some(void *arg)
{
    CHECK_THAT(slices_reserve());
    CHECK_THAT(slices_take(10) == 0);
    slices_give(3, 4);
    CHECK_THAT(!slices_take_at(2, 2) && !slices_take_at(6, 2) && slices_take_at(3, 2));
    CHECK_THAT(!slices_take_at((size_t)1 << 40, 1) && !slices_take_at(5, SIZE_MAX));
    CHECK_THAT(slices_in_use() == 8);
    CHECK_THAT(slices_take(2) == 5);
    fake_os_fail_all(FAKE_OS_COMMIT);
    CHECK_THAT(!slices_take_at(10, 1000));
    CHECK_THAT(slices_take_at(10, 1) && slices_in_use() == 11);
}

static void slices_can_be_taken_by_number(void **state)
{
    expect_good_child(take_some, NULL);
}

static void take_zeros(void *arg)
{
    CHECK_THAT(slices_reserve());
    CHECK_THAT(slices_take(6) == 0);
    memset(slice_start(0), 1, 6 * SLICE_BYTES);
    slices_give(1, 1);
    slices_give(3, 2);
    CHECK_THAT(slices_take_zeroed(1) == 1);
    CHECK_THAT(slices_take_zeroed(2) == 3);
    for (size_t i = 0; i < SLICE_BYTES; i++) {
        char *slice = slice_start(0);
        CHECK_THAT(slice[i] == 1 && slice[SLICE_BYTES + i] == 0 && slice[2 * SLICE_BYTES + i] == 1);
        CHECK_THAT(slice[3 * SLICE_BYTES + i] == 0 && slice[4 * SLICE_BYTES + i] == 0);
    }
    slices_give(1, 1);
    CHECK_THAT(slices_purge() == SLICE_BYTES); /* taken, it was not kept */
    slices_give_untouched(3, 2);
    CHECK_THAT(slices_purge() == 0);
}

static void slices_can_be_taken_as_zeros(void **state)
{
    expect_good_child(take_zeros, NULL);
}

static void refuse_to_discard(void *arg)
{
    CHECK_THAT(slices_reserve());
    CHECK_THAT(slices_take(1) == 0);
    *(char *)slice_start(0) = 1;
    slices_give(0, 1);
    fake_os_fail_next(FAKE_OS_DISCARD, 1);
    CHECK_THAT(slices_purge() == 0);
    CHECK_THAT(slices_purge() == SLICE_BYTES);
    CHECK_THAT(slices_purge() == 0);
    CHECK_THAT(slices_take(1) == 0);
}

static void what_the_system_refuses_is_tried_again(void **state)
{
    expect_good_child(refuse_to_discard, NULL);
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
        TEST(a_process_starts_with_few_system_calls),
        TEST(huge_pages_are_preferred_if_asked_for),
        TEST(the_lowest_slices_are_taken_first),
        TEST(every_address_has_a_right_answer),
        TEST(a_smaller_range_will_do),
        TEST(without_a_range_there_are_no_slices),
        TEST(a_range_that_has_ended_has_what_it_had),
        TEST(without_memory_a_slice_stays_free),
        TEST(slices_are_ready_before_they_are_taken),
        TEST(memory_goes_back_after_the_delay),
        TEST(without_a_delay_memory_goes_back_at_once),
        TEST(much_at_once_is_not_kept),
        TEST(memory_goes_back_wherever_it_is),
        TEST(pieces_go_back_together),
        TEST(slices_can_be_taken_by_number),
        TEST(slices_can_be_taken_as_zeros),
        TEST(what_the_system_refuses_is_tried_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
