/* SPDX-License-Identifier: Apache-2.0 */
/* The counter is used only if the processor says that it never changes its rate. */
#include "timer.h"

#if TIMER_HAS_COUNTER
#include <cpuid.h>
#endif

#define EMPTY_MEASUREMENTS 10000u
#define LEAST_NS           UINT64_C(50000000)
#define TICK_PS_OF_CLOCK   1000.0
#define PS_PER_NS          1000.0

#if TIMER_HAS_COUNTER
#define CPUID_POWER_MANAGEMENT 0x80000007u
#define EDX_FIXED_RATE         (1u << 8)

static bool counter_is_steady(void)
{
    unsigned int a;
    unsigned int b;
    unsigned int c;
    unsigned int d;

    return __get_cpuid(CPUID_POWER_MANAGEMENT, &a, &b, &c, &d) != 0 && (d & EDX_FIXED_RATE) != 0;
}
#else
static bool counter_is_steady(void)
{
    return false;
}
#endif

/* Some processors count in steps of 10 ns; then what takes nothing takes one step or none. */
static void measure_nothing(struct timer *timer)
{
    timer->overhead_ticks = UINT64_MAX;
    timer->step_ticks = UINT64_MAX;
    for (unsigned int i = 0; i < EMPTY_MEASUREMENTS; i++) {
        uint64_t begun = timer_ticks(timer);
        uint64_t ticks = timer_ticks(timer) - begun;
        uint64_t longer = ticks - timer->overhead_ticks;

        if (ticks < timer->overhead_ticks) {
            longer = timer->overhead_ticks == UINT64_MAX ? 0 : timer->overhead_ticks - ticks;
            timer->overhead_ticks = ticks;
        }
        timer->step_ticks = longer > 0 && longer < timer->step_ticks ? longer : timer->step_ticks;
    }
}

void timer_begin(struct timer *timer)
{
    timer->uses_counter = counter_is_steady();
    measure_nothing(timer);
    timer->picoseconds = TICK_PS_OF_CLOCK;
    timer->begun_ns = timer_clock_ns();
    timer->begun_ticks = timer_ticks(timer);
}

void timer_end(struct timer *timer)
{
    uint64_t ns;
    uint64_t ticks;

    do {
        ns = timer_clock_ns() - timer->begun_ns;
        ticks = timer_ticks(timer) - timer->begun_ticks;
    } while (ns < LEAST_NS);
    if (timer->uses_counter) {
        timer->picoseconds = (double)ns * PS_PER_NS / (double)ticks;
    }
}

uint64_t timer_picoseconds(const struct timer *timer, uint64_t ticks)
{
    uint64_t net = ticks > timer->overhead_ticks ? ticks - timer->overhead_ticks : 0;

    return (uint64_t)((double)net * timer->picoseconds);
}
