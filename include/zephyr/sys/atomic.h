/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Words that threads, and signal handlers, change at once.
 *
 * Rules that hold for every function of this file, and are not repeated below:
 *
 * Cost:    O(1), one instruction or a few.
 *
 * Blocks:  never.
 *
 * Threads: any at the same time; all of them see all such changes, of whatever words, in one order.
 *
 * Signals: also from a handler.
 *
 * Owner:   the caller owns the words. In memory that processes share they work between processes.
 *
 * Misuse:  is not noticed: NULL, or memory that is not there.
 *
 * Source:  Zephyr's <zephyr/sys/atomic.h>. What changes a word returns what it was before. Sums
 *          that are too much wrap around.
 */
#ifndef ZEPHYR_INCLUDE_SYS_ATOMIC_H_
#define ZEPHYR_INCLUDE_SYS_ATOMIC_H_

#include <stdbool.h>
#include <stddef.h>
#include <zephyr/sys/util.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A word to be changed at once by many. */
typedef long atomic_t;
/** What is in it. */
typedef atomic_t atomic_val_t;
/** A pointer to be changed at once by many. */
typedef void *atomic_ptr_t;
/** What is in it. */
typedef atomic_ptr_t atomic_ptr_val_t;

/** Initialiser of an atomic_t. */
#define ATOMIC_INIT(i) (i)
/** Initialiser of an atomic_ptr_t. */
#define ATOMIC_PTR_INIT(p) (p)

/** Bits of an atomic_t. */
#define ATOMIC_BITS (sizeof(atomic_val_t) * 8)
/** Number of atomic_t that so many bits take. */
#define ATOMIC_BITMAP_SIZE(num_bits) DIV_ROUND_UP(num_bits, ATOMIC_BITS)
/** Defines an array of atomic_t with so many bits, all 0 if it is static. */
#define ATOMIC_DEFINE(name, num_bits) atomic_t name[ATOMIC_BITMAP_SIZE(num_bits)]
/** The element of an array that bit @p bit is in. */
#define ATOMIC_ELEM(addr, bit) ((addr) + (size_t)(bit) / ATOMIC_BITS)

/** Returns a word. */
static inline atomic_val_t atomic_get(const atomic_t *target)
{
    return __atomic_load_n(target, __ATOMIC_SEQ_CST);
}

/** Sets a word. */
static inline atomic_val_t atomic_set(atomic_t *target, atomic_val_t value)
{
    return __atomic_exchange_n(target, value, __ATOMIC_SEQ_CST);
}

/** Sets a word to 0. */
static inline atomic_val_t atomic_clear(atomic_t *target)
{
    return atomic_set(target, 0);
}

/** Sets a word to @p new_value if it is @p old_value; returns whether it was. */
static inline bool atomic_cas(atomic_t *target, atomic_val_t old_value, atomic_val_t new_value)
{
    return __atomic_compare_exchange_n(target, &old_value, new_value, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

/** Adds to a word. */
static inline atomic_val_t atomic_add(atomic_t *target, atomic_val_t value)
{
    return __atomic_fetch_add(target, value, __ATOMIC_SEQ_CST);
}

/** Subtracts from a word. */
static inline atomic_val_t atomic_sub(atomic_t *target, atomic_val_t value)
{
    return __atomic_fetch_sub(target, value, __ATOMIC_SEQ_CST);
}

/** Adds 1 to a word. */
static inline atomic_val_t atomic_inc(atomic_t *target)
{
    return atomic_add(target, 1);
}

/** Subtracts 1 from a word. */
static inline atomic_val_t atomic_dec(atomic_t *target)
{
    return atomic_sub(target, 1);
}

/** Sets those bits of a word that are set in @p value. */
static inline atomic_val_t atomic_or(atomic_t *target, atomic_val_t value)
{
    return __atomic_fetch_or(target, value, __ATOMIC_SEQ_CST);
}

/** Inverts those bits of a word that are set in @p value. */
static inline atomic_val_t atomic_xor(atomic_t *target, atomic_val_t value)
{
    return __atomic_fetch_xor(target, value, __ATOMIC_SEQ_CST);
}

/** Clears those bits of a word that are not set in @p value. */
static inline atomic_val_t atomic_and(atomic_t *target, atomic_val_t value)
{
    return __atomic_fetch_and(target, value, __ATOMIC_SEQ_CST);
}

/** Does what atomic_and does, and inverts all bits then. */
static inline atomic_val_t atomic_nand(atomic_t *target, atomic_val_t value)
{
    atomic_val_t before = atomic_get(target);

    while (!__atomic_compare_exchange_n(target, &before, ~(before & value), true, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST)) {
    }
    return before;
}

/** Returns a pointer. */
static inline atomic_ptr_val_t atomic_ptr_get(const atomic_ptr_t *target)
{
    return __atomic_load_n(target, __ATOMIC_SEQ_CST);
}

/** Sets a pointer. */
static inline atomic_ptr_val_t atomic_ptr_set(atomic_ptr_t *target, atomic_ptr_val_t value)
{
    return __atomic_exchange_n(target, value, __ATOMIC_SEQ_CST);
}

/** Sets a pointer to NULL. */
static inline atomic_ptr_val_t atomic_ptr_clear(atomic_ptr_t *target)
{
    return atomic_ptr_set(target, NULL);
}

/** Sets a pointer to @p new_value if it is @p old_value; returns whether it was. */
static inline bool atomic_ptr_cas(atomic_ptr_t *target, atomic_ptr_val_t old_value,
                                  atomic_ptr_val_t new_value)
{
    return __atomic_compare_exchange_n(target, &old_value, new_value, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

/**
 * @name Bits of arrays
 * @p target is one word or an array of them (ATOMIC_DEFINE), @p bit 0 or more.
 * @{
 */
/** @cond internal */
static inline atomic_val_t z_atomic_mask_(int bit)
{
    return (atomic_val_t)(1ul << ((size_t)bit % ATOMIC_BITS));
}
/** @endcond */

/** Returns whether a bit is set. */
static inline bool atomic_test_bit(const atomic_t *target, int bit)
{
    return (atomic_get(ATOMIC_ELEM(target, bit)) & z_atomic_mask_(bit)) != 0;
}

/** Clears a bit; returns whether it was set. */
static inline bool atomic_test_and_clear_bit(atomic_t *target, int bit)
{
    return (atomic_and(ATOMIC_ELEM(target, bit), ~z_atomic_mask_(bit)) & z_atomic_mask_(bit)) != 0;
}

/** Sets a bit; returns whether it was set. */
static inline bool atomic_test_and_set_bit(atomic_t *target, int bit)
{
    return (atomic_or(ATOMIC_ELEM(target, bit), z_atomic_mask_(bit)) & z_atomic_mask_(bit)) != 0;
}

/** Clears a bit. */
static inline void atomic_clear_bit(atomic_t *target, int bit)
{
    (void)atomic_test_and_clear_bit(target, bit);
}

/** Sets a bit. */
static inline void atomic_set_bit(atomic_t *target, int bit)
{
    (void)atomic_test_and_set_bit(target, bit);
}

/** Sets a bit, or clears it if @p val is false. */
static inline void atomic_set_bit_to(atomic_t *target, int bit, bool val)
{
    if (val) {
        atomic_set_bit(target, bit);
    } else {
        atomic_clear_bit(target, bit);
    }
}
/** @} */

#ifdef __cplusplus
}
#endif

#endif
