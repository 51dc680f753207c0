/* SPDX-License-Identifier: Apache-2.0 */
/* A heap is made anew from the ledger of its chunks in use, whatever is written in it: after random
 * calls every byte that no block has is overwritten.
 *
 *     before   | chunk 0 | hdr | block | T | hdr | free | hdr | block | T | hdr | free | end |
 *     spoilt   | ????????????? | block | ??????????????????? | block | ???????????????????? |
 *
 * Then the heap must be consistent, have the ledger's chunks in use and no others, and each block
 * its address, size and bytes. What interrupted calls leave is tested in test_heap_rebuild_torn.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <core/chunk.h>
#include <core/heap.h>
#include <core/note.h>
#include "../support/heap_format.h"
#include "../support/heap_picture.h"
#include "../support/noted_heap.h"

#define SMALL_HEAP  5000u
#define MEDIUM_HEAP 20003u

static struct noted_heap noted;
static struct noted_image before;
static struct heap_ledger *ledger; /* of `noted` */
static struct random random;

/* ---- garbage ---- */

static uint8_t some_change(uint8_t byte)
{
    return random_below(&random, 8) == 0 ? (uint8_t)random_next(&random) : byte;
}

static uint8_t any_byte(uint8_t byte)
{
    (void)byte;
    return (uint8_t)random_next(&random);
}

static uint8_t zero(uint8_t byte)
{
    (void)byte;
    return 0;
}

static uint8_t ones(uint8_t byte)
{
    (void)byte;
    return 0xff;
}

/* Overwrites all that no block has. */
static void spoil(uint8_t (*spoilt)(uint8_t))
{
    noted_save(&noted, &before);
    for (size_t i = 0; i < noted.bytes; i++) {
        noted.now.buffer[i] = spoilt(noted.now.buffer[i]);
    }
    for (size_t i = 0; i < NOTED_BLOCKS; i++) {
        const struct noted_block *block = &noted.now.blocks[i];
        if (block->mem != NULL) {
            memcpy(block->mem, before.buffer + (block->mem - noted.now.buffer), block->bytes);
        }
    }
}

static void spoil_and_rebuild(void)
{
    static uint8_t (*const ways[])(uint8_t) = {some_change, any_byte, zero, ones};

    spoil(ways[random_below(&random, sizeof ways / sizeof ways[0])]);
    assert_true(noted_rebuild(&noted));
    noted_expect_blocks(&noted);
    noted_expect_contents(&noted);
}

static void survive_garbage(size_t bytes, size_t rounds)
{
    if (!noted_begin(&noted, bytes)) {
        return;
    }
    for (size_t round = 0; round < rounds; round++) {
        noted_make_calls(&noted, (size_t)random_below(&random, 16));
        spoil_and_rebuild();
    }
    noted_free_all(&noted);
    spoil_and_rebuild();
    expect_heap(&noted.heap, "F*");
}

static void survives_garbage(void **state)
{
    size_t rounds = scaled_rounds(200);
    for (size_t more = 0; more < 8; more++) {
        survive_garbage(SMALL_HEAP + more, rounds);
    }
    survive_garbage(MEDIUM_HEAP, rounds);
    survive_garbage(NOTED_HEAP_BYTES, scaled_rounds(20));
}

/* ---- details ---- */

/* A block in a chunk of that many units. */
static void alloc_units(size_t i, size_t units)
{
    noted_alloc(&noted, &noted.now.blocks[i], 0, heap_block_bytes(units));
    assert_non_null(noted.now.blocks[i].mem);
    noted_fill(&noted, &noted.now.blocks[i]);
}

static void gaps_become_free_chunks(void **state)
{
    assert_true(noted_begin(&noted, SMALL_HEAP));
    for (size_t i = 0; i < 6; i++) {
        alloc_units(i, 8);
    }
    noted_resize(&noted, &noted.now.blocks[0], heap_block_bytes(7));
    noted_resize(&noted, &noted.now.blocks[2], heap_block_bytes(6));
    noted_free(&noted, &noted.now.blocks[4]);
    expect_heap(&noted.heap, "U7 L1 U8 U6 L2 U8 F8 U8 F*");
    spoil(any_byte);
    assert_true(noted_rebuild(&noted));
    expect_heap(&noted.heap, "U7 L1 U8 U6 L2 U8 F8 U8 F*");
    assert_true(sys_heap_validate(&noted.heap));
}

static void a_full_heap_stays_full(void **state)
{
    assert_true(noted_begin(&noted, SMALL_HEAP));
    size_t most_bytes = heap_largest_allocatable_bytes(&noted.heap);
    noted_alloc(&noted, &noted.now.blocks[0], 0, most_bytes);
    noted_fill(&noted, &noted.now.blocks[0]);
    expect_heap(&noted.heap, "U*");
    spoil_and_rebuild();
    expect_heap(&noted.heap, "U*");
}

static void a_buffer_elsewhere_is_the_same_heap(void **state)
{
    assert_true(noted_begin(&noted, SMALL_HEAP));
    noted_make_calls(&noted, 40);
    spoil(any_byte);
    memcpy(before.buffer + 8, noted.now.buffer, noted.bytes);
    memcpy(before.record, noted.now.record, ledger_bytes(noted.bytes));
    struct sys_heap copy = {.heap = (struct z_heap *)(void *)(before.buffer + 8)};
    assert_true(heap_rebuild(&copy, noted_ledger(&before), noted.bytes, noted.policy));
    assert_true(sys_heap_validate(&copy));
}

/* ---- marks ---- */

static void marks_stay(void **state)
{
    struct sys_memory_stats old, new;
    assert_true(noted_begin(&noted, SMALL_HEAP));
    alloc_units(0, 200);
    size_t always = heap_always_allocatable_bytes(&noted.heap);
    noted_free(&noted, &noted.now.blocks[0]);
    bool kept = heap_counters(&noted.heap, &old);
    noted.heap.heap->end_chunk = UINT32_MAX; /* on which it depends how wide the low mark is */
    assert_true(noted_rebuild(&noted));
    assert_int_equal(heap_always_allocatable_bytes(&noted.heap), always);
    if (kept) {
        heap_counters(&noted.heap, &new);
        assert_int_equal(new.max_allocated_bytes, old.max_allocated_bytes);
        assert_int_equal(new.allocated_bytes, 0);
        assert_int_equal(new.free_bytes, old.free_bytes);
    }
}

static void impossible_marks_begin_anew(void **state)
{
    struct sys_memory_stats stats;
    assert_true(noted_begin(&noted, SMALL_HEAP));
    alloc_units(0, 100);
    spoil(ones);
    assert_true(noted_rebuild(&noted));
    if (heap_counters(&noted.heap, &stats)) {
        assert_int_equal(stats.max_allocated_bytes, stats.allocated_bytes);
        assert_true(heap_always_allocatable_bytes(&noted.heap) != 0);
        assert_true(heap_always_allocatable_bytes(&noted.heap) <= stats.free_bytes);
    }
}

/* ---- refusals ---- */

static void mark(enum ledger_mark which, uint32_t unit)
{
    ledger->words[unit / 64].marks[which] |= UINT64_C(1) << unit % 64;
}

static void mark_chunk(uint32_t first, uint32_t last)
{
    mark(LEDGER_FIRST, first);
    mark(LEDGER_LAST, last);
}

/* Makes a heap with a block in the middle of it. Returns the block's unit. */
static uint32_t begin_with_a_block(void)
{
    assert_true(noted_begin(&noted, SMALL_HEAP));
    alloc_units(0, 10);
    alloc_units(1, 20);
    noted_free(&noted, &noted.now.blocks[0]);
    noted_save(&noted, &before);
    return noted_unit_of(&noted, &noted.now.blocks[1]);
}

/* Refused, and nothing is changed. Puts the ledger right again. */
static void expect_refusal(void)
{
    assert_false(noted_rebuild(&noted));
    assert_memory_equal(noted.now.buffer, before.buffer, noted.bytes);
    noted_load_ledger(&noted, &before);
    assert_true(noted_rebuild(&noted));
    noted_save(&noted, &before);
}

static void refuses_chunks_that_are_not_between_the_ends(void **state)
{
    begin_with_a_block();
    uint32_t first = chunk_first(noted.heap.heap).unit;
    uint32_t end = chunk_end(noted.heap.heap).unit;

    mark_chunk(0, first - 1);
    expect_refusal();
    mark_chunk(first - 1, first + 4);
    expect_refusal();
    mark_chunk(end - 4, end);
    expect_refusal();
    mark_chunk(end, end);
    expect_refusal();
    mark_chunk(ledger->units, ledger->units + 4); /* bits that the last word has to spare */
    expect_refusal();
}

static void refuses_chunks_that_overlap(void **state)
{
    uint32_t unit = begin_with_a_block();
    mark_chunk(unit - 4, unit + 4);
    expect_refusal();
    mark_chunk(unit + 4, unit + 8);
    expect_refusal();
    mark(LEDGER_FIRST, unit + 19);
    expect_refusal();
    mark(LEDGER_FIRST, unit - 4);
    expect_refusal();
}

static void refuses_chunks_without_end(void **state)
{
    uint32_t unit = begin_with_a_block();
    mark(LEDGER_FIRST, unit + 30);
    expect_refusal();
    mark(LEDGER_FIRST, chunk_end(noted.heap.heap).unit - 1);
    expect_refusal();
}

static void refuses_chunks_too_small_for_a_block(void **state)
{
    uint32_t unit = begin_with_a_block();
    if (HEAP_MIN_UNITS == 1) {
        skip();
    }
    mark_chunk(unit + 30, unit + 30 + (uint32_t)HEAP_MIN_UNITS - 2);
    expect_refusal();
}

static void refuses_the_ledger_of_another_heap(void **state)
{
    begin_with_a_block();
    ledger_init(ledger, noted.bytes + 8);
    expect_refusal();
    memset(ledger, 0xff, ledger_bytes(noted.bytes));
    expect_refusal();
}

static void refuses_what_is_no_heap(void **state)
{
    struct sys_heap none = {.heap = NULL};
    begin_with_a_block();
    assert_false(heap_rebuild(&none, ledger, noted.bytes, noted.policy));
    ledger_init(ledger, 24);
    assert_false(heap_rebuild(&noted.heap, ledger, 24, noted.policy));
    assert_memory_equal(noted.now.buffer, before.buffer, noted.bytes);
}

/* ---- watchers ---- */

static int depth;
static size_t brackets;
static size_t events;

static void count_enter(void)
{
    depth++;
    brackets++;
}

static void count_leave(void)
{
    depth--;
}

static void count_range(struct sys_heap *in, void *mem, size_t bytes)
{
    events++;
}

static void count_cut(struct sys_heap *in, void *end)
{
    events++;
}

static void count_block(struct sys_heap *in, const struct note_block *block)
{
    events++;
}

static void count_resize(struct sys_heap *in, const struct note_block *block, size_t old_bytes)
{
    events++;
}

static struct note_watcher watcher = {
    .enter = count_enter,
    .leave = count_leave,
    .begin = count_range,
    .extend = count_range,
    .cut = count_cut,
    .alloc = count_block,
    .resize = count_resize,
    .copied = count_block,
    .free = count_block,
};

/* The last test: a watcher stays. */
static void watchers_are_told_of_no_event(void **state)
{
    begin_with_a_block();
    note_watch(&watcher);
    assert_true(noted_rebuild(&noted));
    assert_int_equal(brackets, 1);
    assert_int_equal(depth, 0);
    assert_int_equal(events, 0);
    mark(LEDGER_FIRST, 0);
    assert_false(noted_rebuild(&noted));
    assert_int_equal(depth, 0);
}

static int with_zephyr_buckets(void **state)
{
    noted.policy = QUARRY_HEAP_ZEPHYR_BUCKETS;
    return 0;
}

static int with_fine_buckets(void **state)
{
    noted.policy = QUARRY_HEAP_FINE_BUCKETS;
    return 0;
}

#define TESTS_OF(setup)                                                                            \
    cmocka_unit_test_setup(survives_garbage, setup),                                               \
        cmocka_unit_test_setup(gaps_become_free_chunks, setup),                                    \
        cmocka_unit_test_setup(a_full_heap_stays_full, setup),                                     \
        cmocka_unit_test_setup(a_buffer_elsewhere_is_the_same_heap, setup),                        \
        cmocka_unit_test_setup(marks_stay, setup),                                                 \
        cmocka_unit_test_setup(impossible_marks_begin_anew, setup),                                \
        cmocka_unit_test_setup(refuses_chunks_that_are_not_between_the_ends, setup),               \
        cmocka_unit_test_setup(refuses_chunks_that_overlap, setup),                                \
        cmocka_unit_test_setup(refuses_chunks_without_end, setup),                                 \
        cmocka_unit_test_setup(refuses_chunks_too_small_for_a_block, setup),                       \
        cmocka_unit_test_setup(refuses_the_ledger_of_another_heap, setup),                         \
        cmocka_unit_test_setup(refuses_what_is_no_heap, setup)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TESTS_OF(with_zephyr_buckets),
        TESTS_OF(with_fine_buckets),
        cmocka_unit_test_setup(watchers_are_told_of_no_event, with_zephyr_buckets),
    };

    random = random_from(random_seed_from_args(argc, argv));
    noted.random = &random;
    ledger = noted_ledger(&noted.now);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
