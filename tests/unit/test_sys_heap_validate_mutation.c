/* SPDX-License-Identifier: Apache-2.0 */
/* The validator against every small change of every word of bookkeeping.
 *
 * Good heaps are made: empty, full, crowded, with undersized chunks, with long free lists,
 * growable, and as random calls leave them. In each, every field is found by walking the heap; then
 * each bit of each field is flipped, and each field is set to numbers that it could well hold: 0,
 * all ones, one more, one less, and all ids and sizes of the heap's chunks. sys_heap_validate must
 * say no to each of these heaps, and yes again when the field is put back, but for the changes that
 * `is_as_good` lists, and says why.
 *
 *     | LEFT_SIZE SIZE_AND_USED | end, mask, list heads | T | header | (links) ... | T | header |
 *     '------------------ header chunk ---------------------' '------- chunks -----' 'end marker'
 *
 * Where a field lies and how wide it is comes from heap_fields.h; nothing here knows the format.
 * The buffer is exactly as large as the heap, so under AddressSanitizer a validator that is led
 * outside is found as well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <core/heap.h>
#include <core/sys_heap_walk.h>
#include "../support/heap_fields.h"
#include "../support/heap_policies.h"
#include "../support/random.h"

#define UNIT_BYTES   8u
#define BLOCKS_MAX   64u
#define SMALL_HEAP   3072u
#define LARGE_HEAP   ((size_t)(QUARRY_HEAP_SMALL_ONLY ? 250 : 1024) << 10)
#define GROWS_FROM   2400u
#define GROWS_TO     ((size_t)100 << 10) /* small headers of 32-bit machines can do that, too */
#define RANDOM_HEAPS 20u
#define RANDOM_CALLS 300u
#define FINE_BIT     1u /* of the heap's notes; the low-water mark is above it */

static enum quarry_heap_buckets policy;
static uint8_t *buffer;
static size_t buffer_bytes;
static struct sys_heap heap;
static struct heap_fields fields;
static size_t one_in;
static size_t changes_seen;
static size_t changes_tried;
static uint64_t seed;

/* ---- changing them ---- */

static uint64_t largest(const struct heap_field_place *field)
{
    return UINT64_MAX >> (64u - 8u * field->bytes);
}

/* Zephyr's lists are rings, and the head is whichever member is to be tried next: another member
 * of the same list is as good. */
static bool is_on_the_list(const struct heap_field_place *head, uint64_t unit)
{
    for (size_t i = 0; i < fields.chunk_count; i++) {
        if (fields.chunks[i].unit == unit && fields.chunks[i].listed) {
            return fields.chunks[i].bucket == head->bucket;
        }
    }
    return false;
}

/* The low-water mark is the least value that the mask of lists has had, so any up to the present
 * one may be right, as may any high-water mark from what is allocated now. A build without counters
 * has none. */
static bool is_possible_mark(const struct heap_field_place *field, uint64_t value)
{
    if (field->kind == HEAP_FIELD_HIGH_WATER) {
        return value >= fields.allocated_bytes;
    }
    return field->kind == HEAP_FIELD_NOTES && QUARRY_HEAP_RUNTIME_STATS &&
           (value & FINE_BIT) == (heap_field_get(field) & FINE_BIT) &&
           value / 2u <= fields.low_water_max;
}

/* The closed list of changes that leave a good heap. To be asked before the change. */
static bool is_as_good(const struct heap_field_place *field, uint64_t value)
{
    if (value == heap_field_get(field) || is_possible_mark(field, value)) {
        return true;
    }
    return policy == QUARRY_HEAP_ZEPHYR_BUCKETS && field->kind == HEAP_FIELD_LIST_HEAD &&
           is_on_the_list(field, value);
}

/* Of the changes, as they come, one in QUARRY_TEST_SCALE is tried. */
static void expect_no(const struct heap_field_place *field, uint64_t value)
{
    value &= largest(field);
    uint64_t right = heap_field_get(field);
    if (is_as_good(field, value) || changes_seen++ % one_in != 0) {
        return;
    }
    changes_tried++;
    heap_field_set(field, value);
    bool noticed = !sys_heap_validate(&heap);
    heap_field_set(field, right);
    if (!noticed) {
        fail_msg("%s buckets, heap of %zu bytes: %s of unit %u, list %u set from %#llx to %#llx is "
                 "not noticed (seed %llu)",
                 heap_policy_name(policy), buffer_bytes, field->name, field->unit, field->bucket,
                 (unsigned long long)right, (unsigned long long)value, (unsigned long long)seed);
    }
}

static void expect_no_to_ids_and_sizes(const struct heap_field_place *field)
{
    for (size_t i = 0; i < fields.chunk_count; i++) {
        uint32_t unit = fields.chunks[i].unit;
        expect_no(field, unit);
        expect_no(field, unit + 1u);
        expect_no(field, fields.chunks[i].size);
        expect_no(field, fields.chunks[i].size * UINT64_C(2));
        expect_no(field, fields.chunks[i].size * UINT64_C(2) + 1u);
    }
    expect_no(field, fields.end_unit);
    expect_no(field, fields.end_unit * UINT64_C(2));
}

static void mutate_field(const struct heap_field_place *field)
{
    uint64_t right = heap_field_get(field);
    for (size_t bit = 0; bit < 8u * field->bytes; bit++) {
        expect_no(field, right ^ UINT64_C(1) << bit);
    }
    expect_no(field, 0);
    expect_no(field, largest(field));
    for (uint64_t step = 1; step <= 3; step++) {
        expect_no(field, right + step);
        expect_no(field, right - step);
    }
    expect_no_to_ids_and_sizes(field);
}

/* The heap at hand must be good, and none of its neighbours. */
static void mutate_heap(void)
{
    assert_true(sys_heap_validate(&heap));
    heap_fields_find(&heap, &fields);
    for (size_t i = 0; i < fields.count; i++) {
        mutate_field(&fields.places[i]);
    }
    assert_true(sys_heap_validate(&heap));
}

/* ---- making heaps ---- */

static void drop_heap(void)
{
    free(buffer);
    buffer = NULL;
}

/* Cleared, as a wrong id may lead anywhere in it. */
static void make_buffer(size_t bytes)
{
    drop_heap();
    buffer_bytes = bytes;
    buffer = calloc(1, bytes);
    assert_non_null(buffer);
}

static void make_heap(size_t bytes)
{
    make_buffer(bytes);
    quarry_heap_init(&heap, buffer, bytes, policy);
    assert_non_null(heap.heap);
}

static size_t smallest_heap(void)
{
    size_t bytes = UNIT_BYTES;
    do {
        make_buffer(bytes);
        quarry_heap_init(&heap, buffer, bytes, policy);
        bytes += UNIT_BYTES;
    } while (heap.heap == NULL);
    return buffer_bytes;
}

/* Returns how many blocks of that size the heap had room for. */
static size_t fill(void *blocks[BLOCKS_MAX], size_t bytes)
{
    size_t count = 0;
    while (count < BLOCKS_MAX && (blocks[count] = sys_heap_alloc(&heap, bytes)) != NULL) {
        memset(blocks[count], 0, bytes);
        count++;
    }
    return count;
}

/* Frees every second block, after which there are lists of many members. */
static void free_every_second(void *blocks[BLOCKS_MAX], size_t count)
{
    for (size_t i = 0; i < count; i += 2) {
        sys_heap_free(&heap, blocks[i]);
    }
}

static void every_field_of_empty_heaps_matters(void **state)
{
    size_t least = smallest_heap();
    mutate_heap();
    for (size_t bytes = least; bytes < least + 24u * UNIT_BYTES; bytes += UNIT_BYTES) {
        make_heap(bytes);
        mutate_heap();
    }
    make_heap(LARGE_HEAP);
    mutate_heap();
}

static void every_field_of_full_heaps_matters(void **state)
{
    void *blocks[BLOCKS_MAX];
    for (size_t bytes = 1; bytes < 4u * UNIT_BYTES; bytes += 3) {
        make_heap(smallest_heap() + 40u * UNIT_BYTES);
        size_t count = fill(blocks, bytes);
        mutate_heap();
        assert_non_null(sys_heap_realloc(&heap, blocks[count - 1], 1));
        mutate_heap();
    }
}

static void every_field_of_a_heap_of_one_block_matters(void **state)
{
    make_heap(smallest_heap() + 10u * UNIT_BYTES);
    for (size_t bytes = buffer_bytes; sys_heap_alloc(&heap, bytes) == NULL;) {
        bytes--;
    }
    mutate_heap();
}

static void every_field_of_fragmented_heaps_matters(void **state)
{
    void *blocks[BLOCKS_MAX];
    for (size_t bytes = 1; bytes < 100; bytes += 13) {
        make_heap(SMALL_HEAP);
        size_t count = fill(blocks, bytes);
        free_every_second(blocks, count);
        mutate_heap();
    }
}

/* A chunk that shrinks by one unit leaves one that is too small for a list. */
static void every_field_around_undersized_chunks_matters(void **state)
{
    void *blocks[BLOCKS_MAX];
    size_t bytes = 4u * UNIT_BYTES;
    make_heap(SMALL_HEAP);
    size_t count = fill(blocks, bytes);
    for (size_t i = 0; i + 1 < count; i += 3) {
        sys_heap_realloc(&heap, blocks[i], bytes - UNIT_BYTES);
    }
    mutate_heap();
    for (size_t i = 2; i < count; i += 3) {
        sys_heap_free(&heap, blocks[i]);
    }
    mutate_heap();
}

/* Has more lists than its size needs. */
static void every_field_of_growable_heaps_matters(void **state)
{
    void *blocks[BLOCKS_MAX];
    make_buffer(SMALL_HEAP);
    heap_init_growable(&heap, buffer, GROWS_FROM, GROWS_TO, policy);
    assert_non_null(heap.heap);
    mutate_heap();
    size_t count = fill(blocks, 24);
    mutate_heap();
    heap_extend(&heap, SMALL_HEAP - GROWS_FROM);
    mutate_heap();
    free_every_second(blocks, count);
    mutate_heap();
}

static void add_to_counters(const char *name, uint64_t bytes)
{
    for (size_t i = 0; i < fields.count; i++) {
        const struct heap_field_place *field = &fields.places[i];
        if (strcmp(field->name, name) == 0) {
            heap_field_set(field, heap_field_get(field) + bytes);
        }
    }
}

/* Several words at once: the header chunk gives its last unit to the first block, which fills the
 * heap. All sizes chain, and what is left of the list heads is right; but freeing the block would
 * list it where the block now is. */
static void header_chunk_must_have_room_for_all_lists(void **state)
{
    make_heap(smallest_heap() + 40u * UNIT_BYTES);
    for (size_t bytes = buffer_bytes; sys_heap_alloc(&heap, bytes) == NULL;) {
        bytes--;
    }
    heap_fields_find(&heap, &fields);
    uint32_t first = fields.chunks[0].unit;
    uint32_t size = fields.chunks[0].size;
    assert_true(sys_heap_validate(&heap));
    heap_fields_chain(&heap, 0, first - 1u);
    heap_fields_chain(&heap, first - 1u, size + 1u);
    add_to_counters("allocated bytes", UNIT_BYTES);
    add_to_counters("most allocated bytes", UNIT_BYTES);
    assert_false(sys_heap_validate(&heap));
}

/* A header chunk that has swallowed the block behind it has more lists than the fine masks have
 * bits: they have to be empty. */
static void lists_beyond_all_masks_must_be_empty(void **state)
{
    make_heap(16384);
    assert_non_null(sys_heap_alloc(&heap, 12000));
    heap_fields_find(&heap, &fields);
    size_t first = fields.chunks[0].unit;
    size_t size = fields.chunks[0].size;
    memset(buffer + (first - 1) * UNIT_BYTES, 0, (size + 1) * UNIT_BYTES);
    heap_fields_chain(&heap, 0, (uint32_t)(first + size));
    assert_true(heap_is_sound(heap.heap));
    buffer[8000] = 1;
    assert_false(heap_is_sound(heap.heap));
}

/* The other side: what is the user's does not matter. */
static void no_byte_of_a_block_matters(void **state)
{
    void *blocks[BLOCKS_MAX];
    make_heap(SMALL_HEAP);
    size_t count = fill(blocks, 40);
    free_every_second(blocks, count);
    for (size_t i = 1; i < count; i += 2) {
        uint8_t *block = blocks[i];
        for (size_t byte = 0; byte < sys_heap_usable_size(&heap, block); byte++) {
            block[byte] ^= 0xffu;
            assert_true(sys_heap_validate(&heap));
        }
    }
}

static void random_heap(struct random *random)
{
    void *blocks[BLOCKS_MAX] = {NULL};
    make_heap(SMALL_HEAP);
    for (size_t call = 0; call < RANDOM_CALLS; call++) {
        size_t slot = (size_t)random_below(random, BLOCKS_MAX);
        if (blocks[slot] != NULL) {
            sys_heap_free(&heap, blocks[slot]);
            blocks[slot] = NULL;
            continue;
        }
        size_t align = (size_t)1 << random_below(random, 7);
        size_t bytes = random_log_uniform(random, 150);
        blocks[slot] = sys_heap_aligned_alloc(&heap, align, bytes);
        if (blocks[slot] != NULL) {
            memset(blocks[slot], (int)random_below(random, 4), bytes);
        }
    }
}

static void every_field_of_random_heaps_matters(void **state)
{
    struct random random = random_from(seed);
    size_t heaps = scaled_rounds(RANDOM_HEAPS);
    for (size_t i = 0; i < heaps; i++) {
        random_heap(&random);
        mutate_heap();
    }
}

static int with_zephyr_buckets(void **state)
{
    policy = QUARRY_HEAP_ZEPHYR_BUCKETS;
    return 0;
}

static int with_fine_buckets(void **state)
{
    policy = QUARRY_HEAP_FINE_BUCKETS;
    return 0;
}

static int finish(void **state)
{
    drop_heap();
    printf("%zu changes were tried\n", changes_tried);
    return 0;
}

#define TESTS_OF(setup)                                                                            \
    cmocka_unit_test_setup(every_field_of_empty_heaps_matters, setup),                             \
        cmocka_unit_test_setup(every_field_of_full_heaps_matters, setup),                          \
        cmocka_unit_test_setup(every_field_of_a_heap_of_one_block_matters, setup),                 \
        cmocka_unit_test_setup(every_field_of_fragmented_heaps_matters, setup),                    \
        cmocka_unit_test_setup(every_field_around_undersized_chunks_matters, setup),               \
        cmocka_unit_test_setup(every_field_of_growable_heaps_matters, setup),                      \
        cmocka_unit_test_setup(every_field_of_random_heaps_matters, setup),                        \
        cmocka_unit_test_setup(header_chunk_must_have_room_for_all_lists, setup),                  \
        cmocka_unit_test_setup(no_byte_of_a_block_matters, setup)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TESTS_OF(with_zephyr_buckets),
        TESTS_OF(with_fine_buckets),
        cmocka_unit_test_setup(lists_beyond_all_masks_must_be_empty, with_fine_buckets),
    };
    seed = random_seed_from_args(argc, argv);
    one_in = test_scale();
    return cmocka_run_group_tests(tests, NULL, finish);
}
