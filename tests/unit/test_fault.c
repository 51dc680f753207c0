/* SPDX-License-Identifier: Apache-2.0 */
/* Reports: how a line is built, and how a fault ends the program. */
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "core/check.h"
#include "os/fault.h"
#include "../support/death.h"

static void expect_line(const struct line *line, const char *text)
{
    assert_int_equal(line->length, strlen(text));
    assert_memory_equal(line->text, text, line->length);
}

static void parts_are_joined(void **state)
{
    struct line line = {.length = 0};

    line_add(&line, "");
    expect_line(&line, "");
    line_add(&line, "one ");
    line_add_number(&line, 2);
    line_add(&line, " ");
    line_add_address(&line, (void *)(uintptr_t)0xab0);
    expect_line(&line, "one 2 0xab0");
}

static void numbers_of_all_lengths(void **state)
{
    const struct {
        unsigned long long number;
        const char *text;
    } rows[] = {{0, "0"},
                {9, "9"},
                {10, "10"},
                {UINT32_MAX, "4294967295"},
                {ULLONG_MAX, "18446744073709551615"}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct line line = {.length = 0};

        line_add_number(&line, rows[i].number);
        expect_line(&line, rows[i].text);
    }
}

static void addresses_of_all_lengths(void **state)
{
    struct line line = {.length = 0};

    line_add_address(&line, NULL);
    line_add_address(&line, (void *)UINTPTR_MAX);
    expect_line(&line, sizeof(void *) == 8 ? "0x00xffffffffffffffff" : "0x00xffffffff");
}

static void what_does_not_fit_is_cut(void **state)
{
    struct line line = {.length = 0};
    char long_text[sizeof(line.text) + 100];

    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    line_add(&line, "begin ");
    line_add(&line, long_text);
    assert_int_equal(line.length, sizeof(line.text) - 1); /* there is room for the line feed */
    line_add(&line, "more");
    line_add_number(&line, ULLONG_MAX);
    line_add_address(&line, &line);
    assert_int_equal(line.length, sizeof(line.text) - 1);
    assert_memory_equal(line.text, "begin xxx", 9);
    assert_int_equal(line.text[sizeof(line.text) - 2], 'x');
}

/* What a child does that is to die. */
struct crime {
    const char *phrase;
    const void *heap;
    const void *address;
};

static void commit(void *arg)
{
    const struct crime *crime = arg;

    fault(crime->phrase, crime->heap, crime->address);
}

static void expect_message(struct crime crime, const char *message)
{
    struct death death = death_of(commit, &crime);

    assert_int_equal(death.signal, SIGABRT);
    assert_string_equal(death.message, message);
}

static void fault_prints_one_line_and_aborts(void **state)
{
    const void *heap = (void *)(uintptr_t)0x1000;
    const void *address = (void *)(uintptr_t)0x1abc;

    expect_message((struct crime){"it broke", NULL, NULL}, "quarry: it broke\n");
    expect_message((struct crime){"it broke", heap, NULL}, "quarry: it broke, heap 0x1000\n");
    expect_message((struct crime){"it broke", NULL, address}, "quarry: it broke, address 0x1abc\n");
    expect_message((struct crime){"it broke", heap, address},
                   "quarry: it broke, heap 0x1000, address 0x1abc\n");
}

static void long_phrase_still_ends_its_line(void **state)
{
    static char phrase[2000];
    struct crime crime = {phrase, NULL, &phrase};

    memset(phrase, 'p', sizeof(phrase) - 1);
    struct death death = death_of(commit, &crime);
    assert_int_equal(death.signal, SIGABRT);
    assert_int_equal(strlen(death.message), sizeof(((struct line *)NULL)->text));
    assert_int_equal(death.message[strlen(death.message) - 1], '\n');
}

static void print_line(void *arg)
{
    struct line line = {.length = 0};

    line_add(&line, "hello");
    line_to_stderr(&line);
}

static void line_goes_to_standard_error(void **state)
{
    struct death death = death_of(print_line, NULL);

    assert_int_equal(death.signal, 0);
    assert_string_equal(death.message, "hello\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_joined),
        cmocka_unit_test(numbers_of_all_lengths),
        cmocka_unit_test(addresses_of_all_lengths),
        cmocka_unit_test(what_does_not_fit_is_cut),
        cmocka_unit_test(fault_prints_one_line_and_aborts),
        cmocka_unit_test(long_phrase_still_ends_its_line),
        cmocka_unit_test(line_goes_to_standard_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
