/* SPDX-License-Identifier: Apache-2.0 */
#include <zephyr/kernel.h>
#include "catalogue.h"

#define TICKS(seconds) ((k_ticks_t)(seconds)*CONFIG_SYS_CLOCK_TICKS_PER_SEC)

static bool is(k_timeout_t timeout, k_ticks_t ticks)
{
    return timeout.ticks == ticks;
}

static void timeouts(void)
{
    const struct entry entries[] = {
        TYPE(k_timeout_t),
        TYPE(k_ticks_t),
        TYPE(k_timepoint_t),
        MACRO(K_NO_WAIT, is(K_NO_WAIT, 0)),
        MACRO(K_FOREVER, is(K_FOREVER, K_TICKS_FOREVER)),
        MACRO(K_TICKS_FOREVER, K_TICKS_FOREVER == -1),
        MACRO(K_TIMEOUT_EQ, K_TIMEOUT_EQ(K_MSEC(1000), K_SECONDS(1))),
        MACRO(K_NSEC, is(K_NSEC(1000000000), TICKS(1))),
        MACRO(K_USEC, is(K_USEC(1000000), TICKS(1))),
        MACRO(K_MSEC, is(K_MSEC(1000), TICKS(1)) && is(K_MSEC(-1), 0)),
        MACRO(K_SECONDS, is(K_SECONDS(3), TICKS(3))),
        MACRO(K_MINUTES, is(K_MINUTES(2), TICKS(120))),
        MACRO(K_HOURS, is(K_HOURS(2), TICKS(7200))),
        MACRO(K_CYC, K_CYC(1).ticks > 0),
        MACRO(K_TICKS, is(K_TICKS(7), 7)),
        MACRO(K_TIMEOUT_ABS_TICKS, is(K_TIMEOUT_ABS_TICKS(5), -7)),
        MACRO(K_TIMEOUT_ABS_MS, is(K_TIMEOUT_ABS_MS(1000), -2 - TICKS(1))),
        MACRO(K_TIMEOUT_ABS_US, is(K_TIMEOUT_ABS_US(1000000), -2 - TICKS(1))),
        MACRO(K_TIMEOUT_ABS_NS, is(K_TIMEOUT_ABS_NS(1000000000), -2 - TICKS(1))),
        MACRO(K_TIMEOUT_ABS_CYC, K_TIMEOUT_ABS_CYC(1).ticks < -2),
        MACRO(Z_TIMEOUT_MS, is(Z_TIMEOUT_MS(1000), TICKS(1))),
        MACRO(Z_TIMEOUT_US, is(Z_TIMEOUT_US(1000000), TICKS(1))),
        MACRO(Z_TIMEOUT_TICKS, is(Z_TIMEOUT_TICKS(9), 9)),
        MACRO(Z_FOREVER, is(Z_FOREVER, -1)),
        MACRO(Z_TIMEOUT_NO_WAIT, is(Z_TIMEOUT_NO_WAIT, 0)),
    };

    CATALOGUE(entries);
}

static void functions(void)
{
    const struct entry entries[] = {
        FUNCTION(sys_timepoint_calc),
        FUNCTION(sys_timepoint_timeout),
        FUNCTION(sys_timepoint_expired),
        FUNCTION(sys_timepoint_cmp),
        FUNCTION(k_uptime_get),
        FUNCTION(k_uptime_get_32),
        FUNCTION(k_uptime_delta),
        FUNCTION(k_uptime_ticks),
        FUNCTION(k_cycle_get_32),
        FUNCTION(k_cycle_get_64),
        FUNCTION(k_sleep),
        FUNCTION(k_msleep),
        FUNCTION(k_usleep),
        FUNCTION(k_busy_wait),
        FUNCTION(k_yield),
    };

    CATALOGUE(entries);
}

void catalogue_time(void)
{
    timeouts();
    functions();
}
