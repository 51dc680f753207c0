/* SPDX-License-Identifier: Apache-2.0 */
/* Row 31, second part: the C library's malloc, calloc, realloc and reallocarray.
 *
 * Blocks are aligned for any type, too much is refused and leaves everything as it was, memory can
 * be used up and is there again when it is freed, and what is in use is counted.
 *
 * Built twice: with the C library's names, to be run on the preloaded malloc; and with
 * tests/sanitizers/quarry_names.h, which makes them calls of <quarry/malloc.h>. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <cmocka.h>

#define MOST_BLOCKS 4096u
#define TERABYTE    ((size_t)1 << 40)
#define MEGABYTE    ((size_t)1 << 20)

static void *volatile kept; /* keeps the compiler from knowing what becomes of a block */

#ifdef QUARRY_MALLOC_H
static size_t bytes_in_use(void)
{
    struct quarry_malloc_stats stats;

    quarry_malloc_stats_get(&stats);
    return stats.live_bytes;
}
#else
static size_t bytes_in_use(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}
#endif

static void *checked(void *mem, size_t bytes)
{
    assert_non_null(mem);
    assert_int_equal((uintptr_t)mem % _Alignof(max_align_t), 0);
    memset(mem, 0xa5, bytes);
    return mem;
}

static void blocks_are_aligned_for_any_type(void **state)
{
    for (size_t bytes = 1; bytes < 3 * MEGABYTE; bytes = bytes * 3 / 2 + 1) {
        void *first = checked(malloc(bytes), bytes);
        void *second = checked(calloc(1, bytes), bytes);

        first = checked(realloc(first, bytes + 100), bytes + 100);
        second = checked(reallocarray(second, 2, bytes), 2 * bytes);
        free(first);
        free(second);
    }
}

static void calloc_zeroes(void **state)
{
    for (size_t bytes = 1; bytes < 100000; bytes = bytes * 5 + 3) {
        free(checked(malloc(bytes), bytes));
        unsigned char *mem = calloc(bytes, 1);
        assert_non_null(mem);
        for (size_t i = 0; i < bytes; i++) {
            assert_int_equal(mem[i], 0);
        }
        free(mem);
    }
}

static void realloc_keeps_contents(void **state)
{
    char *mem = malloc(16);

    assert_non_null(mem);
    strcpy(mem, "contents");
    for (size_t bytes = 32; bytes < 2 * MEGABYTE; bytes *= 2) {
        mem = realloc(mem, bytes);
        assert_non_null(mem);
        assert_string_equal(mem, "contents");
    }
    mem = reallocarray(mem, 4, 4);
    assert_string_equal(mem, "contents");
    free(mem);
}

/* Sizes that no compiler may see through. */
static volatile size_t half = SIZE_MAX / 2;
static volatile size_t all = SIZE_MAX;

static void too_much_is_refused(void **state)
{
    char *volatile mem = malloc(16); /* so that no compiler knows it to be what was passed on */

    assert_non_null(mem);
    strcpy(mem, "contents");
    kept = malloc(all);
    assert_null(kept);
    kept = malloc(all - 64);
    assert_null(kept);
    kept = calloc(half, 3);
    assert_null(kept);
    kept = reallocarray(mem, half, 3);
    assert_null(kept);
    kept = realloc(mem, all);
    assert_null(kept);
    assert_string_equal(mem, "contents");
    free(mem);
}

/* Takes blocks until there are no more, frees them all and returns how many there were. */
static size_t use_up(size_t bytes)
{
    static void *blocks[MOST_BLOCKS];
    size_t count = 0;

    while (count < MOST_BLOCKS && (blocks[count] = malloc(bytes)) != NULL) {
        count++;
    }
    for (size_t i = 0; i < count; i++) {
        free(blocks[i]);
    }
    return count;
}

/* With a limit of address space in small blocks, else in such that no machine has many of. */
static void memory_that_was_used_up_is_there_again(void **state)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_AS, &limit), 0);
    bool limited = limit.rlim_cur != RLIM_INFINITY;
    size_t bytes = limited ? MEGABYTE : TERABYTE;
    size_t count = use_up(bytes);
    assert_true(count < MOST_BLOCKS);
    assert_true(!limited || count > 20);
    free(checked(malloc(1000), 1000));
    assert_true(use_up(bytes) >= count - count / 10);
}

static void what_is_in_use_is_counted(void **state)
{
    enum { COUNT = 100, BYTES = 2000 };
    void *blocks[COUNT];
    size_t before = bytes_in_use();

    for (size_t i = 0; i < COUNT; i++) {
        blocks[i] = malloc(BYTES);
    }
    size_t during = bytes_in_use();
    for (size_t i = 0; i < COUNT; i++) {
        free(blocks[i]);
    }
    assert_in_range(during - before, COUNT * BYTES, COUNT * (BYTES + 64));
    assert_int_equal(bytes_in_use(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_aligned_for_any_type),
        cmocka_unit_test(calloc_zeroes),
        cmocka_unit_test(realloc_keeps_contents),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(memory_that_was_used_up_is_there_again),
        cmocka_unit_test(what_is_in_use_is_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
