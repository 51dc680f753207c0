/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every program of this folder shares. A program defines `test`; the main below first proves
 * that malloc comes from the library under test, so that a preload that failed to load cannot pass,
 * and arms an alarm, so that a deadlock is a failure and not a hang.
 *
 * Nothing in this header allocates: a program's own first call is the allocator's first call from
 * this program.
 */
#ifndef QUARRY_TESTS_INTERPOSER_EXPECT_H
#define QUARRY_TESTS_INTERPOSER_EXPECT_H

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

/* The runner's and Meson's word for "cannot be tested on this machine". */
#define EXIT_SKIPPED 77

/* Longer than the longest program takes on a busy machine; shorter than Meson's timeout. */
#define HANG_SECONDS 50

/* What a failing expectation of a table-driven test is about; see in_case. */
static const char *expect_case = "";
static size_t expect_number;

/* Names the row of a table, and its number, that the next expectations are about. */
static inline void in_case(const char *name, size_t number)
{
    expect_case = name;
    expect_number = number;
}

/* Reports without stdio streams and without exit handlers: the allocator may be the thing broken.
 */
static inline void expect_failed(const char *file, int line, const char *condition)
{
    char text[512];
    int length = snprintf(text, sizeof(text), "%s:%d: expected %s [%s %zu, errno %d]\n", file, line,
                          condition, expect_case, expect_number, errno);
    if (length > 0 && write(STDERR_FILENO, text, strnlen(text, sizeof(text))) < 0) {
        _exit(2);
    }
    _exit(1);
}

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            expect_failed(__FILE__, __LINE__, #condition);                                         \
        }                                                                                          \
    } while (0)

/* The same pointer or number, with its origin unknown to the compiler and its warnings. */
static inline void *hidden(void *pointer)
{
    __asm__ volatile("" : "+r"(pointer));
    return pointer;
}

static inline size_t hidden_size(size_t number)
{
    __asm__ volatile("" : "+r"(number));
    return number;
}

/* True iff all `bytes` bytes at `memory` equal `value`. */
static inline int is_filled(const void *memory, int value, size_t bytes)
{
    const unsigned char *first = (const unsigned char *)memory;
    return bytes == 0 ||
           (first[0] == (unsigned char)value && memcmp(first, first + 1, bytes - 1) == 0);
}

static inline int is_aligned(const void *pointer, size_t alignment)
{
    return ((uintptr_t)pointer & (alignment - 1)) == 0;
}

/* True iff the runner asked for the malloc of the system, to check the tests themselves. */
static inline int any_malloc_will_do(void)
{
    return getenv("QUARRY_TEST_ANY_MALLOC") != NULL;
}

static inline void expect_preloaded(void)
{
#ifndef QUARRY_MALLOC_H /* else its calls are those of a library that is linked */
    Dl_info provider;
    void *address = dlsym(RTLD_DEFAULT, "malloc");
    EXPECT(address != NULL && dladdr(address, &provider) != 0);
    EXPECT(any_malloc_will_do() || strstr(provider.dli_fname, "libquarry-malloc") != NULL);
#endif
}

/* Has the loader call a function before all constructors, with main's arguments. */
#define BEFORE_CONSTRUCTORS(function)                                                              \
    __attribute__((section(".preinit_array"), used)) static void (*const before_constructors)(     \
        int argc, char **argv) = function

#ifndef EXPECT_IN_LIBRARY /* defined by libraries that use the rest of this header */

/* The body of the program; `argv` is main's. */
static void test(char **argv);

int main(int argc, char **argv)
{
    (void)argc;
    alarm(HANG_SECONDS);
    expect_preloaded();
    test(argv);
    return 0;
}

#endif
#endif
