/* SPDX-License-Identifier: Apache-2.0 */
/* The size of the header chunk and what it leaves, worked out by hand for every format. The model
 * is held to all rows, the library to those that this build can make.
 *
 * H = 8: a buffer of 512 bytes has its end marker at unit 63, one of 2048 at 255. H = 4: the same.
 * Zephyr's buckets: floor(log2(63 - smallest + 1)) + 1 = 6 list heads of 4 bytes, for 2048 bytes 8.
 * Fine buckets: 63 has bucket 63, hence 64 list heads; 255 has bucket 127, hence 128; and 112 bytes
 * of masks. All is rounded up to units; a trailer of a unit may follow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <quarry/heap.h>
#include "../support/heap_format.h"
#include "../support/heap_picture.h"
#include "../support/reference_heap.h"

struct row {
    struct reference_format format;
    size_t bytes;
    uint32_t first_chunk; /* units */
    uint32_t space;
};

#define BIG(trailer, fixed)                                                                        \
    {                                                                                              \
        .headers = REFERENCE_BIG, .trailer_bytes = (trailer), .struct_bytes = (fixed), .tries = 3  \
    }
#define SMALL(trailer, fixed)                                                                      \
    {                                                                                              \
        .headers = REFERENCE_SMALL, .trailer_bytes = (trailer), .struct_bytes = (fixed),           \
        .tries = 3                                                                                 \
    }
#define FINE(trailer, fixed)                                                                       \
    {                                                                                              \
        .headers = REFERENCE_BIG, .trailer_bytes = (trailer), .struct_bytes = (fixed),             \
        .buckets = QUARRY_HEAP_FINE_BUCKETS                                                        \
    }
#define SMALL_FINE(trailer, fixed)                                                                 \
    {                                                                                              \
        .headers = REFERENCE_SMALL, .trailer_bytes = (trailer), .struct_bytes = (fixed),           \
        .buckets = QUARRY_HEAP_FINE_BUCKETS                                                        \
    }

static const struct row rows[] = {
    {BIG(0, 16), 512, 5, 58},           /* 16 + 24 */
    {BIG(0, 16), 2048, 6, 249},         /* 16 + 32 */
    {BIG(0, 40), 512, 8, 55},           /* 64 bits, counters: 40 + 24 */
    {BIG(0, 40), 2048, 9, 246},         /* 40 + 32 */
    {BIG(0, 28), 512, 7, 56},           /* 32 bits, counters: 28 + 24, rounded */
    {BIG(8, 16), 512, 6, 57},           /* canaries */
    {BIG(8, 24), 512, 7, 56},           /* of random base: 24 + 24 + 8 */
    {BIG(8, 40), 512, 9, 54},           /* 64 bits, counters, canaries: 40 + 24 + 8 */
    {BIG(8, 48), 512, 10, 53},          /* of random base */
    {BIG(8, 48), 2048, 11, 244},        /* 48 + 32 + 8 */
    {BIG(8, 28), 512, 8, 55},           /* 32 bits, counters, canaries: 28 + 24 + 4 + 8 */
    {BIG(8, 36), 512, 9, 54},           /* of random base: 36 + 24 + 4 + 8 */
    {SMALL(0, 16), 512, 5, 58},         /* 16 + 24; 63 is of bucket 5 with any smallest chunk */
    {SMALL(0, 28), 512, 7, 56},         /* counters: 28 + 24 + 4 */
    {SMALL(8, 16), 512, 6, 57},         /* canaries: 16 + 24 + 8 */
    {SMALL(8, 24), 512, 7, 56},         /* of random base */
    {SMALL(8, 28), 512, 8, 55},         /* counters, canaries: 28 + 24 + 4 + 8 */
    {SMALL(8, 36), 512, 9, 54},         /* of random base: 36 + 24 + 4 + 8 */
    {FINE(0, 16), 512, 48, 15},         /* 16 + 112 + 256 */
    {FINE(0, 16), 2048, 80, 175},       /* 16 + 112 + 512 */
    {FINE(0, 40), 512, 51, 12},         /* 64 bits, counters */
    {FINE(0, 40), 2048, 83, 172},       /* 40 + 112 + 512 */
    {FINE(8, 24), 2048, 82, 173},       /* canaries of random base */
    {FINE(8, 40), 2048, 84, 171},       /* counters, canaries */
    {FINE(8, 48), 512, 53, 10},         /* of random base: 48 + 112 + 256 + 8 */
    {FINE(8, 48), 2048, 85, 170},       /* 48 + 112 + 512 + 8 */
    {SMALL_FINE(0, 16), 2048, 80, 175}, /* 16 + 112 + 512 */
    {SMALL_FINE(0, 28), 2048, 82, 173}, /* counters: 28 + 112 + 512 + 4 */
    {SMALL_FINE(8, 36), 512, 52, 11},   /* and canaries: 36 + 112 + 256 + 4 + 8 */
};

static _Alignas(8) uint8_t buffer[2048];

static void expect_model(const struct row *row)
{
    struct reference_heap model;
    assert_true(reference_init(&model, &row->format, 4096, row->bytes));
    assert_int_equal(model.chunks[1].start, row->first_chunk);
    assert_int_equal(model.chunks[1].size, row->space);
    reference_destroy(&model);
}

static bool is_of_this_build(const struct reference_format *format)
{
    return format->trailer_bytes == HEAP_TRAILER && format->struct_bytes == HEAP_STRUCT_BYTES &&
           (format->headers == REFERENCE_BIG) == (HEAP_HEADER == 8);
}

static void expect_library(const struct row *row)
{
    struct sys_heap heap;
    quarry_heap_init(&heap, buffer, row->bytes, row->format.buckets);
    expect_heap(&heap, "F%u", row->space);
    uint8_t *first = sys_heap_alloc(&heap, 1);
    assert_ptr_equal(first, buffer + row->first_chunk * 8u + HEAP_HEADER);
}

static void model_has_header_chunks_as_worked_out(void **state)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        expect_model(&rows[i]);
    }
}

/* Every configuration of the library has rows of both policies. */
static void library_has_header_chunks_as_worked_out(void **state)
{
    size_t zephyr = 0;
    size_t fine = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (is_of_this_build(&rows[i].format)) {
            expect_library(&rows[i]);
            zephyr += rows[i].format.buckets == QUARRY_HEAP_ZEPHYR_BUCKETS;
            fine += rows[i].format.buckets == QUARRY_HEAP_FINE_BUCKETS;
        }
    }
    assert_true(zephyr > 0);
    if (fine == 0) {
        skip(); /* no row of fine buckets has been worked out for this build */
    }
}

/* heap_format.h, which the other tests rely on, agrees with the rows. */
static void test_helper_agrees(void **state)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        if (is_of_this_build(&row->format) && row->format.buckets == QUARRY_HEAP_ZEPHYR_BUCKETS) {
            assert_int_equal(heap_first_chunk(row->space), row->first_chunk * 8u);
            assert_int_equal(heap_end_for(row->space), row->first_chunk + row->space);
        }
    }
}

/* The border between short and long headers, in the format that has both: the footer is as long as
 * the buffer's size wants, and the headers are as long as the number of units wants. */
static void model_changes_headers_behind_15_bits_of_units(void **state)
{
    static const struct {
        size_t bytes;
        uint32_t end;
        uint32_t header;
    } borders[] = {
        {0x7fff * 8 + 3, 0x7ffe, 4},
        {0x7fff * 8 + 4, 0x7fff, 4},
        {0x8000 * 8 + 7, 0x7fff, 4},
        {0x8000 * 8 + 8, 0x8000, 8},
    };
    struct reference_format format = SMALL(0, 16);
    format.headers = REFERENCE_AUTO;
    for (size_t i = 0; i < sizeof borders / sizeof borders[0]; i++) {
        struct reference_heap model;
        assert_true(reference_init(&model, &format, 4096, borders[i].bytes));
        assert_int_equal(model.end_units, borders[i].end);
        assert_int_equal(model.header_bytes, borders[i].header);
        reference_destroy(&model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(model_has_header_chunks_as_worked_out),
        cmocka_unit_test(library_has_header_chunks_as_worked_out),
        cmocka_unit_test(test_helper_agrees),
        cmocka_unit_test(model_changes_headers_behind_15_bits_of_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
