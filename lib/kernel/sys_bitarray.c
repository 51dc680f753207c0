/* SPDX-License-Identifier: Apache-2.0 */
/* sys_bitarray: lock, one call of core/bitarray.h, unlock.
 *
 *    call --> is it an array, has it the region? --> lock -- core -- unlock
 *                  | no
 *                  +--> abort, or -EINVAL, without the lock: sizes never change
 *
 * The lock makes whole calls atomic among threads. Nothing else rests on it: signal handlers that
 * interrupted a call go on without it, and core is such that they may (lib/core/bitarray.h).
 *
 * In the child of a fork the first call mends the array's summary, under the lock; what the call of
 * a thread that is not there has done of a region stays as it is. */
#include <errno.h>
#include <quarry/bitarray.h>
#include <zephyr/sys/bitarray.h>

#include "core/bitarray.h"
#include "core/check.h"
#include "kernel/guard.h"

static void check(const sys_bitarray_t *bitarray)
{
    REQUIRE(bitarray != NULL, "bit array is NULL", NULL, NULL);
    REQUIRE(bitarray->num_bits != 0, "bit array has no bits: it was not made", NULL, bitarray);
}

/* --- The lock --- */

static void inherit(void *bitarray, bool was_held)
{
    (void)was_held; /* a handler may have been inside without the lock */
    bitarray_mend(bitarray);
}

/* In the child of a fork, before the lock is taken for the first time. */
static __attribute__((cold, noinline)) void make_good(sys_bitarray_t *bitarray)
{
    struct visit visit;

    visit_begin(&visit);
    guard_make_good(&bitarray->lock, 0, inherit, bitarray); /* if not: guard_enter waits */
    visit_end(&visit);
}

static void look_after_forks(sys_bitarray_t *bitarray)
{
    if (!guard_is_good(&bitarray->lock)) {
        make_good(bitarray);
    }
}

static void enter(sys_bitarray_t *bitarray, struct visit *visit)
{
    look_after_forks(bitarray);
    guard_enter(&bitarray->lock, visit);
}

static void leave(sys_bitarray_t *bitarray, struct visit *visit)
{
    guard_leave(&bitarray->lock, visit);
}

/* --- Bits --- */

int sys_bitarray_set_bit(sys_bitarray_t *bitarray, size_t bit)
{
    int before;

    return sys_bitarray_test_and_set_bit(bitarray, bit, &before);
}

int sys_bitarray_clear_bit(sys_bitarray_t *bitarray, size_t bit)
{
    int before;

    return sys_bitarray_test_and_clear_bit(bitarray, bit, &before);
}

int sys_bitarray_test_bit(sys_bitarray_t *bitarray, size_t bit, int *val)
{
    check(bitarray);
    if (val == NULL || bit >= bitarray->num_bits) {
        return -EINVAL;
    }
    *val = bitarray_is_bit_set(bitarray, bit);
    return 0;
}

static inline int change_bit(sys_bitarray_t *bitarray, size_t bit, int *prev_val,
                             bool (*change)(sys_bitarray_t *bitarray, size_t bit))
{
    struct visit visit;

    check(bitarray);
    if (prev_val == NULL || bit >= bitarray->num_bits) {
        return -EINVAL;
    }
    enter(bitarray, &visit);
    *prev_val = change(bitarray, bit);
    leave(bitarray, &visit);
    return 0;
}

int sys_bitarray_test_and_set_bit(sys_bitarray_t *bitarray, size_t bit, int *prev_val)
{
    return change_bit(bitarray, bit, prev_val, bitarray_set_bit);
}

int sys_bitarray_test_and_clear_bit(sys_bitarray_t *bitarray, size_t bit, int *prev_val)
{
    return change_bit(bitarray, bit, prev_val, bitarray_clear_bit);
}

/* --- Allocating --- */

int sys_bitarray_alloc(sys_bitarray_t *bitarray, size_t num_bits, size_t *offset)
{
    struct visit visit;

    check(bitarray);
    if (offset == NULL || num_bits == 0 || num_bits > bitarray->num_bits) {
        return -EINVAL;
    }
    enter(bitarray, &visit);
    bool claimed = bitarray_claim_lowest_run(bitarray, num_bits, offset);
    leave(bitarray, &visit);
    return claimed ? 0 : -ENOSPC;
}

/* --- Regions --- */

static inline bool ask_region(sys_bitarray_t *bitarray, size_t num_bits, size_t offset,
                              bool (*ask)(const sys_bitarray_t *bitarray, size_t num_bits,
                                          size_t offset))
{
    struct visit visit;

    check(bitarray);
    if (!bitarray_has_region(bitarray, num_bits, offset)) {
        return false;
    }
    enter(bitarray, &visit);
    bool answer = ask(bitarray, num_bits, offset);
    leave(bitarray, &visit);
    return answer;
}

bool sys_bitarray_is_region_set(sys_bitarray_t *bitarray, size_t num_bits, size_t offset)
{
    return ask_region(bitarray, num_bits, offset, bitarray_is_region_set);
}

bool sys_bitarray_is_region_cleared(sys_bitarray_t *bitarray, size_t num_bits, size_t offset)
{
    return ask_region(bitarray, num_bits, offset, bitarray_is_region_clear);
}

static inline int change_region(sys_bitarray_t *bitarray, size_t num_bits, size_t offset,
                                void (*change)(sys_bitarray_t *bitarray, size_t num_bits,
                                               size_t offset))
{
    struct visit visit;

    check(bitarray);
    if (!bitarray_has_region(bitarray, num_bits, offset)) {
        return -EINVAL;
    }
    enter(bitarray, &visit);
    change(bitarray, num_bits, offset);
    leave(bitarray, &visit);
    return 0;
}

int sys_bitarray_set_region(sys_bitarray_t *bitarray, size_t num_bits, size_t offset)
{
    return change_region(bitarray, num_bits, offset, bitarray_set_region);
}

int sys_bitarray_clear_region(sys_bitarray_t *bitarray, size_t num_bits, size_t offset)
{
    return change_region(bitarray, num_bits, offset, bitarray_clear_region);
}

/* Claims or releases all of a region; `refused` if it is not in the state that that takes. */
static inline int claim_or_release(sys_bitarray_t *bitarray, size_t num_bits, size_t offset,
                                   bool claim, int refused)
{
    struct visit visit;

    check(bitarray);
    if (!bitarray_has_region(bitarray, num_bits, offset)) {
        return -EINVAL;
    }
    enter(bitarray, &visit);
    bool changed = claim ? bitarray_claim(bitarray, num_bits, offset)
                         : bitarray_release(bitarray, num_bits, offset);
    leave(bitarray, &visit);
    return changed ? 0 : refused;
}

int sys_bitarray_free(sys_bitarray_t *bitarray, size_t num_bits, size_t offset)
{
    return claim_or_release(bitarray, num_bits, offset, false, -EFAULT);
}

int sys_bitarray_test_and_set_region(sys_bitarray_t *bitarray, size_t num_bits, size_t offset,
                                     bool to_set)
{
    return claim_or_release(bitarray, num_bits, offset, to_set, -EEXIST);
}

int sys_bitarray_popcount_region(sys_bitarray_t *bitarray, size_t num_bits, size_t offset,
                                 size_t *count)
{
    struct visit visit;

    check(bitarray);
    if (count == NULL || !bitarray_has_region(bitarray, num_bits, offset)) {
        return -EINVAL;
    }
    enter(bitarray, &visit);
    *count = bitarray_count_region(bitarray, num_bits, offset);
    leave(bitarray, &visit);
    return 0;
}

int sys_bitarray_xor(sys_bitarray_t *dst, sys_bitarray_t *other, size_t num_bits, size_t offset)
{
    struct visit visit;

    check(dst);
    check(other);
    if (dst->num_bits != other->num_bits || !bitarray_has_region(dst, num_bits, offset)) {
        return -EINVAL;
    }
    look_after_forks(dst);
    look_after_forks(other);
    guard_enter_both(&dst->lock, &other->lock, &visit);
    bitarray_xor(dst, other, num_bits, offset);
    guard_leave_both(&dst->lock, &other->lock, &visit);
    return 0;
}

int sys_bitarray_find_nth_set(sys_bitarray_t *bitarray, size_t n, size_t num_bits, size_t offset,
                              size_t *found_at)
{
    struct visit visit;

    check(bitarray);
    if (n == 0 || found_at == NULL || !bitarray_has_region(bitarray, num_bits, offset)) {
        return -EINVAL;
    }
    enter(bitarray, &visit);
    bool found = bitarray_find_nth_set(bitarray, n, num_bits, offset, found_at);
    leave(bitarray, &visit);
    return found ? 0 : 1;
}

/* --- Beyond Zephyr's --- */

int quarry_bitarray_init(sys_bitarray_t *bitarray, size_t num_bits, uint32_t *storage,
                         size_t storage_words)
{
    if (bitarray == NULL || storage == NULL || num_bits == 0 || num_bits > UINT32_MAX ||
        storage_words < QUARRY_BITARRAY_WORDS(num_bits)) {
        return -EINVAL;
    }
    bitarray_make(bitarray, (uint32_t)num_bits, storage);
    bitarray->lock = (struct k_spinlock)Z_SPINLOCK_INIT;
    guard_begin(&bitarray->lock);
    return 0;
}

bool quarry_bitarray_validate(sys_bitarray_t *bitarray)
{
    struct visit visit;

    check(bitarray);
    enter(bitarray, &visit);
    bool is_right = bitarray_validate(bitarray);
    leave(bitarray, &visit);
    return is_right;
}
