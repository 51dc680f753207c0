/* SPDX-License-Identifier: Apache-2.0 */
/* The table of records, against an array of what should be in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "debug/record_table.h"
#include "../support/random.h"

#define CAPACITY 100u
#define BLOCKS   150u
#define ROUNDS   20000u

struct number {
    struct record record;
    uint64_t value;
};

static struct record_table table;
static char memory[BLOCKS * 8]; /* blocks are addresses in it */

static int make_table(void **state)
{
    return record_table_make(&table, sizeof(struct number), CAPACITY, "test") ? 0 : 1;
}

static int clear_table(void **state)
{
    record_table_clear(&table);
    return 0;
}

static const void *block(size_t i)
{
    return memory + i * 8;
}

static struct number *find(size_t i)
{
    return (struct number *)(void *)record_find(&table, block(i));
}

static bool add(size_t i, uint64_t value)
{
    struct number number = {.value = value};

    return record_add(&table, block(i), &number) != NULL;
}

static size_t walk_count(void)
{
    size_t count = 0;

    for (uint32_t i = 0; i < table.begun; i++) {
        count += record_at(&table, i) != NULL;
    }
    return count;
}

static void a_table_that_does_not_fit_is_refused(void **state)
{
    struct record_table huge = {.capacity = 0};

    assert_false(record_table_make(&huge, SIZE_MAX / CAPACITY, CAPACITY, "test"));
    assert_false(record_table_make(&huge, SIZE_MAX / CAPACITY + 1, CAPACITY, "test"));
    assert_int_equal(huge.capacity, 0);
}

static void finds_what_was_added(void **state)
{
    assert_null(find(0));
    assert_true(add(0, 7));
    assert_true(add(1, 8));
    assert_int_equal(find(0)->value, 7);
    assert_int_equal(find(1)->value, 8);
    assert_ptr_equal(find(1)->record.mem, block(1));
    assert_null(find(2));
    assert_null(record_find(&table, NULL));
    assert_int_equal(table.live, 2);
}

static void refuses_when_full_and_takes_again_after_a_removal(void **state)
{
    for (size_t i = 0; i < CAPACITY; i++) {
        assert_true(add(i, i));
    }
    assert_false(add(CAPACITY, 0));
    assert_null(find(CAPACITY));
    record_remove(&table, &find(17)->record);
    assert_null(find(17));
    assert_true(add(CAPACITY, 1));
    assert_false(add(17, 1));
    assert_int_equal(table.live, CAPACITY);
}

static void clearing_removes_everything(void **state)
{
    for (size_t i = 0; i < CAPACITY; i++) {
        add(i, i);
    }
    record_table_clear(&table);
    assert_int_equal(walk_count(), 0);
    assert_null(find(3));
    assert_null(record_at(&table, 0));
    for (size_t i = 0; i < CAPACITY; i++) {
        assert_true(add(i, i));
    }
}

static void agrees_with_an_array(void **state)
{
    struct random random = random_from(1);
    uint64_t values[BLOCKS] = {0}; /* 0: not there */
    size_t live = 0;

    for (size_t round = 1; round <= scaled_rounds(ROUNDS); round++) {
        size_t i = (size_t)random_below(&random, BLOCKS);

        if (values[i] != 0) {
            assert_int_equal(find(i)->value, values[i]);
            record_remove(&table, &find(i)->record);
            values[i] = 0;
            live--;
        } else if (add(i, round)) {
            values[i] = round;
            live++;
        } else {
            assert_int_equal(live, CAPACITY);
        }
        assert_int_equal(table.live, live);
        if (round % 100 == 0) {
            record_table_mend(&table);
            assert_int_equal(walk_count(), live);
            assert_int_equal(table.live, live);
        }
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        assert_int_equal(find(i) != NULL ? find(i)->value : 0, values[i]);
    }
}

/* Both halves of a function that a fork cut in two. */
static void mending_finishes_what_was_cut_off(void **state)
{
    for (size_t i = 0; i < CAPACITY; i++) {
        add(i, i);
    }
    /* A removal whose record is off its chain already. */
    struct number *removed = find(5);
    record_remove(&table, &removed->record);
    removed->record.mem = block(5);
    table.free = 0;
    table.live++;
    /* A removal from the front, of a record that an addition has filled again, but not linked. */
    struct number *added = find(6);
    record_remove(&table, &added->record);
    added->record.mem = block(BLOCKS - 1);
    table.free = 0;

    record_table_mend(&table);
    assert_int_equal(table.live, CAPACITY - 2);
    assert_int_equal(walk_count(), CAPACITY - 2);
    assert_null(find(5));
    assert_null(find(BLOCKS - 1));
    assert_true(add(5, 1));
    assert_true(add(6, 1));
    assert_false(add(CAPACITY, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_that_does_not_fit_is_refused),
        cmocka_unit_test_setup(finds_what_was_added, clear_table),
        cmocka_unit_test_setup(refuses_when_full_and_takes_again_after_a_removal, clear_table),
        cmocka_unit_test_setup(clearing_removes_everything, clear_table),
        cmocka_unit_test_setup(agrees_with_an_array, clear_table),
        cmocka_unit_test_setup(mending_finishes_what_was_cut_off, clear_table),
    };

    return cmocka_run_group_tests(tests, make_table, NULL);
}
