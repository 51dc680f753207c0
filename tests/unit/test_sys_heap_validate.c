/* SPDX-License-Identifier: Apache-2.0 */
/* sys_heap_validate: true for good heaps, false for heaps that were broken word by word.
 *
 * The words are found by the documented layout, in 32-bit words from the start of the heap:
 *
 *     header chunk    0, 1 chunk header; 2 id of the end marker; 3 bit per non-empty bucket;
 *                     4... id of the chunk to try next, per bucket
 *     every chunk     0 size of the chunk on the left; 1 own size * 2 + used
 *     listed chunk    2 id of the previous, 3 of the next chunk in its list
 *
 * An id is an offset from the start of the heap, and sizes and ids are in units of 8 bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <core/sys_heap_walk.h>
#include <zephyr/sys/sys_heap.h>
#include <cmocka.h>
#include "../support/heap_picture.h"
#include "../support/random.h"
#include "../support/reference_heap.h"

#define BUFFER_BYTES  512u
#define BUCKETS       6u
#define UNIT_BYTES    8u
#define WORDS_MAX     (BUFFER_BYTES / sizeof(uint32_t))
#define RANDOM_HEAPS  300u
#define FLIPS         200u
#define WORD_LEFT     0u
#define WORD_SIZE     1u
#define WORD_PREV     2u
#define WORD_NEXT     3u
#define WORD_END      2u
#define WORD_NONEMPTY 3u
#define WORD_BUCKETS  4u

/* Exactly as large as the heap, so that sanitizers see a step outside; and all written once, as a
 * wrong id may lead anywhere in it. */
static uint8_t *buffer;
static struct sys_heap heap;
static uint64_t seed;

/* Numbers of the words of the heap that carry bookkeeping. */
static size_t words[WORDS_MAX];
static size_t word_count;

static uint32_t word(size_t number)
{
    uint32_t value;
    memcpy(&value, buffer + number * sizeof value, sizeof value);
    return value;
}

static void set_word(size_t number, uint32_t value)
{
    memcpy(buffer + number * sizeof value, &value, sizeof value);
}

/* Number of a word of the chunk that starts at that unit. */
static size_t chunk_word(uint32_t unit, size_t field)
{
    return (size_t)unit * (UNIT_BYTES / sizeof(uint32_t)) + field;
}

static bool collect_chunk(const struct heap_chunk_view *chunk, void *arg)
{
    size_t fields = chunk->listed ? 4 : 2;
    for (size_t field = 0; field < fields; field++) {
        words[word_count++] = chunk_word(chunk->offset_units, field);
    }
    return true;
}

static void collect_words(void)
{
    word_count = 0;
    for (size_t number = 0; number < WORD_BUCKETS + BUCKETS; number++) {
        words[word_count++] = number;
    }
    assert_true(heap_walk(&heap, collect_chunk, NULL));
    words[word_count++] = chunk_word(word(WORD_END), WORD_LEFT);
    words[word_count++] = chunk_word(word(WORD_END), WORD_SIZE);
}

static int make_buffer(void **state)
{
    buffer = calloc(1, BUFFER_BYTES);
    return buffer == NULL ? -1 : 0;
}

static int drop_buffer(void **state)
{
    free(buffer);
    return 0;
}

static int fresh_heap(void **state)
{
    sys_heap_init(&heap, buffer, BUFFER_BYTES);
    return 0;
}

static void *alloc_units(size_t units)
{
    void *block = sys_heap_alloc(&heap, (units - 1) * UNIT_BYTES);
    memset(block, 0, (units - 1) * UNIT_BYTES);
    return block;
}

/* Chunks of all kinds: used, alone in a list, three in a list, undersized. */
static int heap_with_everything(void **state)
{
    void *freed[4];
    fresh_heap(state);
    freed[0] = alloc_units(5);
    alloc_units(2);
    freed[1] = alloc_units(6);
    alloc_units(3);
    freed[2] = alloc_units(8);
    alloc_units(2);
    freed[3] = alloc_units(2);
    void *shrunk = alloc_units(5);
    alloc_units(2);
    for (size_t i = 0; i < 4; i++) {
        sys_heap_free(&heap, freed[i]);
    }
    sys_heap_realloc(&heap, shrunk, 3 * UNIT_BYTES);
    expect_heap(&heap, "F5 U2 F6 U3 F8 U2 F2 U4 S1 U2 F23");
    collect_words();
    return 0;
}

/* ---- single words ---- */

struct member_search {
    uint32_t id;
    unsigned int bucket;
    bool found;
};

static bool look_at_chunk(const struct heap_chunk_view *chunk, void *arg)
{
    struct member_search *search = arg;
    if (chunk->offset_units == search->id && chunk->listed) {
        search->found = reference_bucket_of(chunk->size_units) == search->bucket;
    }
    return true;
}

/* True if the value is as good as the one that the word has: any member of a list may be the next
 * to be tried. The heap must be whole. */
static bool is_as_good(size_t number, uint32_t value)
{
    if (value == word(number)) {
        return true;
    }
    if (number < WORD_BUCKETS || number >= WORD_BUCKETS + BUCKETS) {
        return false;
    }
    struct member_search search = {.id = value, .bucket = (unsigned int)(number - WORD_BUCKETS)};
    heap_walk(&heap, look_at_chunk, &search);
    return search.found;
}

/* The heap with that word must be found bad, and good again with the right word. */
static void expect_noticed(size_t number, uint32_t value)
{
    uint32_t right = word(number);
    if (is_as_good(number, value)) {
        return;
    }
    set_word(number, value);
    if (sys_heap_validate(&heap)) {
        fail_msg("word %zu set from %#x to %#x is not noticed (seed %llu)", number, right, value,
                 (unsigned long long)seed);
    }
    set_word(number, right);
    assert_true(sys_heap_validate(&heap));
}

static void every_single_bit_matters(void **state)
{
    for (size_t i = 0; i < word_count; i++) {
        for (unsigned int bit = 0; bit < 32; bit++) {
            expect_noticed(words[i], word(words[i]) ^ (1u << bit));
        }
    }
}

static void every_word_matters(void **state)
{
    static const uint32_t values[] = {0,  1,   2,   3,          61,         62,         63,
                                      64, 126, 127, 0x3fffffff, 0x7fffffff, 0x80000000, 0xffffffff};
    for (size_t i = 0; i < word_count; i++) {
        uint32_t right = word(words[i]);
        for (size_t k = 0; k < sizeof values / sizeof values[0]; k++) {
            expect_noticed(words[i], values[k]);
            expect_noticed(words[i], right + values[k]);
            expect_noticed(words[i], right - values[k]);
        }
    }
}

/* Small numbers are the dangerous ones: all of them are sizes or ids that could be right. */
static void every_plausible_number_matters(void **state)
{
    for (size_t i = 0; i < word_count; i++) {
        for (uint32_t value = 0; value < 130; value++) {
            expect_noticed(words[i], value);
        }
    }
}

static void words_of_an_empty_and_of_a_full_heap_matter(void **state)
{
    collect_words();
    every_single_bit_matters(state);
    every_plausible_number_matters(state);
    alloc_units(58);
    expect_heap(&heap, "U58");
    collect_words();
    every_single_bit_matters(state);
    every_plausible_number_matters(state);
}

static void fill_at_random(struct random *random)
{
    void *blocks[64] = {NULL};
    fresh_heap(NULL);
    for (size_t step = 0; step < 200; step++) {
        size_t slot = random_below(random, sizeof blocks / sizeof blocks[0]);
        if (blocks[slot] != NULL) {
            sys_heap_free(&heap, blocks[slot]);
            blocks[slot] = NULL;
            continue;
        }
        size_t align = (size_t)1 << random_below(random, 7);
        size_t bytes = random_log_uniform(random, 100);
        blocks[slot] = sys_heap_aligned_alloc(&heap, align, bytes);
        if (blocks[slot] != NULL) {
            memset(blocks[slot], (int)random_below(random, 4), bytes);
        }
    }
}

static void random_flips_in_random_heaps_are_noticed(void **state)
{
    struct random random = random_from(seed);
    size_t heaps = scaled_rounds(RANDOM_HEAPS);
    for (size_t i = 0; i < heaps; i++) {
        fill_at_random(&random);
        collect_words();
        for (size_t flip = 0; flip < FLIPS; flip++) {
            size_t number = words[random_below(&random, word_count)];
            expect_noticed(number, word(number) ^ (1u << random_below(&random, 32)));
        }
    }
}

/* ---- several words, each of them plausible by itself ---- */

/* Puts a chunk into the empty list of a bucket, by hand. */
static void list_alone(uint32_t unit, unsigned int bucket)
{
    set_word(chunk_word(unit, WORD_PREV), unit);
    set_word(chunk_word(unit, WORD_NEXT), unit);
    set_word(WORD_BUCKETS + bucket, unit);
    set_word(WORD_NONEMPTY, word(WORD_NONEMPTY) | 1u << bucket);
}

static void empty_bucket(unsigned int bucket)
{
    set_word(WORD_BUCKETS + bucket, 0);
    set_word(WORD_NONEMPTY, word(WORD_NONEMPTY) & ~(1u << bucket));
}

static void clear_used(uint32_t unit)
{
    size_t number = chunk_word(unit, WORD_SIZE);
    set_word(number, word(number) & ~1u);
}

/* The tests below rely on this: done right, handiwork makes a good heap. */
static void chunk_freed_by_hand_is_good(void **state)
{
    alloc_units(2);
    alloc_units(2);
    alloc_units(2);
    clear_used(7);
    list_alone(7, 0);
    expect_heap(&heap, "U2 F2 U2 F52");
    assert_true(sys_heap_validate(&heap));
    assert_non_null(sys_heap_alloc(&heap, 8));
    expect_heap(&heap, "U2 U2 U2 F52");
}

static void free_neighbours_are_noticed(void **state)
{
    alloc_units(2);
    alloc_units(2);
    clear_used(7);
    list_alone(7, 0);
    expect_heap(&heap, "U2 F2 F54");
    assert_false(sys_heap_validate(&heap));
}

static void free_chunk_outside_all_lists_is_noticed(void **state)
{
    alloc_units(2);
    alloc_units(2);
    alloc_units(2);
    clear_used(7);
    assert_false(sys_heap_validate(&heap));
}

/* Two chunks of one bucket, of which only one can be reached. */
static void chunk_that_its_list_has_lost_is_noticed(void **state)
{
    void *first = alloc_units(2);
    alloc_units(3);
    void *second = alloc_units(2);
    alloc_units(3);
    sys_heap_free(&heap, first);
    sys_heap_free(&heap, second);
    expect_heap(&heap, "F2 U3 F2 U3 F48");
    list_alone(5, 0);
    assert_false(sys_heap_validate(&heap));
    list_alone(10, 0);
    set_word(chunk_word(5, WORD_PREV), 10);
    set_word(chunk_word(5, WORD_NEXT), 10);
    assert_false(sys_heap_validate(&heap));
}

static void chunk_in_the_wrong_bucket_is_noticed(void **state)
{
    assert_int_equal(word(WORD_BUCKETS + 5), 5);
    for (unsigned int bucket = 0; bucket < 5; bucket++) {
        sys_heap_init(&heap, buffer, BUFFER_BYTES);
        empty_bucket(5);
        assert_false(sys_heap_validate(&heap));
        list_alone(5, bucket);
        assert_false(sys_heap_validate(&heap));
    }
}

static void chunk_in_two_buckets_is_noticed(void **state)
{
    set_word(WORD_BUCKETS + 3, 5);
    set_word(WORD_NONEMPTY, word(WORD_NONEMPTY) | 1u << 3);
    assert_false(sys_heap_validate(&heap));
}

/* A list whose end runs into a ring that does not contain its start. */
static void list_that_does_not_come_back_is_noticed(void **state)
{
    void *blocks[3];
    for (size_t i = 0; i < 3; i++) {
        blocks[i] = alloc_units(2);
        alloc_units(3);
    }
    for (size_t i = 0; i < 3; i++) {
        sys_heap_free(&heap, blocks[i]);
    }
    expect_heap(&heap, "F2 U3 F2 U3 F2 U3 F43");
    set_word(chunk_word(15, WORD_NEXT), 10); /* 5 -> 10 -> 15 -> 10 */
    set_word(chunk_word(10, WORD_PREV), 15);
    assert_false(sys_heap_validate(&heap));
}

static void list_member_that_is_used_is_noticed(void **state)
{
    alloc_units(4);
    list_alone(5, 1);
    assert_false(sys_heap_validate(&heap));
}

/* A ring that holds a chunk, sound in itself, but inside of a block, in place of the real one. */
static void list_member_inside_a_block_is_noticed(void **state)
{
    void *freed = alloc_units(2);
    alloc_units(6);
    sys_heap_free(&heap, freed);
    expect_heap(&heap, "F2 U6 F50");
    set_word(chunk_word(9, WORD_LEFT), 2);
    set_word(chunk_word(9, WORD_SIZE), 2 << 1);
    set_word(chunk_word(11, WORD_LEFT), 2);
    list_alone(9, 0);
    assert_false(sys_heap_validate(&heap));
    list_alone(5, 0);
    assert_true(sys_heap_validate(&heap));
}

/* The end marker moved to a chunk border: what stands there has a size. */
static void end_marker_must_be_empty(void **state)
{
    alloc_units(56);
    alloc_units(2);
    expect_heap(&heap, "U56 U2");
    set_word(WORD_END, 61);
    assert_false(sys_heap_validate(&heap));
}

/* ---- reading only ---- */

static void validation_writes_nothing(void **state)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *mem = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(mem, MAP_FAILED);
    sys_heap_init(&heap, mem, page);
    void *block = sys_heap_alloc(&heap, 100);
    sys_heap_alloc(&heap, 100);
    sys_heap_free(&heap, block);
    assert_int_equal(mprotect(mem, page, PROT_READ), 0);
    assert_true(sys_heap_validate(&heap));
    assert_int_equal(munmap(mem, page), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_single_bit_matters, heap_with_everything),
        cmocka_unit_test_setup(every_word_matters, heap_with_everything),
        cmocka_unit_test_setup(every_plausible_number_matters, heap_with_everything),
        cmocka_unit_test_setup(words_of_an_empty_and_of_a_full_heap_matter, fresh_heap),
        cmocka_unit_test_setup(random_flips_in_random_heaps_are_noticed, fresh_heap),
        cmocka_unit_test_setup(chunk_freed_by_hand_is_good, fresh_heap),
        cmocka_unit_test_setup(free_neighbours_are_noticed, fresh_heap),
        cmocka_unit_test_setup(free_chunk_outside_all_lists_is_noticed, fresh_heap),
        cmocka_unit_test_setup(chunk_that_its_list_has_lost_is_noticed, fresh_heap),
        cmocka_unit_test_setup(chunk_in_the_wrong_bucket_is_noticed, fresh_heap),
        cmocka_unit_test_setup(chunk_in_two_buckets_is_noticed, fresh_heap),
        cmocka_unit_test_setup(list_that_does_not_come_back_is_noticed, fresh_heap),
        cmocka_unit_test_setup(list_member_that_is_used_is_noticed, fresh_heap),
        cmocka_unit_test_setup(list_member_inside_a_block_is_noticed, fresh_heap),
        cmocka_unit_test_setup(end_marker_must_be_empty, fresh_heap),
        cmocka_unit_test_setup(validation_writes_nothing, fresh_heap),
    };
    seed = random_seed_from_args(argc, argv);
    return cmocka_run_group_tests(tests, make_buffer, drop_buffer);
}
