/* SPDX-License-Identifier: Apache-2.0 */
/* Signals that the library answers: their names, and that it takes none away from the program. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "os/os.h"

static void names_and_numbers_are_known(void **state)
{
    const struct {
        const char *name;
        int number;
    } rows[] = {{"USR1", SIGUSR1},
                {"USR2", SIGUSR2},
                {"10", 10},
                {"RTMIN+0", SIGRTMIN},
                {"RTMIN+3", SIGRTMIN + 3},
                {"RTMIN+30", SIGRTMIN + 30 <= SIGRTMAX ? SIGRTMIN + 30 : 0},
                {"RTMIN+31", 0},
                {"RTMIN+999", 0},
                {"RTMIN+", 0},
                {"RTMIN+-1", 0},
                {"RTMIN", 0},
                {"", 0},
                {"0", 0},
                {"-1", 0},
                {"1x", 0},
                {"SIGUSR1", 0},
                {"usr1", 0},
                {"99999999999", 0},
                {"9", 0},  /* SIGKILL */
                {"19", 0}, /* SIGSTOP */
                {"11", 0}, /* SIGSEGV */
                {"6", 0},  /* SIGABRT */
                {"33", 0}, /* the C library's */
                {"65", 0}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int number = os_signal_number(rows[i].name, strlen(rows[i].name));

        if (number != rows[i].number) {
            fail_msg("\"%s\" is %d", rows[i].name, number);
        }
    }
    assert_int_equal(os_signal_number("USR1 and more", 4), SIGUSR1);
}

static int answers;
static int own_answers;

static void count_answer(void)
{
    answers++;
}

static void count_own(int number)
{
    own_answers++;
}

static void a_free_signal_is_answered(void **state)
{
    errno = 17;
    assert_true(os_signal_handle(SIGUSR1, count_answer));
    assert_int_equal(errno, 17);
    raise(SIGUSR1);
    assert_int_equal(answers, 1);
    raise(SIGUSR1);
    assert_int_equal(answers, 2);
}

static void a_signal_of_the_program_is_left_to_it(void **state)
{
    struct sigaction now;

    signal(SIGUSR2, count_own);
    assert_false(os_signal_handle(SIGUSR2, count_answer));
    raise(SIGUSR2);
    assert_int_equal(own_answers, 1);
    signal(SIGUSR2, SIG_IGN);
    errno = 17;
    assert_false(os_signal_handle(SIGUSR2, count_answer));
    assert_int_equal(errno, 17);
    sigaction(SIGUSR2, NULL, &now);
    assert_true(now.sa_handler == SIG_IGN);
}

static void what_no_handler_can_be_had_for_is_refused(void **state)
{
    errno = 17;
    assert_false(os_signal_handle(SIGKILL, count_answer));
    assert_int_equal(errno, 17);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_numbers_are_known),
        cmocka_unit_test(a_free_signal_is_answered),
        cmocka_unit_test(a_signal_of_the_program_is_left_to_it),
        cmocka_unit_test(what_no_handler_can_be_had_for_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
