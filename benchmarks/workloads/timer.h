/* SPDX-License-Identifier: Apache-2.0 */
/* A clock for single calls: the processor's time stamp counter where it runs at a fixed rate, or
 * else clock_gettime. All that was begun before the first reading has ended by then, and what is
 * timed has ended by the second. */
#ifndef QUARRY_WORKLOADS_TIMER_H
#define QUARRY_WORKLOADS_TIMER_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define TIMER_SECOND_NS UINT64_C(1000000000)

#if defined(__x86_64__)
#define TIMER_HAS_COUNTER 1
#else
#define TIMER_HAS_COUNTER 0
#endif

struct timer {
    bool uses_counter;
    uint64_t overhead_ticks; /* the least that timing nothing takes */
    uint64_t step_ticks;     /* the least that two readings differ by, if they do */
    uint64_t begun_ticks;    /* both from timer_begin */
    uint64_t begun_ns;
    double picoseconds; /* of a tick; from timer_end */
};

static inline uint64_t timer_clock_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC_RAW, &now);
    return (uint64_t)now.tv_sec * TIMER_SECOND_NS + (uint64_t)now.tv_nsec;
}

#if TIMER_HAS_COUNTER
static inline uint64_t timer_counter(void)
{
    uint32_t low;
    uint32_t high;

    __asm__ volatile("lfence\n\trdtsc\n\tlfence" : "=a"(low), "=d"(high) : : "memory");
    return ((uint64_t)high << 32) | low;
}
#else
static inline uint64_t timer_counter(void)
{
    return timer_clock_ns();
}
#endif

static inline uint64_t timer_ticks(const struct timer *timer)
{
    return timer->uses_counter ? timer_counter() : timer_clock_ns();
}

/* Chooses the clock and measures what its reading costs. */
void timer_begin(struct timer *timer);

/* Measures the tick against the system's clock, over all that was timed, and 50 ms at least. */
void timer_end(struct timer *timer);

/* Of a difference of ticks, without the reading's own cost. */
uint64_t timer_picoseconds(const struct timer *timer, uint64_t ticks);

#endif
