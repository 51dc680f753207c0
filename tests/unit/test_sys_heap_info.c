/* SPDX-License-Identifier: Apache-2.0 */
/* What sys_heap_print_info prints, read back and compared with what the heap says of itself. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <quarry/heap.h>
#include <zephyr/sys/sys_heap.h>
#include "core/heap.h"
#include "core/sys_heap_walk.h"
#include "../support/captured.h"

#define BYTES       8192u
#define MAX_CHUNKS  64u
#define MAX_BUCKETS 40u

static _Alignas(8) uint8_t buffer[BYTES];
static struct sys_heap heap;

struct printed_chunk {
    uint32_t id, units, left, right;
    char mark;
};

struct printed_bucket {
    unsigned int number;
    uint32_t min_units, chunks, largest_units;
    size_t largest_bytes;
};

/* A report that was read. */
struct report {
    void *address;
    uint32_t units;
    unsigned int bucket_count;
    struct printed_bucket buckets[MAX_BUCKETS];
    size_t printed_buckets;
    struct printed_chunk chunks[MAX_CHUNKS];
    size_t printed_chunks;
    size_t free_bytes, allocated_bytes, overhead_bytes;
    double overhead_percent;
};

static void print_with_chunks(void *of_heap)
{
    sys_heap_print_info(of_heap, true);
}

static void print_without_chunks(void *of_heap)
{
    sys_heap_print_info(of_heap, false);
}

static bool read_bucket(struct report *report, const char *line)
{
    struct printed_bucket *bucket = &report->buckets[report->printed_buckets];

    if (sscanf(line, " %u %" SCNu32 " %" SCNu32 " %" SCNu32 " %zu", &bucket->number,
               &bucket->min_units, &bucket->chunks, &bucket->largest_units,
               &bucket->largest_bytes) != 5) {
        return false;
    }
    report->printed_buckets++;
    return true;
}

static bool read_chunk(struct report *report, const char *line)
{
    struct printed_chunk *chunk = &report->chunks[report->printed_chunks];

    if (sscanf(line, " %" SCNu32 " %c %" SCNu32 " %" SCNu32 " %" SCNu32, &chunk->id, &chunk->mark,
               &chunk->units, &chunk->left, &chunk->right) != 5) {
        return false;
    }
    report->printed_chunks++;
    return true;
}

static bool read_sums(struct report *report, const char *line)
{
    return sscanf(line, "%zu free bytes, %zu allocated bytes, %zu overhead bytes (%lf %%)",
                  &report->free_bytes, &report->allocated_bytes, &report->overhead_bytes,
                  &report->overhead_percent) == 4;
}

/* The parts must come in this order: heading, buckets, chunks, sums. */
static struct report read_report(char *text)
{
    struct report report = {.address = NULL};
    char *rest = text;
    const char *line = strtok_r(rest, "\n", &rest);

    assert_int_equal(sscanf(line, "heap at %p, %" SCNu32 " units of 8 bytes, %u buckets",
                            &report.address, &report.units, &report.bucket_count),
                     3);
    line = strtok_r(rest, "\n", &rest);
    assert_non_null(strstr(line, "bucket"));
    line = strtok_r(rest, "\n", &rest);
    while (read_bucket(&report, line)) {
        line = strtok_r(rest, "\n", &rest);
    }
    if (strstr(line, "chunk") != NULL) {
        strtok_r(rest, "\n", &rest);
        line = strtok_r(rest, "\n", &rest);
        while (read_chunk(&report, line)) {
            line = strtok_r(rest, "\n", &rest);
        }
    }
    assert_true(read_sums(&report, line));
    return report;
}

static struct report report_of(struct sys_heap *of_heap, void (*print)(void *))
{
    char *text = captured(print, of_heap);
    struct report report = read_report(text);

    free(text);
    return report;
}

/* Compares with the walk. */
struct comparison {
    const struct report *report;
    size_t next; /* chunk of the report */
    uint32_t left;
    size_t free_bytes, allocated_bytes;
    uint32_t listed_chunks;
};

static bool compare_chunk(const struct heap_chunk_view *view, void *arg)
{
    struct comparison *comparison = arg;
    const struct printed_chunk *chunk = &comparison->report->chunks[comparison->next++];

    assert_int_equal(chunk->id, view->offset_units);
    assert_int_equal(chunk->units, view->size_units);
    assert_int_equal(chunk->left, comparison->left);
    assert_int_equal(chunk->right, view->offset_units + view->size_units);
    assert_int_equal(chunk->mark, view->used ? '*' : view->listed ? '-' : '.');
    comparison->left = view->offset_units;
    comparison->allocated_bytes += view->used ? view->mem_bytes : 0;
    comparison->free_bytes += view->listed ? view->mem_bytes : 0;
    comparison->listed_chunks += view->listed;
    return true;
}

static void expect_true_report(void)
{
    struct report report = report_of(&heap, print_with_chunks);
    struct comparison comparison = {.report = &report, .next = 1};
    const struct printed_chunk *end = &report.chunks[report.printed_chunks - 1];
    uint32_t in_buckets = 0;

    assert_ptr_equal(report.address, heap.heap);
    assert_int_equal(report.bucket_count, heap_bucket_count(&heap));
    assert_true(heap_walk(&heap, compare_chunk, &comparison));
    assert_int_equal(report.chunks[0].id, 0);
    assert_int_equal(report.chunks[0].left, 0);
    assert_int_equal(report.chunks[0].right, report.chunks[1].id);
    assert_int_equal(report.chunks[0].units, report.chunks[1].id);
    assert_int_equal(report.chunks[0].mark, '*');
    assert_int_equal(comparison.next, report.printed_chunks - 1);
    assert_int_equal(end->id, report.units);
    assert_int_equal(end->units, 0);
    assert_int_equal(end->left, comparison.left);
    assert_int_equal(end->mark, '*');
    assert_int_equal(report.free_bytes, comparison.free_bytes);
    assert_int_equal(report.allocated_bytes, comparison.allocated_bytes);
    for (size_t i = 0; i < report.printed_buckets; i++) {
        const struct printed_bucket *bucket = &report.buckets[i];

        in_buckets += bucket->chunks;
        assert_true(bucket->chunks > 0);
        assert_true(i == 0 || bucket->number > report.buckets[i - 1].number);
        assert_int_equal(bucket->min_units, heap_bucket_min_units(&heap, bucket->number));
        assert_int_equal(heap_bucket_of(&heap, bucket->largest_units), bucket->number);
        assert_true(bucket->largest_bytes < bucket->largest_units * 8);
    }
    assert_int_equal(in_buckets, comparison.listed_chunks);
}

static void expect_sums_like_statistics(void)
{
    struct report report = report_of(&heap, print_without_chunks);
    struct sys_memory_stats stats;

    assert_int_equal(report.printed_chunks, 0);
    size_t total = report.free_bytes + report.allocated_bytes + report.overhead_bytes;
    assert_in_range(total, BYTES - 16, BYTES);
    double percent = 100.0 * (double)report.overhead_bytes / (double)total;
    assert_true(report.overhead_percent <= percent && percent < report.overhead_percent + 0.1);
    if (sys_heap_runtime_stats_get(&heap, &stats) == 0) {
        assert_int_equal(report.free_bytes, stats.free_bytes);
        assert_int_equal(report.allocated_bytes, stats.allocated_bytes);
    }
}

/* Leaves free chunks of several sizes, and one that is undersized where that is possible. */
static void use_heap(void)
{
    void *blocks[20];

    for (size_t i = 0; i < 20; i++) {
        blocks[i] = sys_heap_alloc(&heap, 24 + 16 * i);
        assert_non_null(blocks[i]);
    }
    for (size_t i = 1; i < 20; i += 3) {
        sys_heap_free(&heap, blocks[i]);
    }
    sys_heap_realloc(&heap, blocks[2], 48);
}

static void an_empty_heap_is_printed(void **state)
{
    sys_heap_init(&heap, buffer, BYTES);
    expect_true_report();
    expect_sums_like_statistics();
}

static void a_used_heap_is_printed(void **state)
{
    sys_heap_init(&heap, buffer, BYTES);
    use_heap();
    expect_true_report();
    expect_sums_like_statistics();
}

static void a_heap_of_fine_buckets_is_printed(void **state)
{
    quarry_heap_init(&heap, buffer, BYTES, QUARRY_HEAP_FINE_BUCKETS);
    use_heap();
    expect_true_report();
    expect_sums_like_statistics();
}

static void a_full_heap_has_no_bucket(void **state)
{
    sys_heap_init(&heap, buffer, BYTES);
    for (size_t bytes = BYTES; bytes > 0; bytes = bytes > 1 ? bytes - 1 : 0) {
        while (sys_heap_alloc(&heap, bytes) != NULL) {
        }
    }
    assert_int_equal(report_of(&heap, print_with_chunks).printed_buckets, 0);
    expect_true_report();
}

static void a_heap_that_is_none_is_said_to_be_so(void **state)
{
    struct sys_heap none = {0};
    char *text = captured(print_with_chunks, &none);

    assert_string_equal(text, "heap is not initialised\n");
    free(text);
    text = captured(print_with_chunks, NULL);
    assert_string_equal(text, "heap is not initialised\n");
    free(text);
}

static void a_damaged_heap_is_printed_up_to_the_damage(void **state)
{
    sys_heap_init(&heap, buffer, BYTES);
    sys_heap_alloc(&heap, 100);
    uint8_t *block = sys_heap_alloc(&heap, 100);
    sys_heap_alloc(&heap, 100);
    memset(block + sys_heap_usable_size(&heap, block), 0xff, 24);
    char *text = captured(print_with_chunks, &heap);
    assert_non_null(strstr(text, "heap is damaged"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_heap_is_printed),
        cmocka_unit_test(a_used_heap_is_printed),
        cmocka_unit_test(a_heap_of_fine_buckets_is_printed),
        cmocka_unit_test(a_full_heap_has_no_bucket),
        cmocka_unit_test(a_heap_that_is_none_is_said_to_be_so),
        cmocka_unit_test(a_damaged_heap_is_printed_up_to_the_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
