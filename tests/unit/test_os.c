/* SPDX-License-Identifier: Apache-2.0 */
/* os_posix.c against the contract of os.h, on the real system. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>
#include "os/os.h"
#include "../support/death.h"

#define MIB       ((size_t)1 << 20)
#define GIB       ((size_t)1 << 30)
#define ODD_ERRNO 9999
#define TOO_MUCH  (SIZE_MAX << 20) /* all but a MiB */

static size_t page;

static int odd_errno(void **state)
{
    page = os_page_bytes();
    errno = ODD_ERRNO;
    return 0;
}

static int same_errno(void **state)
{
    assert_int_equal(errno, ODD_ERRNO);
    return 0;
}

static void expect_zero(const char *start, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (start[i] != 0) {
            fail_msg("byte %zu is %d", i, start[i]);
        }
    }
}

static void read_byte(void *address)
{
    (void)*(volatile char *)address;
}

static void write_byte(void *address)
{
    *(volatile char *)address = 1;
}

/* Sanitizers turn the signal into an exit of their own. */
static bool faults(void (*touch)(void *), void *address)
{
    struct death death = death_of(touch, address);

    errno = ODD_ERRNO; /* fork is not under test */
    return death.signal != 0 || death.exit_code != 0;
}

static void expect_untouchable(char *start, size_t bytes)
{
    assert_true(faults(read_byte, start));
    assert_true(faults(write_byte, start));
    assert_true(faults(read_byte, start + bytes - 1));
}

/* Valgrind 3.19 looks at the wrong mapping's permissions when mremap makes one larger, and then
 * takes the new part for inaccessible. */
static void skip_if_valgrind_follows_mremap(void)
{
    const char *preloaded = getenv("LD_PRELOAD");

    if (preloaded != NULL && strstr(preloaded, "vgpreload_memcheck") != NULL) {
        skip();
    }
}

/* How many pages of a range have physical memory. */
static size_t resident_pages(void *start, size_t bytes)
{
    static unsigned char pages[16384];
    size_t count = 0;

    assert_true(bytes / page <= sizeof(pages));
    assert_int_equal(mincore(start, bytes, pages), 0);
    for (size_t i = 0; i < bytes / page; i++) {
        count += pages[i] & 1;
    }
    return count;
}

static void facts_about_the_machine(void **state)
{
    assert_int_equal(page, sysconf(_SC_PAGESIZE));
    assert_in_range(os_cpu_count(), 1, 100000);
    assert_int_equal(os_process_id(), getpid());
    assert_non_null(os_program_name());
    assert_non_null(strstr(os_program_name(), "test_os"));
    assert_true(os_environment_ready());
}

static void clock_does_not_go_back(void **state)
{
    uint64_t last = os_now_ns();

    for (int i = 0; i < 1000; i++) {
        uint64_t now = os_now_ns();
        assert_true(now >= last);
        last = now;
        os_yield();
    }
}

static void reserved_space_cannot_be_touched(void **state)
{
    char *start = os_reserve(16 * MIB, page);

    assert_non_null(start);
    expect_untouchable(start, 16 * MIB);
    assert_true(os_unmap(start, 16 * MIB));
}

static void every_alignment_is_kept(void **state)
{
    for (size_t align = page; align <= GIB; align *= 2) {
        for (size_t bytes = page; bytes <= 4 * page; bytes += page) {
            char *reserved = os_reserve(bytes, align);
            char *mapped = os_map(bytes, align);

            assert_non_null(reserved);
            assert_non_null(mapped);
            assert_int_equal((uintptr_t)reserved % align, 0);
            assert_int_equal((uintptr_t)mapped % align, 0);
            memset(mapped, 1, bytes);
            assert_true(os_unmap(reserved, bytes));
            assert_true(os_unmap(mapped, bytes));
        }
    }
}

static void impossible_wishes_are_refused(void **state)
{
    assert_null(os_reserve(TOO_MUCH, page));
    assert_null(os_map(TOO_MUCH, page));
    if (sizeof(size_t) == 8) { /* half of 32 bits of address space is a possible alignment */
        assert_null(os_reserve(page, SIZE_MAX / 2 + 1));
        assert_null(os_map(page, SIZE_MAX / 2 + 1));
    }
    assert_null(os_map((SIZE_MAX / 2 + 1) + page, SIZE_MAX / 2 + 1)); /* the sum overflows */
}

static void refusals_change_nothing(void **state)
{
    char *start = os_map(2 * page, page);

    memset(start, 7, 2 * page);
    assert_false(os_resize(start, 2 * page, TOO_MUCH));
    char *target = os_reserve(4 * page, page);
    assert_true(os_unmap(target, 4 * page));
    assert_false(os_commit(target, page)); /* nothing is there */
    assert_false(os_discard(target, page));
    assert_int_equal(start[2 * page - 1], 7);
    assert_true(os_unmap(start, 2 * page));
}

static void committed_memory_is_zero_and_usable(void **state)
{
    char *start = os_reserve(16 * page, page);

    assert_true(os_commit(start + 4 * page, 4 * page));
    expect_zero(start + 4 * page, 4 * page);
    memset(start + 4 * page, 1, 4 * page);
    expect_untouchable(start, 4 * page);
    expect_untouchable(start + 8 * page, 8 * page);
    assert_true(os_commit(start + 8 * page, page));
    expect_zero(start + 8 * page, page);
    assert_int_equal(start[8 * page - 1], 1);
    assert_true(os_unmap(start, 16 * page));
}

static void readable_memory_is_zero_and_cannot_be_written(void **state)
{
    char *start = os_reserve(16 * page, page);

    assert_true(os_make_readable(start + 4 * page, 8 * page));
    expect_zero(start + 4 * page, 8 * page);
    expect_untouchable(start, 4 * page);
    expect_untouchable(start + 12 * page, 4 * page);
    assert_true(faults(write_byte, start + 4 * page));
    assert_true(os_commit(start + 6 * page, page));
    expect_zero(start + 4 * page, 8 * page);
    memset(start + 6 * page, 1, page);
    expect_zero(start + 4 * page, 2 * page);
    expect_zero(start + 7 * page, 5 * page);
    assert_true(os_unmap(start, 16 * page));
}

static void decommitted_memory_is_gone(void **state)
{
    char *start = os_reserve(64 * page, page);

    assert_true(os_commit(start, 64 * page));
    memset(start, 1, 64 * page);
    assert_int_equal(resident_pages(start, 64 * page), 64);
    assert_true(os_decommit(start + 32 * page, 32 * page));
    assert_int_equal(resident_pages(start, 64 * page), 32);
    expect_untouchable(start + 32 * page, 32 * page);
    assert_int_equal(start[32 * page - 1], 1);
    assert_true(os_commit(start + 32 * page, 32 * page));
    expect_zero(start + 32 * page, 32 * page);
    assert_true(os_unmap(start, 64 * page));
}

static void discarded_memory_is_zero(void **state)
{
    char *start = os_map(64 * page, page);

    memset(start, 1, 64 * page);
    assert_true(os_discard(start + page, 62 * page));
    assert_int_equal(resident_pages(start, 64 * page), 2);
    assert_int_equal(start[page - 1], 1);
    assert_int_equal(start[63 * page], 1);
    expect_zero(start + page, 62 * page);
    assert_true(os_unmap(start, 64 * page));
}

static void mapped_memory_is_zero_and_takes_nothing_yet(void **state)
{
    char *start = os_map(16 * MIB, page);

    assert_non_null(start);
    os_name(start, 16 * MIB, "quarry test");
    assert_int_equal(start[8 * MIB], 0);
    assert_true(resident_pages(start, 16 * MIB) < 16 * MIB / page);
    assert_true(os_unmap(start, 16 * MIB));
    assert_true(faults(read_byte, start));
}

static void part_of_a_mapping_can_go(void **state)
{
    char *start = os_map(4 * page, page);

    memset(start, 3, 4 * page);
    assert_true(os_unmap(start + page, page));
    assert_true(faults(read_byte, start + page));
    assert_int_equal(start[page - 1], 3);
    assert_int_equal(start[2 * page], 3);
    assert_true(os_unmap(start, page));
    assert_true(os_unmap(start + 2 * page, 2 * page));
}

/* What lies behind is free for the moment: another thread is not there to take it. */
static void resizing_in_place_keeps_and_zeroes(void **state)
{
    skip_if_valgrind_follows_mremap();
    char *start = os_map(64 * page, page);

    memset(start, 5, 64 * page);
    assert_true(os_resize(start, 64 * page, 2 * page));
    assert_true(faults(read_byte, start + 2 * page));
    assert_true(os_resize(start, 2 * page, 32 * page));
    assert_int_equal(start[2 * page - 1], 5);
    expect_zero(start + 2 * page, 30 * page);
    assert_true(os_unmap(start, 32 * page));
}

static void resizing_stops_at_what_is_there(void **state)
{
    char *start = os_reserve(4 * page, page);

    assert_true(os_unmap(start, page));
    char *block =
        mmap(start, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    assert_ptr_equal(block, start);
    block[0] = 9;
    assert_false(os_resize(start, page, 2 * page));
    assert_int_equal(block[0], 9);
    expect_untouchable(start + page, 3 * page);
    assert_true(os_unmap(start, 4 * page));
}

static void moving_keeps_and_zeroes(void **state)
{
    skip_if_valgrind_follows_mremap();
    const size_t sizes[] = {1, 2, 100};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t new_bytes = (4 + sizes[i]) * page;
        char *start = os_map(4 * page, page);
        char *target = os_reserve(new_bytes, page);

        memset(start, 6, 4 * page);
        assert_true(os_move(start, 4 * page, target, new_bytes));
        assert_true(faults(read_byte, start));
        assert_int_equal(target[0], 6);
        assert_int_equal(target[4 * page - 1], 6);
        expect_zero(target + 4 * page, new_bytes - 4 * page);
        memset(target, 1, new_bytes);
        assert_true(os_unmap(target, new_bytes));
    }
}

/* The range that the pages come from is a part of a larger one, and stays usable. */
static void moving_out_leaves_zeros(void **state)
{
    skip_if_valgrind_follows_mremap();
    char *start = os_map(6 * page, page);
    char *target = os_reserve(5 * page, page);

    memset(start, 6, 6 * page);
    assert_true(os_move_out(start + page, 4 * page, target, 5 * page));
    assert_int_equal(target[0], 6);
    assert_int_equal(target[4 * page - 1], 6);
    expect_zero(target + 4 * page, page);
    expect_zero(start + page, 4 * page);
    assert_int_equal(start[page - 1], 6);
    assert_int_equal(start[5 * page], 6);
    memset(start, 1, 6 * page);
    assert_true(os_resize(target, 5 * page, page)); /* it is one mapping */
    assert_true(os_unmap(target, page) && os_unmap(start, 6 * page));
}

static void locked_memory_does_not_move_out(void **state)
{
    skip_if_valgrind_follows_mremap();
    char *start = os_map(4 * page, page);
    char *target = os_reserve(page, page);

    memset(start, 6, 4 * page);
    assert_int_equal(syscall(SYS_mlock, start, 4 * page),
                     0); /* mlock does nothing under sanitizers */
    assert_false(os_move_out(start, page, target, page));
    assert_int_equal(start[0], 6);
    expect_untouchable(target, page);
    assert_true(os_unmap(target, page) && os_unmap(start, 4 * page));
}

static void environment_is_read(void **state)
{
    setenv("QUARRY_TEST_VARIABLE", "value", 1);
    assert_string_equal(os_environment("QUARRY_TEST_VARIABLE"), "value");
    unsetenv("QUARRY_TEST_VARIABLE");
    assert_null(os_environment("QUARRY_TEST_VARIABLE"));
}

static void text_is_appended_to_files(void **state)
{
    char directory[] = "/tmp/quarry-test-XXXXXX";
    char path[64];
    char text[64] = "";

    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/file", directory);
    errno = ODD_ERRNO;
    assert_true(os_append(path, "one\n", 4));
    assert_true(os_append(path, "two\nmore", 4));
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fread(text, 1, sizeof(text) - 1, file), 8);
    assert_string_equal(text, "one\ntwo\n");
    fclose(file);
    unlink(path);
    rmdir(directory);
    errno = ODD_ERRNO;
    assert_false(os_append(path, "three\n", 6)); /* no such directory */
    assert_false(os_append("", "x", 1));
    assert_false(os_append("/", "x", 1));
}

static void append_to_stderr(void *arg)
{
    os_append("stderr", "to standard error\n", 18);
}

static void standard_error_is_a_file_too(void **state)
{
    struct death death = death_of(append_to_stderr, NULL);

    assert_string_equal(death.message, "to standard error\n");
    errno = ODD_ERRNO;
}

static void functions_are_found_in_loaded_libraries(void **state)
{
    int (*absolute)(int) = (int (*)(int))os_find_function("libc.so.6", "abs");

    assert_non_null(absolute);
    assert_int_equal(absolute(-3), 3);
    assert_null((void *)(uintptr_t)os_find_function("libc.so.6", "no_such_function_here"));
    assert_null((void *)(uintptr_t)os_find_function("no-such-library.so", "abs"));
}

static int prepared;
static int gone_on;

static void prepare(void)
{
    prepared++;
}

static void go_on(void)
{
    gone_on++;
}

static void nothing_to_do(void *arg)
{
}

static void fork_handlers_are_called(void **state)
{
    assert_true(os_at_fork(prepare, go_on, go_on));
    death_of(nothing_to_do, NULL);
    assert_int_equal(prepared, 1);
    assert_int_equal(gone_on, 1);
    errno = ODD_ERRNO;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, odd_errno, same_errno)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(facts_about_the_machine),
        TEST(clock_does_not_go_back),
        TEST(reserved_space_cannot_be_touched),
        TEST(every_alignment_is_kept),
        TEST(impossible_wishes_are_refused),
        TEST(refusals_change_nothing),
        TEST(committed_memory_is_zero_and_usable),
        TEST(readable_memory_is_zero_and_cannot_be_written),
        TEST(decommitted_memory_is_gone),
        TEST(discarded_memory_is_zero),
        TEST(mapped_memory_is_zero_and_takes_nothing_yet),
        TEST(part_of_a_mapping_can_go),
        TEST(resizing_in_place_keeps_and_zeroes),
        TEST(resizing_stops_at_what_is_there),
        TEST(moving_keeps_and_zeroes),
        TEST(moving_out_leaves_zeros),
        TEST(locked_memory_does_not_move_out),
        TEST(environment_is_read),
        TEST(text_is_appended_to_files),
        TEST(standard_error_is_a_file_too),
        TEST(functions_are_found_in_loaded_libraries),
        TEST(fork_handlers_are_called),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
