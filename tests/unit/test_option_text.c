/* SPDX-License-Identifier: Apache-2.0 */
/* The text of QUARRY_OPTIONS, read by more than one part of the library: each has its own options,
 * and what is unknown to all is reported once. What texts mean in detail: test_options.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "os/option_text.h"
#include "../support/death.h"
#include "../support/complaints.h"
#include "../support/fake_os.h"

#define UNKNOWN(name) "quarry: unknown option in QUARRY_OPTIONS, skipped: " name "\n"
#define BAD(name)     "quarry: bad value of option in QUARRY_OPTIONS, skipped: " name "\n"

static char seen[200];

static bool see(const char *reader, struct option_text value)
{
    strcat(seen, reader);
    strncat(seen, value.start, value.length);
    strcat(seen, ";");
    return !option_text_is(value, "bad");
}

static bool see_arenas(struct option_text value)
{
    return see("arenas ", value);
}

static bool see_heap(struct option_text value)
{
    return see("heap ", value);
}

static const option_setter of_process[OPTION_COUNT] = {[OPTION_ARENAS] = see_arenas};
static const option_setter of_kernel[OPTION_COUNT] = {[OPTION_SYSTEM_HEAP] = see_heap};

static void expect_reading(const option_setter *setters, const char *text, const char *values,
                           const char *complaint)
{
    fake_os_reset();
    fake_os_set_options(text);
    seen[0] = '\0';
    if (!option_text_read(setters) || strcmp(seen, values) != 0 ||
        !are_complaints(fake_os_appended(), complaint)) {
        print_error("\"%s\": values \"%s\", complaint \"%s\"\n", text, seen, fake_os_appended());
        _exit(1);
    }
}

#define TEXT "system_heap=5,colour=red,arenas=7,stats=bad,system_heap=bad,arenas=bad,arenas"

static void expect_good_child(crime_fn deed, const void *arg)
{
    struct death death = death_of(deed, (void *)(uintptr_t)arg);

    if (death.signal != 0 || death.exit_code != 0) {
        fail_msg("signal %d, exit code %d: %s", death.signal, death.exit_code, death.message);
    }
}

/* Child: nobody has read yet. */
static void read_in_order(void *arg)
{
    const option_setter *const *order = arg;

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 2; i++) {
            const char *unknown = i == 0 ? UNKNOWN("colour") : "";
            char complaint[300];

            strcpy(complaint, unknown);
            if (order[i] == of_process) {
                strcat(complaint, BAD("arenas"));
                expect_reading(of_process, TEXT, "arenas 7;arenas bad;arenas ;", complaint);
            } else {
                strcat(complaint, BAD("system_heap"));
                expect_reading(of_kernel, TEXT, "heap 5;heap bad;", complaint);
            }
        }
    }
}

static void expect_good(const option_setter *first, const option_setter *second)
{
    const option_setter *order[2] = {first, second};
    expect_good_child(read_in_order, order);
}

static void each_reader_has_its_own_options(void **state)
{
    expect_good(of_process, of_kernel);
    expect_good(of_kernel, of_process);
}

/* Child. */
static void read_too_early(void *arg)
{
    fake_os_set_options("colour=red,system_heap=5");
    fake_os_set_environment_ready(false);
    if (option_text_read(of_kernel) || fake_os_appended()[0] != '\0' || seen[0] != '\0') {
        _exit(1);
    }
    expect_reading(of_process, "colour=red", "", UNKNOWN("colour"));
    expect_reading(of_kernel, "colour=red,system_heap=5", "heap 5;", "");
}

static void a_reading_that_comes_too_early_is_none(void **state)
{
    expect_good_child(read_too_early, NULL);
}

static void sizes_are_numbers_with_a_suffix(void **state)
{
    const struct {
        const char *text;
        bool good;
        size_t value;
    } rows[] = {{"0", true, 0},
                {"7", true, 7},
                {"1k", true, 1024},
                {"2m", true, 2097152},
                {"1g", true, 1u << 30},
                {"3K", true, 3072},
                {"2M", true, 2097152},
                {"1G", true, 1u << 30},
                {"", false, 0},
                {"k", false, 0},
                {"1kk", false, 0},
                {"-1", false, 0},
                {"1 ", false, 0},
                {"0x1", false, 0},
                {"99999999999999999999", false, 0},
                {"18014398509481984k", false, 0}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t value = 1;
        struct option_text text = {rows[i].text, strlen(rows[i].text)};

        assert_int_equal(option_text_size(text, &value), rows[i].good);
        assert_true(!rows[i].good || value == rows[i].value);
    }
}

#define UNKNOWN_NAME "quarry: unknown option in QUARRY_OPTIONS, skipped: "

/* A text, and the beginning and the end of the complaint about it. */
struct complaint {
    const char *text;
    const char *start;
    const char *end;
};

/* Child. */
static void read_and_compare(void *arg)
{
    const struct complaint *wanted = arg;

    fake_os_set_options(wanted->text);
    bool was_read = option_text_read(of_process);
    const char *said = fake_os_appended();
    size_t length = strlen(said);
    size_t end_length = strlen(wanted->end);
    if (!was_read || strncmp(said, wanted->start, strlen(wanted->start)) != 0 ||
        length < end_length || strcmp(said + length - end_length, wanted->end) != 0) {
        print_error("\"%s\" gives \"%s\"\n", wanted->text, said);
        _exit(1);
    }
}

static void unknown_names_come_with_the_nearest_or_all(void **state)
{
    const struct complaint complaints[] = {
        {"arena=4", UNKNOWN_NAME "arena; did", " you mean arenas?\n"},
        {"Arenas=4", UNKNOWN_NAME "Arenas; did", " you mean arenas?\n"},
        {"systemheap=4", UNKNOWN_NAME "systemheap; did", " you mean system_heap?\n"},
        {"purge_delay=4", UNKNOWN_NAME "purge_delay; did", " you mean purge_delay_ms?\n"},
        {"state=4", UNKNOWN_NAME "state; did", " you mean stats?\n"},
        {"colour=red", UNKNOWN_NAME "colour; there are arenas, ", ", zero_on_free\n"},
        {"=red", UNKNOWN_NAME "; there are arenas, ", ", zero_on_free\n"},
        {"large", UNKNOWN_NAME "large; there are arenas, ", ", zero_on_free\n"},
    };

    for (size_t i = 0; i < sizeof(complaints) / sizeof(complaints[0]); i++) {
        expect_good_child(read_and_compare, &complaints[i]);
    }
}

static void bad_values_come_with_good_ones(void **state)
{
    const struct complaint complaint = {"arenas=bad", "quarry: bad value of option in ",
                                        " skipped: arenas; \"bad\" is not 1 to 32\n"};

    expect_good_child(read_and_compare, &complaint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_reader_has_its_own_options),
        cmocka_unit_test(a_reading_that_comes_too_early_is_none),
        cmocka_unit_test(unknown_names_come_with_the_nearest_or_all),
        cmocka_unit_test(bad_values_come_with_good_ones),
        cmocka_unit_test(sizes_are_numbers_with_a_suffix),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
