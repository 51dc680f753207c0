/* SPDX-License-Identifier: Apache-2.0 */
/* Timeouts at their limits, time points, the clock, and that no sleep is too short. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/time.h>
#include <unistd.h>
#include <cmocka.h>
#include <zephyr/sys/util.h>
#include "kernel/timeout.h"
#include "os/os.h"
#include "../support/sanitizers.h"

#define NS_PER_US     INT64_C(1000)
#define NS_PER_MS     INT64_C(1000000)
#define NS_PER_SECOND INT64_C(1000000000)
#define ABS_MOST      (INT64_MAX - 1)
#define SLEEP_NS      (3 * NS_PER_MS)

BUILD_ASSERT(CONFIG_SYS_CLOCK_TICKS_PER_SEC == NS_PER_SECOND);
BUILD_ASSERT(sizeof(k_ticks_t) == 8, "64 bits on every machine");
BUILD_ASSERT(CONFIG_TIMEOUT_64BIT == 1);

/* Constants at file scope: each maker is one. ISO C has no such initialisers, GNU C does. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
static const struct {
    k_timeout_t timeout;
    k_ticks_t ticks;
} constants[] = {
    {K_NO_WAIT, 0},
    {K_FOREVER, -1},
    {Z_TIMEOUT_NO_WAIT, 0},
    {Z_FOREVER, K_TICKS_FOREVER},
    {K_NSEC(5), 5},
    {K_USEC(5), 5 * NS_PER_US},
    {K_MSEC(5), 5 * NS_PER_MS},
    {K_SECONDS(5), 5 * NS_PER_SECOND},
    {K_MINUTES(5), 300 * NS_PER_SECOND},
    {K_HOURS(5), 18000 * NS_PER_SECOND},
    {K_CYC(5), 5},
    {K_TICKS(5), 5},
    {Z_TIMEOUT_NS(6), 6},
    {Z_TIMEOUT_US(6), 6 * NS_PER_US},
    {Z_TIMEOUT_MS(6), 6 * NS_PER_MS},
    {Z_TIMEOUT_CYC(6), 6},
    {Z_TIMEOUT_TICKS(6), 6},
    /* Nothing and less. */
    {K_NSEC(0), 0},
    {K_MSEC(0u), 0},
    {K_NSEC(-1), 0},
    {K_USEC(-1), 0},
    {K_MSEC(-1), 0},
    {K_SECONDS(-1), 0},
    {K_MINUTES(-1), 0},
    {K_HOURS(-1), 0},
    {K_CYC(-1), 0},
    {K_TICKS(-1), 0},
    {K_TICKS(INT64_MIN), 0},
    {K_HOURS(INT64_MIN), 0},
    {K_HOURS(INT32_MIN), 0},
    /* What int could not hold, and what no timeout can hold. */
    {K_SECONDS(INT32_MAX), INT32_MAX *NS_PER_SECOND},
    {K_MSEC(UINT32_MAX), UINT32_MAX *NS_PER_MS},
    {K_SECONDS(INT64_MAX / NS_PER_SECOND), INT64_MAX / NS_PER_SECOND *NS_PER_SECOND},
    {K_SECONDS(INT64_MAX / NS_PER_SECOND + 1), INT64_MAX},
    {K_NSEC(INT64_MAX), INT64_MAX},
    {K_TICKS(INT64_MAX), INT64_MAX},
    {K_MSEC(INT64_MAX), INT64_MAX},
    {K_HOURS(INT64_MAX), INT64_MAX},
    {K_HOURS(INT32_MAX), INT64_MAX},
    {K_NSEC(UINT64_MAX), INT64_MAX},
    {K_HOURS(UINT64_MAX), INT64_MAX},
    {K_TICKS(UINT64_C(1) << 63), INT64_MAX},
    /* Absolute. */
    {K_TIMEOUT_ABS_TICKS(0), -2},
    {K_TIMEOUT_ABS_TICKS(5), -2 - 5},
    {K_TIMEOUT_ABS_NS(5), -2 - 5},
    {K_TIMEOUT_ABS_US(5), -2 - 5 * NS_PER_US},
    {K_TIMEOUT_ABS_MS(5), -2 - 5 * NS_PER_MS},
    {K_TIMEOUT_ABS_SEC(5), -2 - 5 * NS_PER_SECOND},
    {K_TIMEOUT_ABS_CYC(5), -2 - 5},
    {K_TIMEOUT_ABS_TICKS(-1), -2},
    {K_TIMEOUT_ABS_SEC(INT64_MIN), -2},
    {K_TIMEOUT_ABS_TICKS(ABS_MOST), INT64_MIN},
    {K_TIMEOUT_ABS_TICKS(ABS_MOST - 1), INT64_MIN + 1},
    {K_TIMEOUT_ABS_TICKS(INT64_MAX), INT64_MIN},
    {K_TIMEOUT_ABS_SEC(INT64_MAX), INT64_MIN},
    {K_TIMEOUT_ABS_NS(UINT64_MAX), INT64_MIN},
};
static const k_timeout_t constant = K_MSEC(100);
#pragma GCC diagnostic pop

static uint64_t now_ns(void)
{
    return os_now_ns();
}

static void constants_have_their_ticks(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(constants); i++) {
        if (constants[i].timeout.ticks != constants[i].ticks) {
            fail_msg("constant %zu: %lld, not %lld", i, (long long)constants[i].timeout.ticks,
                     (long long)constants[i].ticks);
        }
    }
    assert_true(K_TIMEOUT_EQ(constant, K_USEC(100000)));
    assert_false(K_TIMEOUT_EQ(constant, K_NO_WAIT));
    assert_false(K_TIMEOUT_EQ(K_TICKS(INT64_MAX), K_FOREVER));
}

/* The other way through the macros. */
static void variables_give_what_constants_give(void **state)
{
    volatile int64_t least = INT64_MIN;
    volatile int64_t most = INT64_MAX;
    volatile int64_t seconds = INT64_MAX / NS_PER_SECOND;
    volatile uint64_t huge = UINT64_MAX;
    volatile unsigned long word = 7;
    volatile uint32_t wide = UINT32_MAX;
    volatile int32_t negative = -5;
    volatile int8_t small = 100;
    volatile uint8_t byte = 200;
    volatile bool yes = true;

    assert_true(K_TIMEOUT_EQ(K_TICKS(least), K_NO_WAIT));
    assert_true(K_TIMEOUT_EQ(K_HOURS(least), K_NO_WAIT));
    assert_true(K_TIMEOUT_EQ(K_MSEC(negative), K_NO_WAIT));
    assert_true(K_MSEC(small).ticks == 100 * NS_PER_MS);
    assert_true(K_MSEC(byte).ticks == 200 * NS_PER_MS);
    assert_true(K_MSEC(yes).ticks == NS_PER_MS);
    assert_true(K_HOURS(wide).ticks == INT64_MAX);
    assert_true(K_MSEC(wide).ticks == UINT32_MAX * NS_PER_MS);
    assert_true(K_MSEC(word).ticks == 7 * NS_PER_MS);
    assert_true(K_SECONDS(seconds).ticks == seconds * NS_PER_SECOND);
    assert_true(K_SECONDS(seconds + 1).ticks == INT64_MAX);
    assert_true(K_NSEC(most).ticks == INT64_MAX);
    assert_true(K_USEC(most).ticks == INT64_MAX);
    assert_true(K_NSEC(huge).ticks == INT64_MAX);
    assert_true(K_MINUTES(huge).ticks == INT64_MAX);
    assert_true(K_TIMEOUT_ABS_TICKS(most).ticks == INT64_MIN);
    assert_true(K_TIMEOUT_ABS_TICKS(most - 1).ticks == INT64_MIN);
    assert_true(K_TIMEOUT_ABS_TICKS(most - 2).ticks == INT64_MIN + 1);
    assert_true(K_TIMEOUT_ABS_SEC(huge).ticks == INT64_MIN);
    assert_true(K_TIMEOUT_ABS_MS(negative).ticks == -2);
}

static void arguments_are_evaluated_once(void **state)
{
    int i = 1;
    uint64_t n = 1;

    assert_true(K_MSEC(i++).ticks == NS_PER_MS);
    assert_int_equal(i, 2);
    assert_true(K_TIMEOUT_ABS_MS(i++).ticks == -2 - 2 * NS_PER_MS);
    assert_int_equal(i, 3);
    assert_true(K_TICKS(n++).ticks == 1);
    assert_true(n == 2);
}

static void relative_and_absolute_are_told_apart(void **state)
{
    assert_true(Z_IS_TIMEOUT_RELATIVE(K_NO_WAIT));
    assert_true(Z_IS_TIMEOUT_RELATIVE(K_FOREVER));
    assert_true(Z_IS_TIMEOUT_RELATIVE(K_TICKS(INT64_MAX)));
    assert_false(Z_IS_TIMEOUT_RELATIVE(K_TIMEOUT_ABS_TICKS(0)));
    assert_false(Z_IS_TIMEOUT_RELATIVE(K_TIMEOUT_ABS_TICKS(INT64_MAX)));
    assert_true(Z_TICK_ABS(Z_TICK_ABS(0)) == 0);
    assert_true(Z_TICK_ABS(Z_TICK_ABS(ABS_MOST)) == ABS_MOST);
}

static void deadlines_of_forever_and_no_wait(void **state)
{
    assert_true(timeout_deadline_ns(K_FOREVER) == TIMEOUT_NEVER);
    assert_true(timeout_deadline_ns(K_NO_WAIT) == 0);
    assert_true(timeout_deadline_ns(K_MSEC(-1)) == 0);
}

static void expect_deadline_ahead(k_timeout_t timeout)
{
    uint64_t wait_ns = (uint64_t)timeout.ticks;
    uint64_t before_ns = now_ns();
    uint64_t deadline_ns = timeout_deadline_ns(timeout);
    uint64_t after_ns = now_ns();

    assert_true(deadline_ns >= before_ns + wait_ns);
    assert_true(deadline_ns <= after_ns + wait_ns);
    assert_true(deadline_ns != TIMEOUT_NEVER);
}

static void deadlines_of_relative_timeouts(void **state)
{
    expect_deadline_ahead(K_TICKS(1));
    expect_deadline_ahead(K_MSEC(1));
    expect_deadline_ahead(K_HOURS(24));
    expect_deadline_ahead(K_TICKS(INT64_MAX - 1));
    expect_deadline_ahead(K_TICKS(INT64_MAX));
}

static void deadlines_of_absolute_timeouts(void **state)
{
    assert_true(timeout_deadline_ns(K_TIMEOUT_ABS_TICKS(0)) == 0);
    assert_true(timeout_deadline_ns(K_TIMEOUT_ABS_TICKS(1)) == 1);
    assert_true(timeout_deadline_ns(K_TIMEOUT_ABS_MS(1)) == (uint64_t)NS_PER_MS);
    assert_true(timeout_deadline_ns(K_TIMEOUT_ABS_MS(-1)) == 0);
    assert_true(timeout_deadline_ns(K_TIMEOUT_ABS_TICKS(ABS_MOST)) == (uint64_t)ABS_MOST);
    assert_true(timeout_deadline_ns(K_TIMEOUT_ABS_TICKS(INT64_MAX)) == (uint64_t)ABS_MOST);
}

static void forever_and_no_wait_survive_time_points(void **state)
{
    k_timepoint_t never = sys_timepoint_calc(K_FOREVER);
    k_timepoint_t over = sys_timepoint_calc(K_NO_WAIT);

    assert_true(K_TIMEOUT_EQ(sys_timepoint_timeout(never), K_FOREVER));
    assert_true(K_TIMEOUT_EQ(sys_timepoint_timeout(over), K_NO_WAIT));
    assert_false(sys_timepoint_expired(never));
    assert_true(sys_timepoint_expired(over));
}

static void time_points_count_down(void **state)
{
    const k_timeout_t hour = K_HOURS(1);
    k_timepoint_t point = sys_timepoint_calc(hour);
    k_timeout_t first = sys_timepoint_timeout(point);

    assert_true(first.ticks > 0 && first.ticks <= hour.ticks);
    assert_int_equal(k_msleep(1), 0);
    k_timeout_t second = sys_timepoint_timeout(point);
    assert_true(second.ticks <= first.ticks - NS_PER_MS);
    assert_false(sys_timepoint_expired(point));
}

static void time_points_expire(void **state)
{
    k_timepoint_t point = sys_timepoint_calc(K_NSEC(SLEEP_NS));

    assert_true(point.tick > 0);
    k_sleep(K_NSEC(SLEEP_NS));
    assert_true(sys_timepoint_expired(point));
    assert_true(K_TIMEOUT_EQ(sys_timepoint_timeout(point), K_NO_WAIT));
    assert_true(sys_timepoint_expired(sys_timepoint_calc(K_TIMEOUT_ABS_TICKS(1))));
    assert_false(sys_timepoint_expired(sys_timepoint_calc(K_TIMEOUT_ABS_TICKS(INT64_MAX))));
}

static void far_time_points_are_finite(void **state)
{
    const k_timepoint_t last = {.tick = UINT64_MAX - 1};
    k_timeout_t left = sys_timepoint_timeout(sys_timepoint_calc(K_TICKS(INT64_MAX)));

    assert_true(left.ticks > INT64_MAX - 3600 * NS_PER_SECOND);
    assert_true(sys_timepoint_timeout(last).ticks == INT64_MAX);
    assert_false(sys_timepoint_expired(last));
}

static void time_points_are_compared(void **state)
{
    k_timepoint_t over = sys_timepoint_calc(K_NO_WAIT);
    k_timepoint_t soon = sys_timepoint_calc(K_TIMEOUT_ABS_SEC(1));
    k_timepoint_t late = sys_timepoint_calc(K_TICKS(INT64_MAX));
    k_timepoint_t never = sys_timepoint_calc(K_FOREVER);

    assert_int_equal(sys_timepoint_cmp(over, soon), -1);
    assert_int_equal(sys_timepoint_cmp(soon, late), -1);
    assert_int_equal(sys_timepoint_cmp(late, never), -1);
    assert_int_equal(sys_timepoint_cmp(over, never), -1);
    assert_int_equal(sys_timepoint_cmp(never, over), 1);
    assert_int_equal(sys_timepoint_cmp(late, soon), 1);
    assert_int_equal(sys_timepoint_cmp(never, never), 0);
    assert_int_equal(sys_timepoint_cmp(soon, soon), 0);
}

static void units_at_their_limits(void **state)
{
    const uint64_t ms = (uint64_t)NS_PER_MS;
    const uint64_t us = (uint64_t)NS_PER_US;

    assert_true(k_ms_to_ticks_ceil64(UINT64_MAX / ms) == UINT64_MAX / ms * ms);
    assert_true(k_ms_to_ticks_ceil64(UINT64_MAX / ms + 1) == UINT64_MAX);
    assert_true(k_ms_to_ticks_near64(UINT64_MAX) == UINT64_MAX);
    assert_int_equal(k_ms_to_ticks_ceil32(4294), 4294000000u);
    assert_int_equal(k_ms_to_ticks_ceil32(4295), UINT32_MAX);
    assert_int_equal(k_ms_to_ticks_ceil32(UINT64_MAX), UINT32_MAX);
    assert_true(k_us_to_ticks_ceil64(3) == 3 * us);
    assert_true(k_us_to_ticks_near64(UINT64_MAX / us + 1) == UINT64_MAX);
    assert_true(k_ns_to_ticks_ceil64(UINT64_MAX) == UINT64_MAX);
    assert_true(k_ns_to_ticks_near64(0) == 0);
    assert_true(k_ticks_to_ns_floor64(UINT64_MAX) == UINT64_MAX);
    assert_true(k_ticks_to_ns_near64(7) == 7);
}

static void ticks_are_rounded(void **state)
{
    const uint64_t ms = (uint64_t)NS_PER_MS;
    const uint64_t us = (uint64_t)NS_PER_US;

    assert_true(k_ticks_to_ms_floor64(2 * ms - 1) == 1);
    assert_true(k_ticks_to_ms_floor64(2 * ms) == 2);
    assert_true(k_ticks_to_ms_near64(ms + ms / 2 - 1) == 1);
    assert_true(k_ticks_to_ms_near64(ms + ms / 2) == 2);
    assert_true(k_ticks_to_ms_near64(UINT64_MAX) == UINT64_MAX / ms + 1);
    assert_true(k_ticks_to_us_floor64(2 * us - 1) == 1);
    assert_true(k_ticks_to_us_near64(us / 2 - 1) == 0);
    assert_true(k_ticks_to_us_near64(us / 2) == 1);
    assert_int_equal(k_ticks_to_ms_floor32(UINT32_MAX * ms), UINT32_MAX);
    assert_int_equal(k_ticks_to_ms_floor32((UINT32_MAX + UINT64_C(1)) * ms), 0);
}

/* Each look at the clock, in its own unit, lies between two others. */
static void clocks_show_the_same_time(void **state)
{
    uint64_t before_ns = now_ns();
    uint64_t times_ns[] = {(uint64_t)k_uptime_ticks(), (uint64_t)sys_clock_tick_get(),
                           k_cycle_get_64(), now_ns()};
    int64_t ms = k_uptime_get();
    uint32_t ms_32 = k_uptime_get_32();
    uint32_t seconds = k_uptime_seconds();
    uint32_t cycles = k_cycle_get_32();
    uint64_t after_ns = now_ns();

    for (size_t i = 0; i < ARRAY_SIZE(times_ns); i++) {
        assert_true(times_ns[i] >= before_ns && times_ns[i] <= after_ns);
        before_ns = times_ns[i];
    }
    assert_true((uint64_t)ms >= k_ticks_to_ms_floor64(before_ns));
    assert_true((uint64_t)ms <= k_ticks_to_ms_floor64(after_ns));
    assert_true(ms_32 - (uint32_t)ms <= k_ticks_to_ms_floor64(after_ns) - (uint64_t)ms);
    assert_true(seconds >= before_ns / NS_PER_SECOND && seconds <= after_ns / NS_PER_SECOND);
    assert_true((uint32_t)(cycles - before_ns) <= after_ns - before_ns);
}

static void delta_moves_its_reference(void **state)
{
    int64_t reference = k_uptime_get();
    const int64_t start = reference;

    k_msleep(3);
    int64_t passed = k_uptime_delta(&reference);
    assert_true(passed >= 3);
    assert_true(reference == start + passed);
    assert_true(k_uptime_delta(&reference) >= 0);
    reference = 0;
    assert_true(k_uptime_delta(&reference) == reference);
}

static void sleeps_are_not_too_short(void **state)
{
    for (int64_t wait_ns = 1; wait_ns <= SLEEP_NS; wait_ns *= 7) {
        uint64_t start_ns = now_ns();

        assert_int_equal(k_sleep(K_NSEC(wait_ns)), 0);
        assert_true(now_ns() - start_ns >= (uint64_t)wait_ns);
    }
    uint64_t start_ns = now_ns();
    assert_int_equal(k_msleep(2), 0);
    assert_true(now_ns() - start_ns >= 2 * (uint64_t)NS_PER_MS);
    start_ns = now_ns();
    assert_int_equal(k_usleep(1500), 0);
    assert_true(now_ns() - start_ns >= 1500 * (uint64_t)NS_PER_US);
    start_ns = now_ns();
    k_busy_wait(1500);
    assert_true(now_ns() - start_ns >= 1500 * (uint64_t)NS_PER_US);
}

static void sleeps_end_at_absolute_times(void **state)
{
    int64_t end = k_uptime_ticks() + SLEEP_NS;

    assert_int_equal(k_sleep(K_TIMEOUT_ABS_TICKS(end)), 0);
    assert_true(k_uptime_ticks() >= end);
}

/* That these return is the test. */
static void nothing_to_wait_for(void **state)
{
    assert_int_equal(k_sleep(K_NO_WAIT), 0);
    assert_int_equal(k_sleep(K_TIMEOUT_ABS_TICKS(0)), 0);
    assert_int_equal(k_sleep(K_TIMEOUT_ABS_TICKS(1)), 0);
    assert_int_equal(k_msleep(0), 0);
    assert_int_equal(k_msleep(INT32_MIN), 0);
    assert_int_equal(k_usleep(-1), 0);
    k_busy_wait(0);
    k_yield();
}

static volatile sig_atomic_t alarms;

static void count_alarm(int signal)
{
    alarms = alarms + 1;
}

static void signal_handlers_do_not_end_a_sleep(void **state)
{
    const struct sigaction count = {.sa_handler = count_alarm};
    const struct itimerval often = {{0, 1000}, {0, 1000}};
    const struct itimerval never = {{0, 0}, {0, 0}};
    struct sigaction before;

    sigaction(SIGALRM, &count, &before);
    setitimer(ITIMER_REAL, &often, NULL);
    uint64_t start_ns = now_ns();
    while (alarms == 0) { /* a slow machine may need more than one */
        assert_int_equal(k_msleep(20), 0);
    }
    uint64_t passed_ns = now_ns() - start_ns;
    setitimer(ITIMER_REAL, &never, NULL);
    sigaction(SIGALRM, &before, NULL);
    assert_true(passed_ns >= 20 * (uint64_t)NS_PER_MS);
}

static void *sleep_forever(void *woke)
{
    k_sleep(K_FOREVER);
    *(bool *)woke = true;
    return NULL;
}

static void *sleep_for_an_age(void *woke)
{
    k_sleep(K_TICKS(INT64_MAX));
    *(bool *)woke = true;
    return NULL;
}

static void expect_cancelled(void *(*sleep)(void *woke))
{
    pthread_t thread;
    void *result = NULL;
    bool woke = false;

    assert_int_equal(pthread_create(&thread, NULL, sleep, &woke), 0);
    k_msleep(5);
    assert_int_equal(pthread_cancel(thread), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, PTHREAD_CANCELED);
    assert_false(woke);
}

static void long_sleeps_end_by_cancellation(void **state)
{
    if (!CAN_CANCEL) {
        skip();
    }
    expect_cancelled(sleep_forever);
    expect_cancelled(sleep_for_an_age);
}

static void sizes_are_rounded(void **state)
{
    const size_t word = sizeof(void *);

    assert_true(WB_UP(1) == word && WB_UP(word) == word && WB_DN(2 * word - 1) == word);
    assert_true(WB_UP(0) == 0 && WB_DN(word - 1) == 0);
    assert_true(ROUND_UP(10, 6) == 12 && ROUND_UP(12, 6) == 12 && ROUND_DOWN(11, 6) == 6);
    assert_true(DIV_ROUND_UP(0u, 3u) == 0 && DIV_ROUND_UP(7, 3) == 3 && DIV_ROUND_UP(6, 3) == 2);
    assert_true(DIV_ROUND_UP(SIZE_MAX, 2u) == SIZE_MAX / 2 + 1);
    assert_true(KB(1) == 1024 && MB(3) == (size_t)3 * 1024 * 1024);
    assert_true(IS_POWER_OF_TWO(1) && IS_POWER_OF_TWO(UINT64_C(1) << 63));
    assert_false(IS_POWER_OF_TWO(0) || IS_POWER_OF_TWO(-8) || IS_POWER_OF_TWO(6u));
}

struct holder {
    char before;
    int member;
};

static char far_apart[3] __aligned(64) __noinit __nocache;

static void values_are_chosen(void **state)
{
    struct holder holder = {0};

    ARG_UNUSED(state);
    assert_int_equal(MIN(1, -1), -1);
    assert_int_equal(MAX(1, -1), 1);
    assert_int_equal(CLAMP(5, 1, 3), 3);
    assert_int_equal(CLAMP(0, 1, 3), 1);
    assert_int_equal(CLAMP(2, 1, 3), 2);
    assert_true(BIT(0) == 1 && BIT(31) == 0x80000000ul && BIT_MASK(3) == 7 && BIT_MASK(0) == 0);
    assert_ptr_equal(CONTAINER_OF(&holder.member, struct holder, member), &holder);
    assert_ptr_equal(UINT_TO_POINTER(POINTER_TO_UINT(&holder)), &holder);
    assert_true(POINTER_TO_UINT(far_apart) % 64 == 0);
    assert_string_equal(STRINGIFY(CONFIG_TIMEOUT_64BIT), "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constants_have_their_ticks),
        cmocka_unit_test(variables_give_what_constants_give),
        cmocka_unit_test(arguments_are_evaluated_once),
        cmocka_unit_test(relative_and_absolute_are_told_apart),
        cmocka_unit_test(deadlines_of_forever_and_no_wait),
        cmocka_unit_test(deadlines_of_relative_timeouts),
        cmocka_unit_test(deadlines_of_absolute_timeouts),
        cmocka_unit_test(forever_and_no_wait_survive_time_points),
        cmocka_unit_test(time_points_count_down),
        cmocka_unit_test(time_points_expire),
        cmocka_unit_test(far_time_points_are_finite),
        cmocka_unit_test(time_points_are_compared),
        cmocka_unit_test(units_at_their_limits),
        cmocka_unit_test(ticks_are_rounded),
        cmocka_unit_test(clocks_show_the_same_time),
        cmocka_unit_test(delta_moves_its_reference),
        cmocka_unit_test(sleeps_are_not_too_short),
        cmocka_unit_test(sleeps_end_at_absolute_times),
        cmocka_unit_test(nothing_to_wait_for),
        cmocka_unit_test(signal_handlers_do_not_end_a_sleep),
        cmocka_unit_test(long_sleeps_end_by_cancellation),
        cmocka_unit_test(sizes_are_rounded),
        cmocka_unit_test(values_are_chosen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
