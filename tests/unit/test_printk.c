/* SPDX-License-Identifier: Apache-2.0 */
/* What is printed, and that each call is one write: standard output is a socket that keeps
 * messages apart. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <cmocka.h>
#include <zephyr/kernel.h>
#include <zephyr/logging/log.h>
#include <zephyr/sys/printk.h>

#define LONGEST 16384u

LOG_MODULE_REGISTER(sensor, LOG_LEVEL_INF);

static int ends[2]; /* of the socket: to read, to write */
static int output;  /* what standard output was */
static char text[LONGEST + 1];

static void begin(void)
{
    fflush(stdout);
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
    output = dup(STDOUT_FILENO);
    assert_true(output >= 0);
    assert_int_equal(dup2(ends[1], STDOUT_FILENO), STDOUT_FILENO);
}

static void end(void)
{
    dup2(output, STDOUT_FILENO);
    close(output);
    close(ends[0]);
    close(ends[1]);
}

/* The next write, in `text`; empty: there was none. */
static size_t next_write(void)
{
    ssize_t bytes = recv(ends[0], text, LONGEST, MSG_DONTWAIT);

    text[bytes > 0 ? bytes : 0] = '\0';
    return bytes > 0 ? (size_t)bytes : 0;
}

static void a_call_is_one_write(void **state)
{
    begin();
    printk("%d blocks of %s\nand %c", 12, "slab", 'x');
    printk("\n");
    next_write();
    bool first = strcmp(text, "12 blocks of slab\nand x") == 0;
    next_write();
    bool second = strcmp(text, "\n") == 0;
    bool no_third = next_write() == 0;
    end();
    assert_true(first);
    assert_true(second);
    assert_true(no_third);
}

static void nothing_is_no_write(void **state)
{
    begin();
    printk("%s", "");
    size_t bytes = next_write();
    end();
    assert_int_equal(bytes, 0);
}

/* Around the size of the memory that suffices for most, and far above. */
static void long_texts_come_whole(void **state)
{
    static const int widths[] = {1022, 1023, 1024, 1025, 4095, 4096, 12000};

    for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
        begin();
        printk("%*d|%s", widths[i] - 2, 7, "e");
        size_t bytes = next_write();
        end();
        assert_int_equal(bytes, widths[i]);
        assert_int_equal(text[widths[i] - 3], '7');
        assert_string_equal(text + widths[i] - 2, "|e");
    }
}

static void errno_is_kept(void **state)
{
    begin();
    close(STDOUT_FILENO); /* now it cannot be written */
    errno = 42;
    printk("lost %d\n", 1);
    int after = errno;
    end();
    assert_int_equal(after, 42);
}

static void print_from_handler(int number)
{
    printk("signal %d\n", number);
}

static void a_handler_may_print(void **state)
{
    begin();
    signal(SIGUSR1, print_from_handler);
    raise(SIGUSR1);
    next_write();
    end();
    signal(SIGUSR1, SIG_DFL);
    char expected[32];
    snprintk(expected, sizeof(expected), "signal %d\n", SIGUSR1);
    assert_string_equal(text, expected);
}

/* --- Log messages --- */

/* Skips "[hh:mm:ss.mmm,uuu] ". */
static const char *behind_time(void)
{
    unsigned int hours;
    unsigned int part[4];
    int length = 0;

    assert_int_equal(sscanf(text, "[%u:%2u:%2u.%3u,%3u] %n", &hours, &part[0], &part[1], &part[2],
                            &part[3], &length),
                     5);
    return text + length;
}

static void messages_have_a_head(void **state)
{
    begin();
    LOG_ERR("block %d is lost", 3);
    LOG_DBG("not of this level");
    next_write();
    bool no_more = next_write() == 0;
    end();
    assert_true(no_more);
    begin();
    LOG_WRN("late");
    next_write();
    end();
    assert_string_equal(behind_time(), "<wrn> sensor: late\n");
}

static void levels_have_names(void **state)
{
    begin();
    LOG_ERR("block %d is lost", 3);
    next_write();
    end();
    assert_string_equal(behind_time(), "<err> sensor: block 3 is lost\n");
    begin();
    LOG_INF("fine");
    next_write();
    end();
    assert_string_equal(behind_time(), "<inf> sensor: fine\n");
}

static void a_message_is_a_line_however_long(void **state)
{
    begin();
    LOG_INF("%2000d", 1);
    size_t bytes = next_write();
    end();
    assert_int_equal(bytes, 1023);
    assert_string_equal(text + bytes - 4, "...\n");
}

static void memory_is_dumped(void **state)
{
    begin();
    LOG_HEXDUMP_INF("ABCDEFGHIJKLMNOP\x01z", 18, "what there is");
    LOG_HEXDUMP_DBG("not shown", 9, "nor this");
    next_write();
    bool head = strcmp(behind_time(), "<inf> sensor: what there is\n") == 0;
    next_write();
    bool first = strcmp(behind_time(), "<inf> sensor: 41 42 43 44 45 46 47 48 49 4a 4b 4c 4d 4e "
                                       "4f 50 |ABCDEFGHIJKLMNOP\n") == 0;
    next_write();
    bool second = strcmp(behind_time(), "<inf> sensor: 01 7a                                       "
                                        "    |.z\n") == 0;
    bool no_more = next_write() == 0;
    end();
    assert_true(head);
    assert_true(first);
    assert_true(second);
    assert_true(no_more);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_one_write),   cmocka_unit_test(nothing_is_no_write),
        cmocka_unit_test(long_texts_come_whole), cmocka_unit_test(errno_is_kept),
        cmocka_unit_test(a_handler_may_print),   cmocka_unit_test(messages_have_a_head),
        cmocka_unit_test(levels_have_names),     cmocka_unit_test(a_message_is_a_line_however_long),
        cmocka_unit_test(memory_is_dumped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
