/* SPDX-License-Identifier: Apache-2.0 */
/* quarry_heap_snapshot: every chunk of good heaps, and an answer about damaged ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <quarry/heap_snapshot.h>
#include <zephyr/sys/sys_heap.h>
#include "../support/random.h"

#define BUFFER_BYTES 512u
#define CHUNKS       (BUFFER_BYTES / 8u)
#define BLOCKS       32u
#define ROUNDS       2000u

/* Exactly as large as the heap, so that sanitizers see a step outside; and all written once, as the
 * walk through a damaged heap may read anything in it. */
static uint8_t *buffer;
static struct sys_heap heap;
static struct quarry_heap_chunk chunks[CHUNKS];

static int fresh_heap(void **state)
{
    (void)state;
    buffer = (uint8_t *)malloc(BUFFER_BYTES);
    memset(buffer, 0x5a, BUFFER_BYTES);
    sys_heap_init(&heap, buffer, BUFFER_BYTES);
    return 0;
}

static int end_heap(void **state)
{
    (void)state;
    free(buffer);
    return 0;
}

/* Takes a snapshot and checks what is true of every one. Returns the number of chunks. */
static size_t sound_snapshot(void)
{
    size_t count = quarry_heap_snapshot(&heap, chunks, CHUNKS);

    assert_in_range(count, 3, CHUNKS);
    assert_int_equal(chunks[0].kind, QUARRY_HEAP_CHUNK_BOOKKEEPING);
    assert_int_equal(chunks[0].offset_bytes, 0);
    assert_int_equal(chunks[count - 1].kind, QUARRY_HEAP_CHUNK_END);
    for (size_t i = 0; i < count; i++) {
        bool inner = i > 0 && i + 1 < count;

        if (i > 0) {
            assert_int_equal(chunks[i].offset_bytes,
                             chunks[i - 1].offset_bytes + chunks[i - 1].size_bytes);
        }
        assert_int_equal(chunks[i].mem != NULL, inner);
        if (inner) {
            assert_in_range(chunks[i].kind, QUARRY_HEAP_CHUNK_USED, QUARRY_HEAP_CHUNK_UNDERSIZED);
            assert_ptr_equal(chunks[i].mem,
                             buffer + chunks[i].offset_bytes + chunks[count - 1].size_bytes);
        }
    }
    return count;
}

static void no_heap_has_no_chunks(void **state)
{
    struct sys_heap none = {.heap = NULL};

    (void)state;
    assert_int_equal(quarry_heap_snapshot(NULL, chunks, CHUNKS), 0);
    assert_int_equal(quarry_heap_snapshot(&none, chunks, CHUNKS), 0);
}

static void a_fresh_heap_is_one_free_chunk(void **state)
{
    (void)state;
    assert_int_equal(sound_snapshot(), 3);
    assert_int_equal(chunks[1].kind, QUARRY_HEAP_CHUNK_FREE);
    assert_true(chunks[1].usable_bytes > 0);
    assert_true(chunks[1].usable_bytes < chunks[1].size_bytes);
    /* The end marker takes 8 bytes, or the first 4 of the last 8. */
    assert_int_equal(chunks[2].offset_bytes, BUFFER_BYTES - 8);
}

static void blocks_have_their_addresses_and_sizes(void **state)
{
    void *a = sys_heap_alloc(&heap, 24);
    void *b = sys_heap_alloc(&heap, 40);

    (void)state;
    assert_int_equal(sound_snapshot(), 5);
    assert_int_equal(chunks[1].kind, QUARRY_HEAP_CHUNK_USED);
    assert_ptr_equal(chunks[1].mem, a);
    assert_int_equal(chunks[1].usable_bytes, sys_heap_usable_size(&heap, a));
    assert_ptr_equal(chunks[2].mem, b);
    assert_int_equal(chunks[2].usable_bytes, sys_heap_usable_size(&heap, b));
    assert_int_equal(chunks[3].kind, QUARRY_HEAP_CHUNK_FREE);
    sys_heap_free(&heap, a);
    assert_int_equal(sound_snapshot(), 5);
    assert_int_equal(chunks[1].kind, QUARRY_HEAP_CHUNK_FREE);
}

static void what_is_left_between_blocks_is_undersized(void **state)
{
    void *a = sys_heap_alloc(&heap, 24);
    void *guard = sys_heap_alloc(&heap, 8);

    (void)state;
    assert_non_null(guard);
    sys_heap_free(&heap, a);
    assert_ptr_equal(sys_heap_alloc(&heap, 16), a);
    size_t count = sound_snapshot();
    assert_int_equal(count, 6);
    assert_int_equal(chunks[2].size_bytes, 8);
    /* A header of 4 bytes leaves 4 to a block, unless there are canaries. The end marker is one. */
    size_t header_bytes = chunks[count - 1].size_bytes;
    bool undersized = chunks[2].size_bytes < Z_HEAP_CHUNK_(header_bytes, 1);
    assert_int_equal(chunks[2].kind,
                     undersized ? QUARRY_HEAP_CHUNK_UNDERSIZED : QUARRY_HEAP_CHUNK_FREE);
    assert_int_equal(chunks[2].usable_bytes, undersized ? 0 : 4);
}

static void aligned_blocks_begin_in_their_chunk(void **state)
{
    char *block = (char *)sys_heap_aligned_alloc(&heap, 64, 10);
    size_t count = sound_snapshot();
    size_t holders = 0;

    (void)state;
    for (size_t i = 1; i + 1 < count; i++) {
        char *start = (char *)chunks[i].mem;
        bool holds = block >= start && block < start + chunks[i].usable_bytes;

        assert_int_equal(holds, chunks[i].kind == QUARRY_HEAP_CHUNK_USED);
        holders += holds;
    }
    assert_int_equal(holders, 1);
}

static void what_does_not_fit_is_counted(void **state)
{
    struct quarry_heap_chunk few[3];

    (void)state;
    sys_heap_alloc(&heap, 24);
    size_t count = sound_snapshot();
    assert_int_equal(quarry_heap_snapshot(&heap, NULL, 0), count);
    memset(few, 0xee, sizeof few);
    assert_int_equal(quarry_heap_snapshot(&heap, few, 2), count);
    assert_int_equal(few[0].kind, QUARRY_HEAP_CHUNK_BOOKKEEPING);
    assert_int_equal(few[1].kind, QUARRY_HEAP_CHUNK_USED);
    for (size_t i = 0; i < sizeof few[2]; i++) {
        assert_int_equal(((unsigned char *)&few[2])[i], 0xee);
    }
}

/* As many blocks are told as live, each at its place. */
static void a_random_load_is_told(void **state)
{
    struct random random = random_from(7);
    void *blocks[BLOCKS] = {NULL};

    (void)state;
    for (size_t round = 0; round < scaled_rounds(ROUNDS); round++) {
        size_t slot = (size_t)random_below(&random, BLOCKS);
        size_t live = 0;

        sys_heap_free(&heap, blocks[slot]);
        blocks[slot] = sys_heap_alloc(&heap, random_log_uniform(&random, 64));
        size_t count = sound_snapshot();
        for (size_t i = 1; i + 1 < count; i++) {
            live += chunks[i].kind == QUARRY_HEAP_CHUNK_USED;
        }
        for (size_t i = 0; i < BLOCKS; i++) {
            live -= blocks[i] != NULL;
        }
        assert_int_equal(live, 0);
    }
}

static void damage_ends_the_snapshot(void **state)
{
    /* The chunk to the left of a damaged one is damaged as well: it leads nowhere. */
    sys_heap_alloc(&heap, 24);
    sys_heap_alloc(&heap, 24);
    uint8_t *b = (uint8_t *)sys_heap_alloc(&heap, 24);
    size_t header_bytes = chunks[sound_snapshot() - 1].size_bytes;

    (void)state;
    memset(b - header_bytes, 0xff, header_bytes);
    memset(chunks, 0, sizeof chunks);
    assert_true(quarry_heap_snapshot(&heap, chunks, CHUNKS) == QUARRY_HEAP_SNAPSHOT_DAMAGED);
    assert_int_equal(chunks[0].kind, QUARRY_HEAP_CHUNK_BOOKKEEPING);
    size_t last = 1;
    while (chunks[last].kind == QUARRY_HEAP_CHUNK_USED) {
        last++;
    }
    assert_int_equal(chunks[last].kind, QUARRY_HEAP_CHUNK_DAMAGED);
    assert_int_equal(chunks[last].size_bytes, 0);
    assert_true(buffer + chunks[last].offset_bytes <= b - header_bytes);
    assert_true(quarry_heap_snapshot(&heap, NULL, 0) == QUARRY_HEAP_SNAPSHOT_DAMAGED);
}

/* No single wrong bit anywhere leads the walk astray. */
static void any_wrong_bit_is_survived(void **state)
{
    (void)state;
    sys_heap_alloc(&heap, 24);
    void *hole = sys_heap_alloc(&heap, 40);
    sys_heap_alloc(&heap, 8);
    sys_heap_free(&heap, hole);
    size_t count = sound_snapshot();
    for (size_t bit = 0; bit < BUFFER_BYTES * 8; bit++) {
        buffer[bit / 8] ^= (uint8_t)(1u << bit % 8);
        size_t told = quarry_heap_snapshot(&heap, chunks, CHUNKS);
        assert_true(told == QUARRY_HEAP_SNAPSHOT_DAMAGED || told == count);
        buffer[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(sound_snapshot(), count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_heap_has_no_chunks),
        cmocka_unit_test_setup_teardown(a_fresh_heap_is_one_free_chunk, fresh_heap, end_heap),
        cmocka_unit_test_setup_teardown(blocks_have_their_addresses_and_sizes, fresh_heap,
                                        end_heap),
        cmocka_unit_test_setup_teardown(what_is_left_between_blocks_is_undersized, fresh_heap,
                                        end_heap),
        cmocka_unit_test_setup_teardown(aligned_blocks_begin_in_their_chunk, fresh_heap, end_heap),
        cmocka_unit_test_setup_teardown(what_does_not_fit_is_counted, fresh_heap, end_heap),
        cmocka_unit_test_setup_teardown(a_random_load_is_told, fresh_heap, end_heap),
        cmocka_unit_test_setup_teardown(damage_ends_the_snapshot, fresh_heap, end_heap),
        cmocka_unit_test_setup_teardown(any_wrong_bit_is_survived, fresh_heap, end_heap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
