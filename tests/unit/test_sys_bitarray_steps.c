/* SPDX-License-Identifier: Apache-2.0 */
/* A signal handler comes after each instruction of each kind of call that changes a bit array, and
 * changes it as well: no moment is a bad one. Afterwards each bit has one owner, and the bits that
 * have none can all be allocated.
 *
 *    | filler, all set | the thread's own | filler | the handler's own | hole |
 *
 * The hole is so small that both want the same bits of it, or large enough for both. A signal takes
 * so long that the handler comes after every 17th instruction only, from one that differs from
 * trial to trial; another distance may be given as an argument. QUARRY_TEST_SCALE multiplies it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <quarry/bitarray.h>
#include "../support/random.h"
#include "../support/stepping.h"

#define SMALL      400u
#define LARGE      20480u /* has a summary of two levels */
#define WATCHDOG_S 800u
#define DISTANCE   17u

struct run {
    size_t length, offset;
    bool held;
};

static size_t distance = DISTANCE;

static uint32_t storage[QUARRY_BITARRAY_WORDS(LARGE)];
static sys_bitarray_t array, other;
static uint32_t other_storage[QUARRY_BITARRAY_WORDS(LARGE)];
static struct run own, handlers;
static size_t hole;
static bool call_failed; /* that had to succeed */

static void allocate(struct run *run)
{
    run->held = sys_bitarray_alloc(&array, run->length, &run->offset) == 0;
}

static void release(struct run *run)
{
    if (sys_bitarray_free(&array, run->length, run->offset) != 0) {
        call_failed = true;
    }
    run->held = false;
}

/* --- What the thread does --- */

static void own_alloc(void)
{
    allocate(&own);
}

static void own_free(void)
{
    release(&own);
}

static void own_claim(void)
{
    own.offset = array.num_bits - hole;
    own.held = own.length <= hole &&
               sys_bitarray_test_and_set_region(&array, own.length, own.offset, true) == 0;
}

static void own_clear(void)
{
    sys_bitarray_clear_region(&array, own.length, own.offset);
    own.held = false;
}

/* The other array has all bits set. */
static void own_invert(void)
{
    sys_bitarray_xor(&array, &other, own.length, own.offset);
    own.held = false;
}

static void own_clear_bit(void)
{
    sys_bitarray_clear_bit(&array, own.offset);
    own.held = false;
}

/* --- What the handler does --- */

static void handlers_alloc(void)
{
    allocate(&handlers);
}

static void handlers_free(void)
{
    release(&handlers);
}

static void handlers_both(void)
{
    allocate(&handlers);
    if (handlers.held) {
        release(&handlers);
    }
}

/* --- Trials --- */

struct trial {
    void (*call)(void);
    void (*come)(void);
    size_t length, handlers_length, hole;
    uint32_t size;
    bool holds; /* the thread, before the call */
};

static void make(const struct trial *trial)
{
    quarry_bitarray_init(&array, trial->size, storage, sizeof(storage) / sizeof(storage[0]));
    quarry_bitarray_init(&other, trial->size, other_storage,
                         sizeof(other_storage) / sizeof(other_storage[0]));
    sys_bitarray_set_region(&array, trial->size, 0);
    sys_bitarray_set_region(&other, trial->size, 0);
    hole = trial->hole;
    if (hole > 0) {
        sys_bitarray_clear_region(&array, hole, trial->size - hole);
    }
    own = (struct run){trial->length, 64 + 20, trial->holds};
    handlers =
        (struct run){trial->handlers_length, trial->size - hole - trial->handlers_length, true};
    if (trial->come != handlers_free) {
        handlers.held = false;
    }
    call_failed = false;
}

/* Bits that nobody has. */
static size_t expected_clear(const struct trial *trial, bool theirs_was)
{
    size_t clear = trial->hole;

    clear += trial->holds ? trial->length : 0;
    clear -= own.held ? trial->length : 0;
    clear += theirs_was ? trial->handlers_length : 0;
    clear -= handlers.held ? trial->handlers_length : 0;
    return clear;
}

static void expect_all_owned_once(const struct trial *trial, size_t clear)
{
    size_t set, offset;

    assert_false(call_failed);
    assert_true(!own.held || sys_bitarray_is_region_set(&array, own.length, own.offset));
    assert_true(!handlers.held ||
                sys_bitarray_is_region_set(&array, handlers.length, handlers.offset));
    if (own.held && handlers.held) {
        assert_true(own.offset + own.length <= handlers.offset ||
                    handlers.offset + handlers.length <= own.offset);
    }
    sys_bitarray_popcount_region(&array, trial->size, 0, &set);
    assert_int_equal(trial->size - set, clear);
    assert_true(quarry_bitarray_validate(&array));
    for (; clear > 0; clear--) {
        assert_int_equal(sys_bitarray_alloc(&array, 1, &offset), 0);
    }
    assert_int_not_equal(sys_bitarray_alloc(&array, 1, &offset), 0);
}

/* False if the handler would have come later. */
static bool play(const struct trial *trial, size_t count)
{
    make(trial);
    bool theirs_was = handlers.held;

    stepping_begin(count, trial->come);
    trial->call();
    bool has_come = stepping_end();
    expect_all_owned_once(trial, expected_clear(trial, theirs_was));
    return has_come;
}

static void expect_no_bad_moment(const struct trial *trial)
{
    static size_t trials;
    size_t count = 1 + trials++ % distance;

    while (play(trial, count)) {
        count += distance;
    }
    assert_true(count > 50);
}

/* The same after each single instruction, unless QUARRY_TEST_SCALE says otherwise. */
static void expect_no_bad_moment_at_all(struct trial trial)
{
    size_t usual = distance;

    distance = test_scale();
    expect_no_bad_moment(&trial);
    distance = usual;
}

static void with_all_handlers(struct trial trial)
{
    const struct {
        void (*come)(void);
        size_t length;
    } handlers_calls[] = {{handlers_alloc, 1},
                          {handlers_alloc, 70},
                          {handlers_free, 1},
                          {handlers_free, 70},
                          {handlers_both, 70}};

    for (size_t i = 0; i < sizeof(handlers_calls) / sizeof(handlers_calls[0]); i++) {
        trial.come = handlers_calls[i].come;
        trial.handlers_length = handlers_calls[i].length;
        expect_no_bad_moment(&trial);
    }
}

static void with_all_sizes(struct trial trial)
{
    trial.size = SMALL;
    with_all_handlers(trial);
    trial.size = LARGE;
    with_all_handlers(trial);
}

static void begin(void)
{
    stepping_prepare();
    alarm(WATCHDOG_S);
}

static void allocating_has_no_bad_moment(void **state)
{
    (void)state;
    begin();
    with_all_sizes((struct trial){.call = own_alloc, .length = 1, .hole = 0});
    with_all_sizes((struct trial){.call = own_alloc, .length = 1, .hole = 1});
    with_all_sizes((struct trial){.call = own_alloc, .length = 66, .hole = 70});
    with_all_sizes((struct trial){.call = own_alloc, .length = 66, .hole = 150});
}

/* The unit becomes full, and so does what is above it; the handler sees to it that it is not. */
static void filling_a_unit_has_no_bad_moment(void **state)
{
    (void)state;
    begin();
    expect_no_bad_moment_at_all((struct trial){.call = own_alloc,
                                               .length = 1,
                                               .hole = 1,
                                               .come = handlers_free,
                                               .handlers_length = 1,
                                               .size = LARGE});
    expect_no_bad_moment_at_all((struct trial){.call = own_claim,
                                               .length = 66,
                                               .hole = 66,
                                               .come = handlers_free,
                                               .handlers_length = 1,
                                               .size = LARGE});
}

static void claiming_has_no_bad_moment(void **state)
{
    (void)state;
    begin();
    with_all_sizes((struct trial){.call = own_claim, .length = 66, .hole = 70});
    with_all_sizes((struct trial){.call = own_claim, .length = 66, .hole = 150});
}

static void freeing_has_no_bad_moment(void **state)
{
    (void)state;
    begin();
    with_all_sizes((struct trial){.call = own_free, .length = 1, .hole = 0, .holds = true});
    with_all_sizes((struct trial){.call = own_free, .length = 100, .hole = 70, .holds = true});
}

static void other_changes_have_no_bad_moment(void **state)
{
    (void)state;
    begin();
    with_all_sizes((struct trial){.call = own_clear, .length = 100, .holds = true});
    with_all_sizes((struct trial){.call = own_invert, .length = 100, .holds = true});
    with_all_sizes((struct trial){.call = own_clear_bit, .length = 1, .hole = 1, .holds = true});
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocating_has_no_bad_moment),
        cmocka_unit_test(filling_a_unit_has_no_bad_moment),
        cmocka_unit_test(claiming_has_no_bad_moment),
        cmocka_unit_test(freeing_has_no_bad_moment),
        cmocka_unit_test(other_changes_have_no_bad_moment),
    };

    if (argc > 1) {
        distance = strtoul(argv[1], NULL, 10);
    }
    distance *= test_scale();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
