/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Time: how long to wait, until when to wait, what time it is, and waiting for nothing else.
 *
 * A tick is a nanosecond, and so is a cycle. The clock is the system's monotonic one: it starts
 * with the machine, is the same for all processes (so that one process may give an absolute time to
 * another), never goes back, and stands still while the machine is suspended.
 *
 * Rules that hold for every function and macro of this file, and are not repeated below:
 *
 * Cost:    O(1), at most one look at the clock, which takes no system call on most machines.
 * Blocks:  never, but for what is under "Waiting".
 * Threads: any.
 * Signals: also from a handler.
 * Source:  Zephyr's <zephyr/sys_clock.h>, and of <zephyr/kernel.h> what is about time.
 */
#ifndef ZEPHYR_INCLUDE_SYS_CLOCK_H_
#define ZEPHYR_INCLUDE_SYS_CLOCK_H_

#include <stdbool.h>
#include <stdint.h>
#include <zephyr/autoconf.h>

/**
 * @name How many of a unit of time make up another
 * @{
 */
#define NSEC_PER_USEC 1000u
#define NSEC_PER_MSEC 1000000u
#define NSEC_PER_SEC  1000000000u
#define USEC_PER_MSEC 1000u
#define USEC_PER_SEC  1000000u
#define MSEC_PER_SEC  1000u
#define SEC_PER_MIN   60u
#define SEC_PER_HOUR  3600u
#define MIN_PER_HOUR  60u
#define HOUR_PER_DAY  24u
/** @} */

/** A number of ticks. */
typedef int64_t k_ticks_t;

/** How long a call may wait: relative, absolute, not at all or for ever. */
typedef struct {
    k_ticks_t ticks; /**< 0 or more: from the call on; -1: for ever; t < -1: until tick -2 - t */
} k_timeout_t;

/** A moment, or never, or one that is always over: of use when a wait is made of several. */
typedef struct {
    uint64_t tick; /**< UINT64_MAX: never; 0: over */
} k_timepoint_t;

/** The ticks of K_FOREVER. */
#define K_TICKS_FOREVER ((k_ticks_t)-1)

/** @cond internal */
#define Z_NS_PER_US_     INT64_C(1000)
#define Z_NS_PER_MS_     INT64_C(1000000)
#define Z_NS_PER_SECOND_ INT64_C(1000000000)

/* The most ticks that a relative timeout, and an absolute one, can hold. */
#define Z_TICKS_MOST_     INT64_MAX
#define Z_TICKS_MOST_ABS_ (INT64_MAX - 1)

/* Ticks of n units of `unit` ticks each: 0 for n below 0, and at most `most`. */
#define Z_TICKS_VALUE_(n, unit, most)                                                              \
    ((n) <= 0 ? 0 : (uint64_t)(n) > (uint64_t)((most) / (unit)) ? (most) : (k_ticks_t)(n) * (unit))

/* The same for a macro's argument t, which is evaluated once. Combined with 0 it has at least the
 * size of int, and is no floating-point number: of these, no one would know what was cut off. */
#ifdef __cplusplus
template <typename number> constexpr k_ticks_t z_ticks_(number n, k_ticks_t unit, k_ticks_t most)
{
    return Z_TICKS_VALUE_(n, unit, most);
}
#define Z_TICKS_(t, unit, most) z_ticks_((t) | 0, unit, most)
#define Z_TIMEOUT_TICKS(t)      (k_timeout_t{k_ticks_t(t)})
#else
static inline k_ticks_t z_ticks_of_signed_(int64_t n, k_ticks_t unit, k_ticks_t most)
{
    return Z_TICKS_VALUE_(n, unit, most);
}

static inline k_ticks_t z_ticks_of_unsigned_(uint64_t n, k_ticks_t unit, k_ticks_t most)
{
    return Z_TICKS_VALUE_(n, unit, most);
}

/* A call is no constant expression, hence the two ways. */
#define Z_TICKS_(t, unit, most)                                                                    \
    __builtin_choose_expr(__builtin_constant_p(t),                                                 \
                          Z_TICKS_VALUE_(__builtin_constant_p(t) ? (t) : 0, unit, most),           \
                          _Generic((t) | 0, unsigned long                                          \
                                   : z_ticks_of_unsigned_, unsigned long long                      \
                                   : z_ticks_of_unsigned_, default                                 \
                                   : z_ticks_of_signed_)((t) | 0, unit, most))
#define Z_TIMEOUT_TICKS(t) ((k_timeout_t){(k_ticks_t)(t)})
#endif
#define Z_TIMEOUT_(t, unit)     Z_TIMEOUT_TICKS(Z_TICKS_(t, unit, Z_TICKS_MOST_))
#define Z_TIMEOUT_ABS_(t, unit) Z_TIMEOUT_TICKS(Z_TICK_ABS(Z_TICKS_(t, unit, Z_TICKS_MOST_ABS_)))
/** @endcond */

/**
 * @name Timeouts
 *
 * @p t is a whole number of any integer type, evaluated once. Every value is allowed: what is below
 * 0 becomes 0, which is K_NO_WAIT or, if absolute, a time that is over; what is too much becomes
 * the longest finite timeout, 292 years. A timeout of constants may initialise static variables,
 * as GNU C and C++ allow (GCC's -Wpedantic says that ISO C does not).
 *
 * Differs from Zephyr: there, too much wraps around, and K_TICKS takes -1 for K_FOREVER.
 * Floating-point numbers are not compiled.
 * @{
 */
/** Does not wait. */
#define K_NO_WAIT Z_TIMEOUT_NO_WAIT
/** Waits for ever. */
#define K_FOREVER Z_FOREVER

/** Waits for @p t nanoseconds. */
#define K_NSEC(t) Z_TIMEOUT_(t, 1)
/** Waits for @p t microseconds. */
#define K_USEC(t) Z_TIMEOUT_(t, Z_NS_PER_US_)
/** Waits for @p ms milliseconds. */
#define K_MSEC(ms) Z_TIMEOUT_(ms, Z_NS_PER_MS_)
/** Waits for @p s seconds. */
#define K_SECONDS(s) Z_TIMEOUT_(s, Z_NS_PER_SECOND_)
/** Waits for @p m minutes. */
#define K_MINUTES(m) Z_TIMEOUT_(m, Z_NS_PER_SECOND_ * 60)
/** Waits for @p h hours. */
#define K_HOURS(h) Z_TIMEOUT_(h, Z_NS_PER_SECOND_ * 3600)
/** Waits for @p t cycles of k_cycle_get_64. */
#define K_CYC(t) Z_TIMEOUT_(t, 1)
/** Waits for @p t ticks. */
#define K_TICKS(t) Z_TIMEOUT_(t, 1)

/** Waits until k_uptime_ticks() is @p t. */
#define K_TIMEOUT_ABS_TICKS(t) Z_TIMEOUT_ABS_(t, 1)
/** Waits until @p t nanoseconds of uptime. */
#define K_TIMEOUT_ABS_NS(t) Z_TIMEOUT_ABS_(t, 1)
/** Waits until @p t microseconds of uptime. */
#define K_TIMEOUT_ABS_US(t) Z_TIMEOUT_ABS_(t, Z_NS_PER_US_)
/** Waits until @p t milliseconds of uptime, see k_uptime_get. */
#define K_TIMEOUT_ABS_MS(t) Z_TIMEOUT_ABS_(t, Z_NS_PER_MS_)
/** Waits until @p t seconds of uptime, see k_uptime_seconds. */
#define K_TIMEOUT_ABS_SEC(t) Z_TIMEOUT_ABS_(t, Z_NS_PER_SECOND_)
/** Waits until k_cycle_get_64() is @p t. */
#define K_TIMEOUT_ABS_CYC(t) Z_TIMEOUT_ABS_(t, 1)

/** Whether two timeouts are the same. */
#define K_TIMEOUT_EQ(a, b) ((a).ticks == (b).ticks)
/** @} */

/**
 * @name Zephyr's internal names for these, which its tests use
 * @{
 */
#define Z_TIMEOUT_NO_WAIT Z_TIMEOUT_TICKS(0)
#define Z_FOREVER         Z_TIMEOUT_TICKS(K_TICKS_FOREVER)
#define Z_TIMEOUT_NS(t)   K_NSEC(t)
#define Z_TIMEOUT_US(t)   K_USEC(t)
#define Z_TIMEOUT_MS(t)   K_MSEC(t)
#define Z_TIMEOUT_CYC(t)  K_CYC(t)

/** The ticks of a timeout that is absolute at tick @p t, 0 to INT64_MAX - 1; and back. */
#define Z_TICK_ABS(t) ((k_ticks_t)-2 - (t))
/** Whether a timeout is not absolute; true of K_NO_WAIT and K_FOREVER. */
#define Z_IS_TIMEOUT_RELATIVE(timeout) ((timeout).ticks >= K_TICKS_FOREVER)
/** @} */

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @name Units
 *
 * Ticks are the finest unit, so that nothing is rounded on the way to them, and "ceil", "near" and
 * "floor" give the same. A number of ticks that is too much becomes UINT64_MAX (UINT32_MAX in the
 * functions that end in 32).
 *
 * Differs from Zephyr: there, too much wraps around. These are functions, and no constants.
 * @{
 */
/** @cond internal */
static inline uint64_t z_to_ticks_(uint64_t n, uint64_t unit)
{
    return n > UINT64_MAX / unit ? UINT64_MAX : n * unit;
}

/* Rounds half a unit up. */
static inline uint64_t z_from_ticks_near_(uint64_t ticks, uint64_t unit)
{
    return ticks / unit + (ticks % unit >= unit - unit / 2);
}
/** @endcond */

/** Milliseconds as ticks. */
static inline uint64_t k_ms_to_ticks_ceil64(uint64_t ms)
{
    return z_to_ticks_(ms, Z_NS_PER_MS_);
}

/** Milliseconds as ticks; no more than 4294 of them fit. */
static inline uint32_t k_ms_to_ticks_ceil32(uint64_t ms)
{
    uint64_t ticks = k_ms_to_ticks_ceil64(ms);

    return ticks < UINT32_MAX ? (uint32_t)ticks : UINT32_MAX;
}

/** Milliseconds as ticks. */
static inline uint64_t k_ms_to_ticks_near64(uint64_t ms)
{
    return k_ms_to_ticks_ceil64(ms);
}

/** Microseconds as ticks. */
static inline uint64_t k_us_to_ticks_ceil64(uint64_t us)
{
    return z_to_ticks_(us, Z_NS_PER_US_);
}

/** Microseconds as ticks. */
static inline uint64_t k_us_to_ticks_near64(uint64_t us)
{
    return k_us_to_ticks_ceil64(us);
}

/** Nanoseconds as ticks. */
static inline uint64_t k_ns_to_ticks_ceil64(uint64_t ns)
{
    return ns;
}

/** Nanoseconds as ticks. */
static inline uint64_t k_ns_to_ticks_near64(uint64_t ns)
{
    return ns;
}

/** Whole milliseconds in a number of ticks. */
static inline uint64_t k_ticks_to_ms_floor64(uint64_t ticks)
{
    return ticks / (uint64_t)Z_NS_PER_MS_;
}

/** The low 32 bits of k_ticks_to_ms_floor64: good for differences of less than 49 days. */
static inline uint32_t k_ticks_to_ms_floor32(uint64_t ticks)
{
    return (uint32_t)k_ticks_to_ms_floor64(ticks);
}

/** A number of ticks as milliseconds, rounded, half a one up. */
static inline uint64_t k_ticks_to_ms_near64(uint64_t ticks)
{
    return z_from_ticks_near_(ticks, Z_NS_PER_MS_);
}

/** Whole microseconds in a number of ticks. */
static inline uint64_t k_ticks_to_us_floor64(uint64_t ticks)
{
    return ticks / (uint64_t)Z_NS_PER_US_;
}

/** A number of ticks as microseconds, rounded, half a one up. */
static inline uint64_t k_ticks_to_us_near64(uint64_t ticks)
{
    return z_from_ticks_near_(ticks, Z_NS_PER_US_);
}

/** A number of ticks as nanoseconds. */
static inline uint64_t k_ticks_to_ns_floor64(uint64_t ticks)
{
    return ticks;
}

/** A number of ticks as nanoseconds. */
static inline uint64_t k_ticks_to_ns_near64(uint64_t ticks)
{
    return ticks;
}
/** @} */

#pragma GCC visibility push(default)

/**
 * @name Time points
 * @{
 */
/**
 * Returns the moment at which a timeout that begins now ends.
 *
 * @param timeout any
 * @return the moment; one that never comes iff @p timeout is K_FOREVER; one that is over iff it is
 *         K_NO_WAIT or absolute and over. A finite one is at least one tick ahead, and is never the
 *         one that never comes.
 */
k_timepoint_t sys_timepoint_calc(k_timeout_t timeout);

/**
 * Returns the time that is left until a moment.
 *
 * @param timepoint from sys_timepoint_calc
 * @return the time, relative; K_FOREVER iff the moment never comes, K_NO_WAIT iff it is over
 */
k_timeout_t sys_timepoint_timeout(k_timepoint_t timepoint);

/**
 * Tells whether a moment is over.
 *
 * @param timepoint from sys_timepoint_calc
 * @return true iff k_uptime_ticks() has reached it
 */
static inline bool sys_timepoint_expired(k_timepoint_t timepoint)
{
    return K_TIMEOUT_EQ(sys_timepoint_timeout(timepoint), K_NO_WAIT);
}

/**
 * Compares two moments.
 *
 * @param a from sys_timepoint_calc
 * @param b as well
 * @return 0 iff they are the same, -1 iff @p a is the earlier, 1 iff @p b is
 */
static inline int sys_timepoint_cmp(k_timepoint_t a, k_timepoint_t b)
{
    return (a.tick > b.tick) - (a.tick < b.tick);
}
/** @} */

/**
 * @name The clock
 *
 * Differs from Zephyr: the time is the machine's, not the program's: see the top of this file.
 * @{
 */
/** Returns the time in ticks. */
int64_t k_uptime_ticks(void);

/** Returns the time in ticks. */
int64_t sys_clock_tick_get(void);

/** Returns the time in whole milliseconds. */
int64_t k_uptime_get(void);

/** Returns the low 32 bits of k_uptime_get: good for differences of less than 49 days. */
uint32_t k_uptime_get_32(void);

/** Returns the time in whole seconds. */
uint32_t k_uptime_seconds(void);

/**
 * Returns the milliseconds that have passed since an earlier time.
 *
 * @param reftime the earlier time, from k_uptime_get; becomes the time now; not NULL
 * @return the difference
 */
int64_t k_uptime_delta(int64_t *reftime);

/** Returns the time in cycles. */
uint64_t k_cycle_get_64(void);

/** Returns the low 32 bits of k_cycle_get_64: good for differences of less than 4 seconds. */
uint32_t k_cycle_get_32(void);
/** @} */

/**
 * @name Waiting
 *
 * The time is waited for in full, also if signal handlers run meanwhile. How much longer it takes
 * is the system's choice.
 *
 * Blocks:  for the time given. The functions that sleep are then cancellation points, and may be
 *          left by pthread_cancel.
 * Signals: from a handler as well, which then takes so long.
 * @{
 */
/**
 * Sleeps for a time, or until one.
 *
 * @param timeout how long; K_FOREVER never returns; K_NO_WAIT does what k_yield does
 * @return 0: nothing is left to sleep
 *
 * Differs from Zephyr: no other thread can wake the sleeper, so that nothing is ever left.
 */
int32_t k_sleep(k_timeout_t timeout);

/**
 * Sleeps for milliseconds.
 *
 * @param ms how many; 0 and less does what k_yield does
 * @return 0: nothing is left to sleep
 */
int32_t k_msleep(int32_t ms);

/**
 * Sleeps for microseconds.
 *
 * @param us how many; 0 and less does what k_yield does
 * @return 0: nothing is left to sleep
 */
int32_t k_usleep(int32_t us);

/**
 * Returns after microseconds, without giving the processor away.
 *
 * @param usec_to_wait how many
 *
 * Cost: all of the processor meanwhile, looking at the clock.
 */
void k_busy_wait(uint32_t usec_to_wait);

/** Lets other threads run first, if there are any; returns at once if not. */
void k_yield(void);
/** @} */

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
