/* SPDX-License-Identifier: Apache-2.0 */
/* Timeouts, time points, the clock, and sleeping.
 *
 * Ticks, cycles and the nanoseconds of os_now_ns are one unit, so that nothing is converted where
 * threads wait, and nothing can be rounded down to a wait that ends early. A relative time is made
 * absolute once, when a call begins; from there on there are deadlines only, which a spurious wake
 * or a signal handler cannot stretch.
 *
 *    k_timeout_t   INT64_MIN ........ -2    -1        0         1 ........... INT64_MAX
 *                  absolute: -2 - t is      for ever  no wait   relative
 *                  the tick
 *    deadline      0 ... 2^63 - 2           2^64 - 1  0         now + t, below 2^64 - 1
 *
 *   1. Only K_FOREVER becomes TIMEOUT_NEVER, and only TIMEOUT_NEVER becomes K_FOREVER.
 *   2. K_NO_WAIT becomes 0, and 0 becomes K_NO_WAIT. The clock is past 0, so that 0 is over even
 * for those who do not look for it.
 *   3. A deadline d of a relative timeout t > 0 satisfies d - now >= t, unless the sum is 2^64 - 1
 *      or more, which is 292 years ahead at the least.
 *
 * A time point is a deadline under its public name.
 *
 * Not promised: that time goes on while the machine is suspended, and that a wait ends soon after
 * its deadline. */
#include "kernel/timeout.h"

#include <stdint.h>

#include "os/os.h"

_Static_assert(CONFIG_SYS_CLOCK_TICKS_PER_SEC == 1000000000, "a tick is a nanosecond");

uint64_t timeout_deadline_ns(k_timeout_t timeout)
{
    if (K_TIMEOUT_EQ(timeout, K_FOREVER)) {
        return TIMEOUT_NEVER;
    }
    if (K_TIMEOUT_EQ(timeout, K_NO_WAIT)) {
        return 0;
    }
    if (!Z_IS_TIMEOUT_RELATIVE(timeout)) {
        return (uint64_t)Z_TICK_ABS(timeout.ticks);
    }
    uint64_t now_ns = os_now_ns();
    uint64_t wait_ns = (uint64_t)timeout.ticks;

    return now_ns < TIMEOUT_NEVER - wait_ns ? now_ns + wait_ns : TIMEOUT_NEVER - 1;
}

k_timepoint_t sys_timepoint_calc(k_timeout_t timeout)
{
    k_timepoint_t timepoint = {.tick = timeout_deadline_ns(timeout)};

    return timepoint;
}

k_timeout_t sys_timepoint_timeout(k_timepoint_t timepoint)
{
    if (timepoint.tick == TIMEOUT_NEVER) {
        return K_FOREVER;
    }
    if (timepoint.tick == 0) {
        return K_NO_WAIT;
    }
    uint64_t now_ns = os_now_ns();

    return timepoint.tick > now_ns ? K_TICKS(timepoint.tick - now_ns) : K_NO_WAIT;
}

int64_t k_uptime_ticks(void)
{
    return (int64_t)os_now_ns();
}

int64_t sys_clock_tick_get(void)
{
    return (int64_t)os_now_ns();
}

int64_t k_uptime_get(void)
{
    return (int64_t)k_ticks_to_ms_floor64(os_now_ns());
}

uint32_t k_uptime_get_32(void)
{
    return k_ticks_to_ms_floor32(os_now_ns());
}

uint32_t k_uptime_seconds(void)
{
    return (uint32_t)(os_now_ns() / CONFIG_SYS_CLOCK_TICKS_PER_SEC);
}

int64_t k_uptime_delta(int64_t *reftime)
{
    int64_t now_ms = k_uptime_get();
    int64_t passed_ms = now_ms - *reftime;

    *reftime = now_ms;
    return passed_ms;
}

uint64_t k_cycle_get_64(void)
{
    return os_now_ns();
}

uint32_t k_cycle_get_32(void)
{
    return (uint32_t)os_now_ns();
}

int32_t k_sleep(k_timeout_t timeout)
{
    if (K_TIMEOUT_EQ(timeout, K_NO_WAIT)) {
        os_yield();
    } else {
        os_sleep_until(timeout_deadline_ns(timeout));
    }
    return 0;
}

int32_t k_msleep(int32_t ms)
{
    return k_sleep(K_MSEC(ms));
}

int32_t k_usleep(int32_t us)
{
    return k_sleep(K_USEC(us));
}

void k_busy_wait(uint32_t usec_to_wait)
{
    uint64_t end_ns = timeout_deadline_ns(K_USEC(usec_to_wait));

    while (os_now_ns() < end_ns) {
    }
}

void k_yield(void)
{
    os_yield();
}
