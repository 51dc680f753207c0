/* SPDX-License-Identifier: Apache-2.0 */
/* Canaries, from hardening level "full" on: 8 bytes behind every used chunk.
 *
 *     written    when a block is handed out or resized, and behind the header chunk
 *     verified   when a block is freed, resized, or asked for its size; that of the used left
 *                neighbour when a block is freed or a free chunk is taken or merged
 *     overwritten by a mark when a block is freed
 *
 * Every test breaks a canary, or shows that nothing breaks one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <quarry/heap.h>
#include <zephyr/sys/sys_heap.h>
#include "../support/death.h"
#include "../support/heap_format.h"
#include "../support/heap_picture.h"

#define SPACE        58u
#define BLOCK_BYTES  24u
#define HEAP_BYTES   1024u
#define CANARY_BYTES 8u
#define DAMAGED      "canary is damaged: written past the end of the block"
#define FREED_TWICE  "canary of a freed block: double free"

/* From level "extreme" on, a walk over the heap finds the damage before the neighbour is looked at.
 */
#define FOUND_BESIDE                                                                               \
    (QUARRY_HEAP_HARDENING >= 4                                                                    \
         ? "heap is damaged: written outside of a block, or a defect of Quarry"                    \
         : DAMAGED)

static _Alignas(64) uint8_t buffer[HEAP_BYTES];
static struct sys_heap heap;
static uint8_t *blocks[3]; /* in a row, in front of free space */

static int heap_with_blocks(void **state)
{
    sys_heap_init(&heap, buffer, heap_bytes_for(SPACE));
    for (size_t i = 0; i < 3; i++) {
        blocks[i] = sys_heap_alloc(&heap, BLOCK_BYTES);
    }
    return 0;
}

static void skip_without_canaries(void)
{
    if (HEAP_TRAILER == 0) {
        skip(); /* built with a hardening level below full */
    }
}

/* Where the canary of a block of BLOCK_BYTES is. */
static uint8_t *canary_of(uint8_t *block)
{
    return block + heap_block_bytes(heap_units_for(BLOCK_BYTES));
}

static uint64_t canary_value(uint8_t *block)
{
    uint64_t value;
    memcpy(&value, canary_of(block), sizeof value);
    return value;
}

/* ---- calls ---- */

static void free_it(void *mem)
{
    sys_heap_free(&heap, mem);
}

static void grow_it(void *mem)
{
    sys_heap_realloc(&heap, mem, 100);
}

static void shrink_it(void *mem)
{
    sys_heap_realloc(&heap, mem, 1);
}

static void align_it(void *mem)
{
    sys_heap_aligned_realloc(&heap, mem, 64, 24);
}

static void ask_its_size(void *mem)
{
    sys_heap_usable_size(&heap, mem);
}

static void allocate(void *bytes)
{
    sys_heap_alloc(&heap, *(const size_t *)bytes);
}

static void expect_all_uses_to_die(uint8_t *block)
{
    static const crime_fn uses[] = {free_it, grow_it, shrink_it, align_it, ask_its_size};
    for (size_t i = 0; i < sizeof uses / sizeof uses[0]; i++) {
        expect_death(uses[i], block, DAMAGED);
    }
}

/* ---- the block's own canary ---- */

static void every_byte_of_it_counts(void **state)
{
    skip_without_canaries();
    for (size_t i = 0; i < CANARY_BYTES; i++) {
        canary_of(blocks[1])[i] ^= 0x10;
        expect_death(free_it, blocks[1], DAMAGED);
        canary_of(blocks[1])[i] ^= 0x10;
    }
    sys_heap_free(&heap, blocks[1]);
}

static void every_use_of_the_block_verifies_it(void **state)
{
    skip_without_canaries();
    canary_of(blocks[1])[0] ^= 1;
    expect_all_uses_to_die(blocks[1]);
    canary_of(blocks[1])[0] ^= 1;
    canary_of(blocks[2])[0] ^= 1; /* in front of free space */
    expect_all_uses_to_die(blocks[2]);
}

/* Its header may say that the block has no room for a canary: a size of 0 agrees with itself. */
static void block_without_a_size_has_none(void **state)
{
    skip_without_canaries();
    size_t unit = (size_t)(blocks[1] - HEAP_HEADER - buffer) / HEAP_UNIT;
    heap_set_field(buffer, unit, HEAP_LEFT_SIZE, 0);
    heap_set_field(buffer, unit, HEAP_SIZE_AND_USED, 1);
    expect_death(ask_its_size, blocks[1], DAMAGED);
}

static void user_may_write_all_usable_bytes(void **state)
{
    skip_without_canaries();
    for (size_t i = 0; i < 3; i++) {
        memset(blocks[i], 0xff, sys_heap_usable_size(&heap, blocks[i]));
    }
    blocks[2] = sys_heap_realloc(&heap, blocks[2], 100);
    memset(blocks[2], 0xff, sys_heap_usable_size(&heap, blocks[2]));
    blocks[2] = sys_heap_realloc(&heap, blocks[2], 10);
    memset(blocks[2], 0xff, sys_heap_usable_size(&heap, blocks[2]));
    blocks[0] = sys_heap_realloc(&heap, blocks[0], 50);
    memset(blocks[0], 0xff, sys_heap_usable_size(&heap, blocks[0]));
    for (size_t i = 0; i < 3; i++) {
        sys_heap_free(&heap, blocks[i]);
    }
    expect_heap(&heap, "F*");
}

static void write_one_past_the_end(void *mem)
{
    uint8_t *block = mem;
    block[sys_heap_usable_size(&heap, block)] ^= 1;
    sys_heap_free(&heap, block);
}

static void aligned_and_resized_blocks_have_one(void **state)
{
    skip_without_canaries();
    expect_death(write_one_past_the_end, sys_heap_aligned_alloc(&heap, 64, 8), DAMAGED);
    expect_death(write_one_past_the_end, sys_heap_aligned_alloc(&heap, 0x20 | HEAP_HEADER / 2, 8),
                 DAMAGED);
    void *block = sys_heap_alloc(&heap, 40);
    block = sys_heap_realloc(&heap, block, 80);
    expect_death(write_one_past_the_end, block, DAMAGED);
    block = sys_heap_realloc(&heap, block, 10);
    expect_death(write_one_past_the_end, block, DAMAGED);
    expect_death(write_one_past_the_end, sys_heap_realloc(&heap, blocks[0], 100), DAMAGED);
}

/* It is made of the place and of the size of the chunk, so a copied one is wrong. */
static void it_differs_between_blocks(void **state)
{
    skip_without_canaries();
    assert_true(canary_value(blocks[0]) != canary_value(blocks[1]));
    assert_true(canary_value(blocks[1]) != canary_value(blocks[2]));
    memcpy(canary_of(blocks[1]), canary_of(blocks[0]), CANARY_BYTES);
    expect_death(free_it, blocks[1], DAMAGED);
}

static void it_changes_with_the_size(void **state)
{
    skip_without_canaries();
    uint64_t before = canary_value(blocks[2]);
    sys_heap_free(&heap, sys_heap_alloc(&heap, 8));
    uint8_t *resized = sys_heap_realloc(&heap, blocks[2], BLOCK_BYTES + 8);
    assert_ptr_equal(resized, blocks[2]);
    memcpy(canary_of(resized) + 8, &before, sizeof before);
    expect_death(free_it, resized, DAMAGED);
}

/* ---- the left neighbour's canary ---- */

static void freeing_verifies_the_left_neighbour(void **state)
{
    skip_without_canaries();
    canary_of(blocks[0])[7] ^= 1;
    expect_death(free_it, blocks[1], DAMAGED);
}

/* blocks[2] is the left neighbour of all free space. */
static void taking_a_free_chunk_verifies_its_left_neighbour(void **state)
{
    size_t bytes = 8;
    skip_without_canaries();
    canary_of(blocks[2])[0] ^= 1;
    expect_death(allocate, &bytes, FOUND_BESIDE);
}

static void merging_verifies_the_left_neighbour_of_the_free_chunk(void **state)
{
    skip_without_canaries();
    sys_heap_free(&heap, blocks[1]);
    canary_of(blocks[0])[0] ^= 1;
    expect_death(free_it, blocks[2], FOUND_BESIDE); /* merges with the chunk behind blocks[0] */
}

static void header_chunk_has_one(void **state)
{
    size_t bytes = 8;
    skip_without_canaries();
    buffer[heap_first_chunk(SPACE) - 1] ^= 1;
    expect_death(free_it, blocks[0], DAMAGED); /* its left neighbour is the header chunk */
    sys_heap_init(&heap, buffer, heap_bytes_for(SPACE));
    buffer[heap_first_chunk(SPACE) - CANARY_BYTES] ^= 1;
    expect_death(allocate, &bytes, FOUND_BESIDE);
}

/* ---- freed blocks ---- */

/* Makes a freed chunk look used, as if its header had been written back: free by then, or not. */
static void free_again_behind_a_restored_header(void *mem)
{
    size_t unit = (size_t)((uint8_t *)mem - HEAP_HEADER - buffer) / HEAP_UNIT;
    uint32_t size_and_used = heap_field(buffer, unit, HEAP_SIZE_AND_USED);
    sys_heap_free(&heap, mem);
    heap_set_field(buffer, unit, HEAP_SIZE_AND_USED, size_and_used);
    sys_heap_free(&heap, mem);
}

static void freed_block_is_marked(void **state)
{
    skip_without_canaries();
    uint64_t before = canary_value(blocks[1]);
    sys_heap_free(&heap, blocks[1]);
    assert_true(canary_value(blocks[1]) == UINT64_C(0xDEADBEEFDEADBEEF));
    sys_heap_alloc(&heap, BLOCK_BYTES);
    assert_true(canary_value(blocks[1]) == before);
    expect_death(free_again_behind_a_restored_header, blocks[1], FREED_TWICE);
}

/* ---- heaps ---- */

static void heap_at_another_address_keeps_its_canaries(void **state)
{
    static _Alignas(8) uint8_t copy[HEAP_BYTES + 64];
    skip_without_canaries();
    for (size_t shift = 0; shift < 64; shift += 8) {
        memcpy(copy + shift, buffer, HEAP_BYTES);
        struct sys_heap moved = {.heap = (struct z_heap *)(void *)(copy + shift)};
        uint8_t *first = copy + shift + (blocks[0] - buffer);
        assert_non_null(sys_heap_realloc(&moved, copy + shift + (blocks[2] - buffer), 70));
        assert_int_equal(sys_heap_usable_size(&moved, first),
                         heap_block_bytes(heap_units_for(BLOCK_BYTES)));
        sys_heap_free(&moved, first);
        assert_non_null(sys_heap_alloc(&moved, 8));
        assert_true(sys_heap_validate(&moved));
    }
}

/* The same heap, made over and over: a random base gives other canaries nearly every time. */
static void random_base_is_drawn_for_every_heap(void **state)
{
    skip_without_canaries();
    uint64_t before = canary_value(blocks[1]);
    size_t changes = 0;
    for (size_t i = 0; i < 64; i++) {
        heap_with_blocks(NULL);
        changes += canary_value(blocks[1]) != before;
        before = canary_value(blocks[1]);
    }
    assert_true(QUARRY_HEAP_CANARIES_RANDOM ? changes > 60 : changes == 0);
}

static void fine_buckets_have_them_too(void **state)
{
    skip_without_canaries();
    quarry_heap_init(&heap, buffer, HEAP_BYTES, QUARRY_HEAP_FINE_BUCKETS);
    uint8_t *block = sys_heap_alloc(&heap, BLOCK_BYTES);
    canary_of(block)[0] ^= 1;
    expect_all_uses_to_die(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_byte_of_it_counts, heap_with_blocks),
        cmocka_unit_test_setup(every_use_of_the_block_verifies_it, heap_with_blocks),
        cmocka_unit_test_setup(block_without_a_size_has_none, heap_with_blocks),
        cmocka_unit_test_setup(user_may_write_all_usable_bytes, heap_with_blocks),
        cmocka_unit_test_setup(aligned_and_resized_blocks_have_one, heap_with_blocks),
        cmocka_unit_test_setup(it_differs_between_blocks, heap_with_blocks),
        cmocka_unit_test_setup(it_changes_with_the_size, heap_with_blocks),
        cmocka_unit_test_setup(freeing_verifies_the_left_neighbour, heap_with_blocks),
        cmocka_unit_test_setup(taking_a_free_chunk_verifies_its_left_neighbour, heap_with_blocks),
        cmocka_unit_test_setup(merging_verifies_the_left_neighbour_of_the_free_chunk,
                               heap_with_blocks),
        cmocka_unit_test_setup(header_chunk_has_one, heap_with_blocks),
        cmocka_unit_test_setup(freed_block_is_marked, heap_with_blocks),
        cmocka_unit_test_setup(heap_at_another_address_keeps_its_canaries, heap_with_blocks),
        cmocka_unit_test_setup(random_base_is_drawn_for_every_heap, heap_with_blocks),
        cmocka_unit_test_setup(fine_buckets_have_them_too, heap_with_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
