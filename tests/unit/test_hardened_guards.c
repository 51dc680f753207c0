/* SPDX-License-Identifier: Apache-2.0 */
/* Guards of the hardened library: slices that nobody gets, and pages behind large blocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "process/guarded.h"
#include "process/large.h"
#include "process/setup.h"
#include "process/slices.h"
#include "../support/death.h"

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif

#define GUARD_EVERY 64u
#define TAKEN       400u
#define MIB         ((size_t)1 << 20)

static bool has_guard(size_t slice, size_t count)
{
    return slice / GUARD_EVERY != (slice + count) / GUARD_EVERY;
}

/* Expects slices that are usable and none of them a guard. */
static void expect_slices(size_t slice, size_t count)
{
    assert_int_not_equal(slice, SLICE_NONE);
    assert_false(has_guard(slice, count));
    memset(slice_start(slice), 1, count << SLICE_SHIFT);
}

static void test_no_guard_is_taken(void **state)
{
    static size_t slices[TAKEN];

    setup();
    for (size_t count = 1; count <= 8; count *= 2) {
        for (size_t i = 0; i < TAKEN; i++) {
            slices[i] = slices_take(count);
            expect_slices(slices[i], count);
        }
        for (size_t i = 0; i < TAKEN; i++) {
            slices_give(slices[i], count);
        }
    }
    assert_int_equal(slices_take(GUARD_EVERY), SLICE_NONE);
}

/* Sets one byte, by its distance from the start of the first guard that slices have. */
static void touch_around_guard(void *distance)
{
    char *guard = slice_start(GUARD_EVERY - 1);

    *(volatile char *)(guard + *(ptrdiff_t *)distance) = 1;
}

/* A sanitizer makes an exit of the signal. */
static bool is_deadly(crime_fn crime, void *arg)
{
    struct death death = death_of(crime, arg);

    return death.signal != 0 || death.exit_code != 0;
}

static bool faults_at(ptrdiff_t distance)
{
    return is_deadly(touch_around_guard, &distance);
}

static void test_guards_fault(void **state)
{
    const ptrdiff_t guard_bytes = SLICE_BYTES;

    setup();
    while (!slice_is_known(GUARD_EVERY)) {
        assert_int_not_equal(slices_take(1), SLICE_NONE);
    }
    assert_false(faults_at(-1));
    assert_true(faults_at(0));
    assert_true(faults_at(guard_bytes - 1));
    assert_false(faults_at(guard_bytes));
    assert_true(faults_at(-(ptrdiff_t)(GUARD_EVERY - 1) * guard_bytes - 1));
}

static void touch(void *address)
{
    *(volatile char *)address = 1;
}

/* Expects the page behind a block's last one to fault, and the one before it not to. */
static void expect_guarded(char *block, size_t bytes)
{
    uintptr_t past = ((uintptr_t)block + bytes + sizeof(uint64_t) + 4095) & ~(uintptr_t)4095;

    assert_false(is_deadly(touch, (void *)(past - 1)));
    assert_true(is_deadly(touch, (void *)past));
}

static void test_large_blocks_are_guarded(void **state)
{
    if (RUNNING_ON_VALGRIND) {
        skip(); /* it takes memory that was moved onto reserved space for memory of nobody */
    }
    char *block = guarded_malloc(MIB + 1);

    expect_guarded(block, MIB + 1);
    block = guarded_realloc(block, 5 * MIB);
    assert_int_equal(guarded_malloc_usable_size(block), 5 * MIB);
    memset(block, 1, 5 * MIB);
    expect_guarded(block, 5 * MIB);
    block = guarded_realloc(block, 2 * MIB);
    expect_guarded(block, 2 * MIB);
    guarded_free(block);
    block = guarded_calloc(1, 2 * MIB);
    expect_guarded(block, 2 * MIB);
    guarded_free(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_guard_is_taken),
        cmocka_unit_test(test_guards_fault),
        cmocka_unit_test(test_large_blocks_are_guarded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
