/* SPDX-License-Identifier: Apache-2.0 */
/* The public functions at the limits of sizes and alignments. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <quarry/malloc.h>
#include "../support/fake_os.h"

#define PAGE     ((size_t)4096)
#define GIB      ((size_t)1 << 30)
#define AROUND   64
#define ALIGN_OK GIB /* every machine has address space for such an alignment */

static int fresh_script(void **state)
{
    struct quarry_malloc_stats stats;

    fake_os_reset();
    quarry_malloc_stats_get(&stats);
    assert_int_equal(stats.live_bytes, 0);
    return 0;
}

/* Every function that takes a size, with one that nobody has. */
static void expect_refused(size_t bytes, void *block)
{
    void *out = &out;

    assert_null(quarry_malloc(bytes));
    assert_null(quarry_calloc(1, bytes));
    assert_null(quarry_calloc(bytes, 1));
    assert_null(quarry_realloc(NULL, bytes));
    assert_null(quarry_realloc(block, bytes));
    assert_null(quarry_reallocarray(block, 1, bytes));
    assert_null(quarry_reallocarray(block, bytes, 1));
    assert_null(quarry_valloc(bytes));
    assert_null(quarry_pvalloc(bytes));
    assert_null(quarry_aligned_alloc(16, bytes));
    assert_null(quarry_memalign(16, bytes));
    for (size_t align = sizeof(void *); align != 0; align *= 2) {
        assert_null(quarry_aligned_alloc(align, bytes));
        assert_null(quarry_memalign(align, bytes));
        assert_int_equal(quarry_posix_memalign(&out, align, bytes), ENOMEM);
    }
    assert_ptr_equal(out, &out);
}

static void impossible_sizes_are_refused(void **state)
{
    char *small = quarry_malloc(10);
    char *large = quarry_malloc(1 << 20);

    strcpy(small, "small");
    strcpy(large, "large");
    for (size_t i = 0; i <= AROUND; i++) {
        expect_refused(SIZE_MAX - i, small);
        expect_refused(SIZE_MAX - i, large);
        expect_refused((size_t)PTRDIFF_MAX - i, small);
        expect_refused((size_t)PTRDIFF_MAX + 1 + i, large);
        expect_refused((size_t)PTRDIFF_MAX - i, large);
    }
    assert_string_equal(small, "small");
    assert_string_equal(large, "large");
    quarry_free(small);
    quarry_free(large);
}

static void products_that_overflow_are_refused(void **state)
{
    const size_t half = (size_t)1 << 32;
    char *block = quarry_malloc(10);

    strcpy(block, "same");
    assert_null(quarry_calloc(half, half));
    assert_null(quarry_calloc(half + 1, half));
    assert_null(quarry_calloc(SIZE_MAX, 2));
    assert_null(quarry_calloc(3, SIZE_MAX / 3 + 1)); /* wraps to a small number */
    assert_null(quarry_reallocarray(block, half, half));
    assert_null(quarry_reallocarray(block, 3, SIZE_MAX / 3 + 1));
    assert_null(quarry_reallocarray(NULL, half + 1, half));
    assert_string_equal(block, "same");
    block = quarry_reallocarray(block, 100, 100);
    assert_string_equal(block, "same");
    assert_true(quarry_malloc_usable_size(block) >= 10000);
    quarry_free(block);
    block = quarry_calloc(0, SIZE_MAX);
    assert_non_null(block);
    quarry_free(block);
}

static void expect_block(void *block, size_t align, size_t bytes)
{
    assert_non_null(block);
    assert_int_equal((uintptr_t)block % (align < 16 ? 16 : align), 0);
    assert_true(quarry_malloc_usable_size(block) >= bytes);
    memset(block, 1, bytes);
    quarry_free(block);
}

static void every_alignment_is_kept(void **state)
{
    const size_t sizes[] = {0, 1, 100, 5000};

    for (size_t align = 1; align <= ALIGN_OK; align *= 2) {
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            void *out = NULL;

            expect_block(quarry_aligned_alloc(align, sizes[i]), align, sizes[i]);
            expect_block(quarry_memalign(align, sizes[i]), align, sizes[i]);
            if (align >= sizeof(void *)) {
                assert_int_equal(quarry_posix_memalign(&out, align, sizes[i]), 0);
                expect_block(out, align, sizes[i]);
            }
        }
    }
}

/* Kept or refused; never a block that is not aligned. */
static void huge_alignments_are_kept_or_refused(void **state)
{
    for (size_t align = 2 * ALIGN_OK; align != 0; align *= 2) {
        void *block = quarry_aligned_alloc(align, 1);

        assert_int_equal((uintptr_t)block % align, 0);
        quarry_free(block);
    }
    assert_null(quarry_aligned_alloc((size_t)1 << 63, 1));
}

static void what_is_no_power_of_two_is_refused(void **state)
{
    const size_t wrong[] = {0, 3, 6, 24, 100, PAGE + 1, GIB - 1, SIZE_MAX, SIZE_MAX - 1};
    void *out = &out;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_null(quarry_aligned_alloc(wrong[i], 1));
        assert_int_equal(quarry_posix_memalign(&out, wrong[i], 1), EINVAL);
        assert_int_equal(quarry_posix_memalign(&out, wrong[i], SIZE_MAX), EINVAL);
    }
    for (size_t align = 1; align < sizeof(void *); align *= 2) {
        assert_int_equal(quarry_posix_memalign(&out, align, 1), EINVAL);
    }
    assert_ptr_equal(out, &out);
}

static void memalign_rounds_alignments_up(void **state)
{
    const struct {
        size_t align;
        size_t rounded;
    } rows[] = {{0, 16},       {1, 16},    {3, 16},          {17, 32},
                {24, 32},      {100, 128}, {PAGE - 1, PAGE}, {PAGE + 1, 2 * PAGE},
                {GIB - 1, GIB}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        expect_block(quarry_memalign(rows[i].align, 10), rows[i].rounded, 10);
    }
    assert_null(quarry_memalign(((size_t)1 << 63) + 1, 1));
    assert_null(quarry_memalign(SIZE_MAX, 1));
}

static void page_functions_give_pages(void **state)
{
    const size_t sizes[] = {0, 1, PAGE - 1, PAGE, PAGE + 1, 1000000};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t pages = sizes[i] == 0 ? 1 : (sizes[i] + PAGE - 1) / PAGE;

        expect_block(quarry_valloc(sizes[i]), PAGE, sizes[i]);
        expect_block(quarry_pvalloc(sizes[i]), PAGE, pages * PAGE);
    }
}

static void usable_size_covers_the_request_and_stays(void **state)
{
    for (size_t bytes = 0; bytes < 6000; bytes += bytes < 600 ? 1 : 97) {
        char *block = quarry_malloc(bytes);
        char *other = quarry_malloc(bytes);
        size_t usable = quarry_malloc_usable_size(block);

        assert_ptr_not_equal(block, other);
        assert_in_range(usable, bytes, bytes + 16);
        memset(block, 1, usable);
        memset(other, 2, quarry_malloc_usable_size(other));
        assert_int_equal(quarry_malloc_usable_size(block), usable);
        assert_ptr_equal(quarry_realloc(block, usable), block);
        quarry_free_sized(other, bytes);
        quarry_free_aligned_sized(block, 16, bytes);
    }
}

#define TEST(name) cmocka_unit_test_setup(name, fresh_script)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(impossible_sizes_are_refused),
        TEST(products_that_overflow_are_refused),
        TEST(every_alignment_is_kept),
        TEST(huge_alignments_are_kept_or_refused),
        TEST(what_is_no_power_of_two_is_refused),
        TEST(memalign_rounds_alignments_up),
        TEST(page_functions_give_pages),
        TEST(usable_size_covers_the_request_and_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
