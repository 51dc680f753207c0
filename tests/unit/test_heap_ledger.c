/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger of chunks in use: what it finds, what it clears, and what it refuses. What is left of
 * it when a note is interrupted is tested in test_heap_ledger_torn.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <core/heap_ledger.h>
#include "../support/death.h"
#include "../support/random.h"

#define UNITS      1000u /* of the heap: no multiple of 64 */
#define HEAP_BYTES ((size_t)UNITS * 8u + 7u)
#define MOST_BYTES 512u /* that a ledger of the tests has */

static uint64_t seed;
/* Room for a ledger, and a bit more. */
struct room {
    _Alignas(LEDGER_ALIGN) uint8_t bytes[MOST_BYTES];
};

static struct room memory, image;
static struct heap_ledger *const ledger = (struct heap_ledger *)(void *)memory.bytes;
static struct heap_ledger *const saved = (struct heap_ledger *)(void *)image.bytes;

static int fresh_ledger(void **state)
{
    assert_true(ledger_bytes(HEAP_BYTES) <= MOST_BYTES);
    memset(ledger, 0xa5, MOST_BYTES);
    ledger_init(ledger, HEAP_BYTES);
    return 0;
}

static void save(void)
{
    memcpy(saved, ledger, ledger_bytes(HEAP_BYTES));
}

static void expect_as_saved(void)
{
    assert_memory_equal(ledger, saved, ledger_bytes(HEAP_BYTES));
}

static void expect_next(const struct heap_ledger *in, uint32_t unit, uint32_t first, uint32_t units)
{
    struct ledger_chunk chunk = {0, 0};
    assert_true(ledger_next(in, unit, &chunk));
    assert_int_equal(chunk.first_unit, first);
    assert_int_equal(chunk.units, units);
}

static void mark(enum ledger_mark which, uint32_t unit)
{
    ledger->words[unit / 64].marks[which] |= UINT64_C(1) << unit % 64;
}

/* ---- sizes ---- */

static void its_size_is_right_for_every_heap(void **state)
{
    assert_int_equal(ledger_bytes(0), 16);
    assert_int_equal(ledger_bytes(7), 16);
    assert_int_equal(ledger_bytes(8), 32);
    assert_int_equal(ledger_bytes(64 * 8 + 7), 32);
    assert_int_equal(ledger_bytes(65 * 8), 48);
}

static void its_size_is_right_for_sizes_that_no_heap_has(void **state)
{
    size_t largest = SIZE_MAX / 8 < 0x7fffffff ? SIZE_MAX : (size_t)0x7fffffff * 8;
    for (size_t less = 0; less <= 64; less++) {
        assert_true(ledger_bytes(SIZE_MAX - less) == ledger_bytes(largest));
    }
    assert_true(ledger_bytes(largest) < largest);
}

static void stays_within_its_size(void **state)
{
    ledger_note_used(ledger, 0, 1);
    ledger_note_used(ledger, UNITS - 1, 1);
    for (size_t i = ledger_bytes(HEAP_BYTES); i < MOST_BYTES; i++) {
        assert_int_equal(((uint8_t *)ledger)[i], 0xa5);
    }
}

static void knows_the_size_of_its_heap(void **state)
{
    assert_true(ledger_is_for(ledger, HEAP_BYTES));
    assert_false(ledger_is_for(ledger, HEAP_BYTES + 1));
    assert_false(ledger_is_for(ledger, HEAP_BYTES - 8));
}

/* ---- finding chunks ---- */

static void begins_empty(void **state)
{
    struct ledger_chunk chunk;
    assert_false(ledger_next(ledger, 0, &chunk));
    assert_int_equal(ledger_units_at(ledger, 0), 0);
}

static void finds_chunks_in_order(void **state)
{
    struct ledger_chunk chunk;
    ledger_note_used(ledger, 128, 500);
    ledger_note_used(ledger, 62, 2);
    ledger_note_used(ledger, 64, 64);
    ledger_note_used(ledger, UNITS - 1, 1);
    expect_next(ledger, 0, 62, 2);
    expect_next(ledger, 63, 64, 64);
    expect_next(ledger, 65, 128, 500);
    expect_next(ledger, 129, UNITS - 1, 1);
    assert_false(ledger_next(ledger, UNITS, &chunk));
    assert_false(ledger_next(ledger, UINT32_MAX, &chunk));
}

static void knows_where_chunks_start(void **state)
{
    ledger_note_used(ledger, 60, 100);
    assert_int_equal(ledger_units_at(ledger, 60), 100);
    assert_int_equal(ledger_units_at(ledger, 59), 0);
    assert_int_equal(ledger_units_at(ledger, 61), 0);
    assert_int_equal(ledger_units_at(ledger, 159), 0);
    assert_int_equal(ledger_units_at(ledger, UNITS), 0);
    assert_int_equal(ledger_units_at(ledger, UINT32_MAX), 0);
}

static void works_at_another_address(void **state)
{
    ledger_note_used(ledger, 60, 100);
    save();
    expect_next(saved, 0, 60, 100);
    ledger_note_resized(saved, 60, 90);
    ledger_note_free(ledger, 60);
    expect_next(saved, 0, 60, 90);
}

/* ---- against an obvious model ---- */

static uint32_t units_at[UNITS + 1]; /* of the chunk in use that starts there, or 0 */

/* The model's next chunk from there on, or UNITS. */
static uint32_t model_next(uint32_t unit)
{
    while (unit < UNITS && units_at[unit] == 0) {
        unit++;
    }
    return unit;
}

static void expect_as_model(void)
{
    struct ledger_chunk chunk;
    for (uint32_t unit = 0; unit < UNITS; unit++) {
        uint32_t next = model_next(unit);
        assert_int_equal(ledger_units_at(ledger, unit), units_at[unit]);
        assert_int_equal(ledger_next(ledger, unit, &chunk), next < UNITS);
        if (next < UNITS) {
            expect_next(ledger, unit, next, units_at[next]);
        }
    }
}

/* 1 to what is free from there on, short for the most part; 0 if nothing is. */
static uint32_t some_units(struct random *random, uint32_t unit)
{
    uint32_t room = model_next(unit) - unit;
    return room == 0 ? 0 : (uint32_t)random_log_uniform(random, room);
}

static void change(struct random *random, uint32_t unit)
{
    uint32_t own = units_at[unit];
    if (own == 0) {
        units_at[unit] = some_units(random, unit);
        if (units_at[unit] != 0) {
            ledger_note_used(ledger, unit, units_at[unit]);
        }
    } else if (random_below(random, 2) == 0) {
        units_at[unit] = 0;
        ledger_note_free(ledger, unit);
    } else {
        units_at[unit] = 1 + (uint32_t)random_below(random, model_next(unit + own) - unit);
        ledger_note_resized(ledger, unit, units_at[unit]);
    }
}

/* A unit where a chunk starts, or one that is free. */
static uint32_t some_place(struct random *random)
{
    uint32_t unit = (uint32_t)random_below(random, UNITS);
    uint32_t start = unit;
    while (start > 0 && units_at[start] == 0) {
        start--;
    }
    return units_at[start] > unit - start ? start : unit;
}

static void agrees_with_a_model(void **state)
{
    struct random random = random_from(seed);
    size_t steps = scaled_rounds(2000);
    memset(units_at, 0, sizeof units_at);
    for (size_t step = 0; step < steps; step++) {
        change(&random, some_place(&random));
        expect_as_model();
    }
}

/* ---- what is stale, and what is wrong ---- */

static void tidying_clears_stale_marks_only(void **state)
{
    struct random random = random_from(seed + 1);
    memset(units_at, 0, sizeof units_at);
    for (size_t step = scaled_rounds(2000); step > 0; step--) {
        uint32_t unit = some_place(&random);
        change(&random, unit);
        save();
        unit = some_place(&random);
        if (units_at[unit] == 0) {
            mark(LEDGER_LAST, unit);
        }
        expect_as_model();
        ledger_tidy(ledger);
        expect_as_saved();
    }
}

static void tidying_clears_marks_behind_the_heap(void **state)
{
    save();
    mark(LEDGER_LAST, UNITS);
    mark(LEDGER_LAST, 0);
    mark(LEDGER_LAST, 64);
    ledger_tidy(ledger);
    expect_as_saved();
}

static void a_chunk_without_end_has_no_units(void **state)
{
    ledger_note_used(ledger, 10, 4);
    mark(LEDGER_FIRST, 100);
    expect_next(ledger, 11, 100, 0);
    assert_int_equal(ledger_units_at(ledger, 100), 0);
    ledger_tidy(ledger);
    expect_next(ledger, 0, 10, 4);
}

static void a_chunk_that_overlaps_has_no_units(void **state)
{
    ledger_note_used(ledger, 10, 70);
    mark(LEDGER_FIRST, 79);
    expect_next(ledger, 0, 10, 0);
    expect_next(ledger, 11, 79, 1);
    ledger_tidy(ledger);
    expect_next(ledger, 11, 79, 1);
}

/* ---- misuse ---- */

static void use_outside(void *arg)
{
    ledger_note_used(ledger, UNITS - 1, 2);
}

static void use_nothing(void *arg)
{
    ledger_note_used(ledger, 5, 0);
}

static void chunks_outside_of_the_heap_die(void **state)
{
    expect_death(use_outside, NULL, "chunk to note as used is not in the heap");
    expect_death(use_nothing, NULL, "chunk to note as used is not in the heap");
}

static void use_twice(void *arg)
{
    ledger_note_used(ledger, 5, 10);
    ledger_note_used(ledger, 14, 1);
}

static void use_of_an_untidy_place(void *arg)
{
    mark(LEDGER_LAST, 7);
    ledger_note_used(ledger, 5, 10);
}

static void using_a_chunk_in_use_dies(void **state)
{
    const char *phrase = "chunk to note as used overlaps one that is, or the ledger is untidy";
    expect_death(use_twice, NULL, phrase);
    expect_death(use_of_an_untidy_place, NULL, phrase);
}

static void free_nothing(void *arg)
{
    ledger_note_used(ledger, 5, 10);
    ledger_note_free(ledger, 6);
}

static void freeing_what_is_no_chunk_dies(void **state)
{
    expect_death(free_nothing, NULL,
                 "chunk to note as free is not in use: double free, or not a block");
}

static void resize_nothing(void *arg)
{
    ledger_note_resized(ledger, 6, 1);
}

static void resize_beyond(void *arg)
{
    ledger_note_used(ledger, 5, 10);
    ledger_note_resized(ledger, 5, UNITS - 4);
}

static void resize_into_another(void *arg)
{
    ledger_note_used(ledger, 5, 10);
    ledger_note_used(ledger, 15, 1);
    ledger_note_resized(ledger, 5, 11);
}

static void impossible_sizes_die(void **state)
{
    expect_death(resize_nothing, NULL, "chunk to note as resized is not in use");
    expect_death(resize_beyond, NULL, "chunk is to be noted as larger than the heap");
    expect_death(resize_into_another, NULL,
                 "chunk to note as larger overlaps the next one, or the ledger is untidy");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_size_is_right_for_every_heap),
        cmocka_unit_test(its_size_is_right_for_sizes_that_no_heap_has),
        cmocka_unit_test_setup(stays_within_its_size, fresh_ledger),
        cmocka_unit_test_setup(knows_the_size_of_its_heap, fresh_ledger),
        cmocka_unit_test_setup(begins_empty, fresh_ledger),
        cmocka_unit_test_setup(finds_chunks_in_order, fresh_ledger),
        cmocka_unit_test_setup(knows_where_chunks_start, fresh_ledger),
        cmocka_unit_test_setup(works_at_another_address, fresh_ledger),
        cmocka_unit_test_setup(agrees_with_a_model, fresh_ledger),
        cmocka_unit_test_setup(tidying_clears_stale_marks_only, fresh_ledger),
        cmocka_unit_test_setup(tidying_clears_marks_behind_the_heap, fresh_ledger),
        cmocka_unit_test_setup(a_chunk_without_end_has_no_units, fresh_ledger),
        cmocka_unit_test_setup(a_chunk_that_overlaps_has_no_units, fresh_ledger),
        cmocka_unit_test_setup(chunks_outside_of_the_heap_die, fresh_ledger),
        cmocka_unit_test_setup(using_a_chunk_in_use_dies, fresh_ledger),
        cmocka_unit_test_setup(freeing_what_is_no_chunk_dies, fresh_ledger),
        cmocka_unit_test_setup(impossible_sizes_die, fresh_ledger),
    };

    seed = random_seed_from_args(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
