/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of hardening level "moderate" and of "extreme", each provoked by changing fields as a
 * wild write would.
 *
 *     moderate   a block's left neighbour; a free chunk that is taken, merged or absorbed: its
 *                flag, both its neighbours, its links, and the end of a list that grows
 *     extreme    everything, in each allocation, free and resize
 *
 * Checks of "basic" are tested in test_sys_heap_misuse.c, canaries in test_sys_heap_canary.c. From
 * "extreme" on, its walk may find the damage first, and is then allowed to say so. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <quarry/heap.h>
#include <zephyr/sys/sys_heap.h>
#include "../support/death.h"
#include "../support/heap_format.h"
#include "../support/heap_picture.h"

#define UNITS 6u /* of every chunk of the test heap */
#define COUNT 7u

/* Of the heap's header chunk; list heads follow, with fine buckets behind their masks. */
#define END_AT          8u
#define MASK_AT         12u
#define FINE_MASK_BYTES 112u

#define LEFT_NEIGHBOUR                                                                             \
    "block's left neighbour does not match: written before its start, or past the end of the "     \
    "block before it"
#define MARKED_USED                                                                                \
    "free chunk is marked used: written after free, or past the end of the block before it"
#define CHUNK_DAMAGED "free chunk is damaged: written after free, or past the end of a block"
#define LIST_DAMAGED  "free list is damaged: written after free"
#define LEADS_OUT     "free list leads out of the heap: written after free"
#define HEAP_DAMAGED  "heap is damaged: written outside of a block, or a defect of Quarry"

static _Alignas(64) uint8_t buffer[2048];
static struct sys_heap heap;
static uint8_t *blocks[COUNT]; /* in a row; nothing else is in the heap, but one block in front */

static void fill_heap(enum quarry_heap_buckets buckets)
{
    size_t header_bytes = buckets == QUARRY_HEAP_ZEPHYR_BUCKETS ? 0 : 1024;
    quarry_heap_init(&heap, buffer, heap_bytes_for(UNITS * (COUNT + 1)) + header_bytes, buckets);
    sys_heap_alloc(&heap, heap_block_bytes(UNITS)); /* ids of blocks shall be no sizes of chunks */
    for (size_t i = 0; i < COUNT; i++) {
        blocks[i] = sys_heap_alloc(&heap, heap_block_bytes(UNITS));
        assert_non_null(blocks[i]);
        memset(blocks[i], 0x11, heap_block_bytes(UNITS));
    }
}

static int full_heap(void **state)
{
    fill_heap(QUARRY_HEAP_ZEPHYR_BUCKETS);
    return 0;
}

/* ---- calls ---- */

static void free_it(void *mem)
{
    sys_heap_free(&heap, mem);
}

static void grow_it(void *mem)
{
    sys_heap_realloc(&heap, mem, heap_block_bytes(UNITS + 3));
}

static void shrink_it(void *mem)
{
    sys_heap_realloc(&heap, mem, 1);
}

static void allocate(void *arg)
{
    sys_heap_alloc(&heap, heap_block_bytes(UNITS));
}

/* Of the same bucket, but more than the chunks have. */
static void allocate_more(void *arg)
{
    sys_heap_alloc(&heap, heap_block_bytes(UNITS + 1));
}

static void allocate_aligned(void *arg)
{
    sys_heap_aligned_alloc(&heap, 2 * HEAP_HEADER, 1);
}

static void expect_report(crime_fn crime, void *arg, const char *phrase)
{
    struct death death = death_of(crime, arg);
    bool by_walk = QUARRY_HEAP_HARDENING >= 4 && death_matches(&death, HEAP_DAMAGED);
    if (!by_walk && !death_matches(&death, phrase)) {
        fail_msg("expected \"%s\", got signal %d and \"%s\"", phrase, death.signal, death.message);
    }
}

/* ---- fields ---- */

static size_t unit_of(const uint8_t *block)
{
    return (size_t)(block - HEAP_HEADER - buffer) / HEAP_UNIT;
}

static uint32_t field(const uint8_t *block, enum heap_field which)
{
    return heap_field(buffer, unit_of(block), which);
}

static void set_field(const uint8_t *block, enum heap_field which, uint32_t value)
{
    heap_set_field(buffer, unit_of(block), which, value);
}

static uint32_t word(size_t at)
{
    uint32_t value;
    memcpy(&value, buffer + at, sizeof value);
    return value;
}

static void set_word(size_t at, uint32_t value)
{
    memcpy(buffer + at, &value, sizeof value);
}

/* Numbers that a field may be overwritten with: near its own, zero, text, all ones. */
static const uint32_t wrong_by[] = {1, 2, 0xffffffff, 0xfffffffe, 0x100, 0x8000};
static const uint32_t wrong[] = {0, 1, 0x4141, 0x5a5a5a5a, 0x7fffffff, 0xffffffff};
#define WRONGS (sizeof wrong_by / sizeof wrong_by[0] + sizeof wrong / sizeof wrong[0])

/* Expects the call to be reported for each wrong value of a field of a chunk. */
static void expect_reports(crime_fn crime, void *arg, const uint8_t *block, enum heap_field which,
                           const char *phrase)
{
    uint32_t right = field(block, which);
    uint32_t mask = HEAP_HEADER == 8 ? 0xffffffff : 0xffff;
    for (size_t i = 0; i < WRONGS; i++) {
        size_t relative = sizeof wrong_by / sizeof wrong_by[0];
        uint32_t value = i < relative ? right + wrong_by[i] : wrong[i - relative];
        value &= mask;
        if (which == HEAP_SIZE_AND_USED) {
            value = (value & ~1u) | (right & 1u); /* the flag has tests of its own */
        }
        if (value != right) {
            set_field(block, which, value);
            expect_report(crime, arg, phrase);
        }
    }
    set_field(block, which, right);
    assert_true(sys_heap_validate(&heap));
}

/* ---- blocks ---- */

static void left_neighbour_of_a_block_is_verified(void **state)
{
    skip_below_hardening(2);
    expect_reports(free_it, blocks[2], blocks[2], HEAP_LEFT_SIZE, LEFT_NEIGHBOUR);
    expect_reports(grow_it, blocks[2], blocks[2], HEAP_LEFT_SIZE, LEFT_NEIGHBOUR);
    expect_reports(shrink_it, blocks[2], blocks[2], HEAP_LEFT_SIZE, LEFT_NEIGHBOUR);
}

/* The neighbour itself was overwritten. */
static void size_of_the_left_neighbour_is_verified(void **state)
{
    skip_below_hardening(2);
    expect_reports(free_it, blocks[2], blocks[1], HEAP_SIZE_AND_USED, LEFT_NEIGHBOUR);
    sys_heap_free(&heap, blocks[1]);
    expect_reports(free_it, blocks[2], blocks[1], HEAP_SIZE_AND_USED, LEFT_NEIGHBOUR);
}

/* ---- free chunks ---- */

static void free_chunk_marked_used_is_not_taken(void **state)
{
    skip_below_hardening(2);
    sys_heap_free(&heap, blocks[2]);
    set_field(blocks[2], HEAP_SIZE_AND_USED, field(blocks[2], HEAP_SIZE_AND_USED) | 1u);
    expect_report(allocate, NULL, MARKED_USED);
    expect_report(allocate_aligned, NULL, MARKED_USED);
}

static void damaged_free_chunk_is_not_taken(void **state)
{
    skip_below_hardening(2);
    sys_heap_free(&heap, blocks[2]);
    expect_reports(allocate, NULL, blocks[2], HEAP_LEFT_SIZE, CHUNK_DAMAGED);
    expect_reports(allocate, NULL, blocks[3], HEAP_LEFT_SIZE, CHUNK_DAMAGED);
    expect_reports(allocate, NULL, blocks[1], HEAP_SIZE_AND_USED, CHUNK_DAMAGED);
}

/* A size that is too small by itself makes the chunk no candidate; a larger one is caught. */
static void free_chunk_of_wrong_size_is_not_taken(void **state)
{
    skip_below_hardening(2);
    sys_heap_free(&heap, blocks[2]);
    for (uint32_t more = 1; more < 10; more++) {
        set_field(blocks[2], HEAP_SIZE_AND_USED, (UNITS + more) << 1);
        expect_report(allocate, NULL, CHUNK_DAMAGED);
    }
}

static void damaged_free_chunk_is_not_merged_to_the_left(void **state)
{
    skip_below_hardening(2);
    sys_heap_free(&heap, blocks[2]);
    expect_reports(free_it, blocks[1], blocks[2], HEAP_SIZE_AND_USED, CHUNK_DAMAGED);
    expect_reports(free_it, blocks[1], blocks[3], HEAP_LEFT_SIZE, CHUNK_DAMAGED);
}

static void damaged_free_chunk_is_not_merged_to_the_right(void **state)
{
    skip_below_hardening(2);
    sys_heap_free(&heap, blocks[2]);
    expect_reports(free_it, blocks[3], blocks[2], HEAP_LEFT_SIZE, CHUNK_DAMAGED);
    expect_reports(free_it, blocks[3], blocks[1], HEAP_SIZE_AND_USED, CHUNK_DAMAGED);
}

static void damaged_free_chunk_is_not_absorbed(void **state)
{
    skip_below_hardening(2);
    sys_heap_free(&heap, blocks[2]);
    expect_reports(grow_it, blocks[1], blocks[3], HEAP_LEFT_SIZE, CHUNK_DAMAGED);
    expect_reports(shrink_it, blocks[1], blocks[3], HEAP_LEFT_SIZE, CHUNK_DAMAGED);
}

/* ---- free lists ---- */

static void free_three(void)
{
    sys_heap_free(&heap, blocks[1]);
    sys_heap_free(&heap, blocks[3]);
    sys_heap_free(&heap, blocks[5]);
}

/* blocks[1] is tried next, blocks[3] and [5] follow. */
static void damaged_links_are_noticed_when_a_chunk_is_taken(void **state)
{
    skip_below_hardening(2);
    free_three();
    expect_reports(allocate, NULL, blocks[1], HEAP_FREE_NEXT, LIST_DAMAGED);
    expect_reports(allocate, NULL, blocks[1], HEAP_FREE_PREV, LIST_DAMAGED);
    expect_reports(allocate, NULL, blocks[3], HEAP_FREE_PREV, LIST_DAMAGED);
    expect_reports(allocate, NULL, blocks[5], HEAP_FREE_NEXT, LIST_DAMAGED);
}

static void damaged_links_are_noticed_when_a_chunk_is_merged(void **state)
{
    skip_below_hardening(2);
    free_three();
    expect_reports(free_it, blocks[4], blocks[3], HEAP_FREE_NEXT, LIST_DAMAGED);
    expect_reports(free_it, blocks[2], blocks[3], HEAP_FREE_PREV, LIST_DAMAGED);
    expect_reports(grow_it, blocks[2], blocks[3], HEAP_FREE_PREV, LIST_DAMAGED);
    expect_reports(grow_it, blocks[2], blocks[5], HEAP_FREE_PREV, LIST_DAMAGED);
}

/* The ring's end is blocks[3]; a third chunk would join behind it. */
static void damaged_end_of_a_list_is_noticed_when_it_grows(void **state)
{
    skip_below_hardening(2);
    sys_heap_free(&heap, blocks[1]);
    sys_heap_free(&heap, blocks[3]);
    expect_reports(free_it, blocks[5], blocks[3], HEAP_FREE_NEXT, LIST_DAMAGED);
    expect_reports(free_it, blocks[5], blocks[1], HEAP_FREE_PREV, LIST_DAMAGED);
}

/* The list's only chunk is too small, and leads to chunk 0 and behind the end marker. */
static void list_that_leads_out_of_the_heap_is_noticed(void **state)
{
    skip_below_hardening(2);
    sys_heap_free(&heap, blocks[2]);
    assert_int_equal(heap_zephyr_bucket(UNITS), heap_zephyr_bucket(UNITS + 1));
    set_field(blocks[2], HEAP_FREE_NEXT, 0);
    expect_report(allocate_more, NULL, LEADS_OUT);
    set_field(blocks[2], HEAP_FREE_NEXT, 0x7fff);
    expect_report(allocate_more, NULL, LEADS_OUT);
}

/* Sound but for the list head that it is found at: the one of larger chunks. */
static void chunk_on_the_list_of_larger_ones_is_noticed(void **state)
{
    unsigned int bucket = heap_zephyr_bucket(UNITS);
    sys_heap_free(&heap, blocks[2]);
    set_word(MASK_AT, 2u << bucket);
    set_word(HEAP_STRUCT_BYTES + 4 * bucket, 0);
    set_word(HEAP_STRUCT_BYTES + 4 * (bucket + 1), (uint32_t)unit_of(blocks[2]));
    expect_report(allocate, NULL, "free chunk is on another bucket's list");
}

static void write_after_free_is_noticed(void **state)
{
    static const int values[] = {0, 1, 0x41, 0x5a, 0x7f, 0x80, 0xff};
    skip_below_hardening(2);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        full_heap(NULL);
        free_three();
        memset(blocks[1], values[i], heap_block_bytes(UNITS));
        expect_report(allocate, NULL, LIST_DAMAGED);
    }
}

/* ---- fine buckets ---- */

/* There, blocks[5] comes first, then [3] and [1]. */
static void fine_buckets_are_verified_too(void **state)
{
    skip_below_hardening(2);
    fill_heap(QUARRY_HEAP_FINE_BUCKETS);
    free_three();
    expect_reports(allocate, NULL, blocks[5], HEAP_FREE_NEXT, LIST_DAMAGED);
    expect_reports(allocate, NULL, blocks[3], HEAP_FREE_PREV, LIST_DAMAGED);
    expect_reports(free_it, blocks[2], blocks[3], HEAP_FREE_NEXT, LIST_DAMAGED);
    expect_reports(free_it, blocks[4], blocks[3], HEAP_FREE_PREV, LIST_DAMAGED);
    expect_reports(allocate, NULL, blocks[5], HEAP_LEFT_SIZE, CHUNK_DAMAGED);
    set_field(blocks[5], HEAP_SIZE_AND_USED, field(blocks[5], HEAP_SIZE_AND_USED) | 1u);
    expect_report(allocate, NULL, MARKED_USED);
}

static void damaged_front_of_a_fine_list_is_noticed_when_it_grows(void **state)
{
    skip_below_hardening(2);
    fill_heap(QUARRY_HEAP_FINE_BUCKETS);
    sys_heap_free(&heap, blocks[1]);
    expect_reports(free_it, blocks[3], blocks[1], HEAP_FREE_PREV, LIST_DAMAGED);
    set_word(HEAP_STRUCT_BYTES + FINE_MASK_BYTES + 4 * UNITS, word(END_AT));
    expect_report(free_it, blocks[3], LIST_DAMAGED);
}

static void write_after_free_is_noticed_with_fine_buckets(void **state)
{
    static const int values[] = {0, 1, 0x41, 0x5a, 0x7f, 0x80, 0xff};
    skip_below_hardening(2);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        fill_heap(QUARRY_HEAP_FINE_BUCKETS);
        free_three();
        memset(blocks[5], values[i], heap_block_bytes(UNITS));
        expect_report(allocate, NULL, LIST_DAMAGED);
    }
}

/* ---- everything ---- */

/* Damage that none of the chunks that a call touches shows. Below extreme, it is noticed after the
 * call, by the self-checks that unit tests are built with. */
static void damage_anywhere_is_noticed_by_every_call(void **state)
{
    sys_heap_free(&heap, blocks[0]);
    sys_heap_free(&heap, blocks[2]);
    set_field(blocks[5], HEAP_LEFT_SIZE, UNITS + 1);
    expect_death(allocate, NULL, HEAP_DAMAGED);
    expect_death(allocate_aligned, NULL, HEAP_DAMAGED);
    expect_death(free_it, blocks[3], HEAP_DAMAGED);
    expect_death(shrink_it, blocks[3], HEAP_DAMAGED);
    expect_death(grow_it, blocks[1], HEAP_DAMAGED);
}

static void whole_heap_is_not_reported(void **state)
{
    skip_below_hardening(1);
    free_three();
    allocate(NULL);
    allocate_aligned(NULL);
    free_it(blocks[2]);
    shrink_it(blocks[4]);
    grow_it(blocks[4]);
    assert_true(sys_heap_validate(&heap));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(left_neighbour_of_a_block_is_verified, full_heap),
        cmocka_unit_test_setup(size_of_the_left_neighbour_is_verified, full_heap),
        cmocka_unit_test_setup(free_chunk_marked_used_is_not_taken, full_heap),
        cmocka_unit_test_setup(damaged_free_chunk_is_not_taken, full_heap),
        cmocka_unit_test_setup(free_chunk_of_wrong_size_is_not_taken, full_heap),
        cmocka_unit_test_setup(damaged_free_chunk_is_not_merged_to_the_left, full_heap),
        cmocka_unit_test_setup(damaged_free_chunk_is_not_merged_to_the_right, full_heap),
        cmocka_unit_test_setup(damaged_free_chunk_is_not_absorbed, full_heap),
        cmocka_unit_test_setup(damaged_links_are_noticed_when_a_chunk_is_taken, full_heap),
        cmocka_unit_test_setup(damaged_links_are_noticed_when_a_chunk_is_merged, full_heap),
        cmocka_unit_test_setup(damaged_end_of_a_list_is_noticed_when_it_grows, full_heap),
        cmocka_unit_test_setup(list_that_leads_out_of_the_heap_is_noticed, full_heap),
        cmocka_unit_test_setup(chunk_on_the_list_of_larger_ones_is_noticed, full_heap),
        cmocka_unit_test_setup(write_after_free_is_noticed, full_heap),
        cmocka_unit_test_setup(fine_buckets_are_verified_too, full_heap),
        cmocka_unit_test_setup(damaged_front_of_a_fine_list_is_noticed_when_it_grows, full_heap),
        cmocka_unit_test_setup(write_after_free_is_noticed_with_fine_buckets, full_heap),
        cmocka_unit_test_setup(damage_anywhere_is_noticed_by_every_call, full_heap),
        cmocka_unit_test_setup(whole_heap_is_not_reported, full_heap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
