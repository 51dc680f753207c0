/* SPDX-License-Identifier: Apache-2.0 */
/* Row 27: sys_mem_blocks and groups of them, as a driver uses them that moves data by blocks.
 *
 * Pinned down: blocks come from the right buffer, own or external, aligned and without overlap; a
 * bit of the bit array says of each whether it is taken; a failed call takes nothing; single,
 * scattered, contiguous and particular blocks; a group's callback decides; listeners hear of it;
 * what is an error code and what is the end of the program. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/heap_listener.h>
#include <zephyr/sys/mem_blocks.h>
#include "../support/death.h"

#define BLOCK_BYTES 64
#define BLOCKS      4
#define ALIGNMENT   64

static uint8_t __aligned(ALIGNMENT) external_buffer[BLOCK_BYTES * BLOCKS];

SYS_MEM_BLOCKS_DEFINE(own, BLOCK_BYTES, BLOCKS, ALIGNMENT);
SYS_MEM_BLOCKS_DEFINE_WITH_EXT_BUF(external, BLOCK_BYTES, BLOCKS, external_buffer);
SYS_MEM_BLOCKS_DEFINE_STATIC(narrow, 32, BLOCKS, ALIGNMENT);
SYS_MEM_BLOCKS_DEFINE_STATIC(row, BLOCK_BYTES, 10, ALIGNMENT);

static sys_multi_mem_blocks_t group;

/* cfg is the size of a block that is wanted, or a number that nobody has. */
static sys_mem_blocks_t *choose_by_size(struct sys_multi_mem_blocks *from, void *cfg)
{
    size_t wanted = (size_t)(uintptr_t)cfg;

    for (int i = 0; i < from->num_allocators; i++) {
        if (BIT(from->allocators[i]->info.blk_sz_shift) == wanted) {
            return from->allocators[i];
        }
    }
    return NULL;
}

static int begin(void **state)
{
    sys_multi_mem_blocks_init(&group, choose_by_size);
    sys_multi_mem_blocks_add_allocator(&group, &own);
    sys_multi_mem_blocks_add_allocator(&group, &narrow);
    return 0;
}

static bool bit_of(const sys_mem_blocks_t *blocks, size_t number)
{
    int value = -1;

    assert_int_equal(sys_bitarray_test_bit(blocks->bitmap, number, &value), 0);
    return value == 1;
}

static size_t bits_of(const sys_mem_blocks_t *blocks)
{
    size_t count = 0;

    for (size_t i = 0; i < blocks->info.num_blocks; i++) {
        count += bit_of(blocks, i);
    }
    return count;
}

static int all_are_free(void **state)
{
    return (int)(bits_of(&own) + bits_of(&external) + bits_of(&narrow) + bits_of(&row));
}

/* --- One kind of blocks --- */

static void expect_block(const sys_mem_blocks_t *blocks, const void *mem)
{
    size_t bytes = BIT(blocks->info.blk_sz_shift);
    size_t distance = (size_t)((const uint8_t *)mem - blocks->buffer);

    assert_true((const uint8_t *)mem >= blocks->buffer);
    assert_true(distance < blocks->info.num_blocks * bytes);
    assert_int_equal(distance % bytes, 0);
    assert_true(bit_of(blocks, distance / bytes));
}

/* Blocks one by one until there are none, each written to; then all are given back one by one. */
static void take_singly(sys_mem_blocks_t *blocks)
{
    void *mem[BLOCKS + 1] = {NULL};

    for (size_t i = 0; i < BLOCKS; i++) {
        assert_int_equal(sys_mem_blocks_alloc(blocks, 1, &mem[i]), 0);
        expect_block(blocks, mem[i]);
        assert_int_equal(bits_of(blocks), i + 1);
        memset(mem[i], (int)i, BIT(blocks->info.blk_sz_shift));
    }
    assert_int_equal(sys_mem_blocks_alloc(blocks, 1, &mem[BLOCKS]), -ENOMEM);
    for (size_t i = 0; i < BLOCKS; i++) {
        assert_int_equal(*(uint8_t *)mem[i], i);
        assert_int_equal(sys_mem_blocks_free(blocks, 1, &mem[i]), 0);
        assert_int_equal(bits_of(blocks), BLOCKS - 1 - i);
    }
}

static void single_blocks(void **state)
{
    take_singly(&own);
    take_singly(&external);
    take_singly(&narrow);
}

/* Each number of blocks that there are, and one more. */
static void take_together(sys_mem_blocks_t *blocks)
{
    void *mem[BLOCKS + 1] = {NULL};

    for (size_t count = 1; count <= BLOCKS; count++) {
        assert_int_equal(sys_mem_blocks_alloc(blocks, count, mem), 0);
        assert_int_equal(bits_of(blocks), count);
        assert_int_equal(sys_mem_blocks_alloc(blocks, BLOCKS + 1 - count, mem + count), -ENOMEM);
        assert_int_equal(bits_of(blocks), count);
        assert_int_equal(sys_mem_blocks_free(blocks, count, mem), 0);
        assert_int_equal(bits_of(blocks), 0);
    }
    assert_int_equal(sys_mem_blocks_alloc(blocks, BLOCKS + 1, mem), -ENOMEM);
}

static void several_blocks(void **state)
{
    take_together(&own);
    take_together(&external);
}

static void definitions(void **state)
{
    assert_int_equal(own.info.num_blocks, BLOCKS);
    assert_int_equal(own.info.blk_sz_shift, 6);
    assert_int_equal((uintptr_t)own.buffer % ALIGNMENT, 0);
    assert_ptr_equal(external.buffer, external_buffer);
    assert_int_equal(narrow.info.blk_sz_shift, 5);
}

static void error_codes(void **state)
{
    void *mem[BLOCKS + 1] = {NULL};

    assert_int_equal(sys_mem_blocks_alloc(&own, 0, mem), 0);
    assert_int_equal(sys_mem_blocks_free(&own, 0, mem), 0);
    assert_int_equal(sys_mem_blocks_free(&own, BLOCKS + 1, mem), -EINVAL);
    assert_int_equal(sys_mem_blocks_alloc(&own, 2, mem), 0);
    mem[2] = own.buffer + 3 * BLOCK_BYTES; /* never taken */
    assert_int_equal(sys_mem_blocks_free(&own, 1, &mem[2]), -EFAULT);
    mem[2] = own.buffer - BLOCK_BYTES;
    assert_int_equal(sys_mem_blocks_free(&own, 1, &mem[2]), -EFAULT);
    mem[2] = own.buffer + BLOCKS * BLOCK_BYTES;
    assert_int_equal(sys_mem_blocks_free(&own, 1, &mem[2]), -EFAULT);
    mem[2] = mem[1];
    mem[1] = external_buffer; /* of another one; the others are freed all the same */
    assert_int_equal(sys_mem_blocks_free(&own, 3, mem), -EFAULT);
    assert_int_equal(bits_of(&own), 0);
    assert_int_equal(sys_mem_blocks_free(&own, 1, &mem[0]), -EFAULT); /* twice */
}

/* --- Side by side, and particular ones --- */

static void *in_row(size_t number)
{
    return row.buffer + number * BLOCK_BYTES;
}

static void contiguous_blocks(void **state)
{
    void *first = NULL;
    void *second = NULL;
    void *third = &row;

    assert_int_equal(sys_mem_blocks_alloc_contiguous(&row, 0, &first), 0);
    assert_null(first);
    assert_int_equal(sys_mem_blocks_alloc_contiguous(&row, 11, &third), -ENOMEM);
    assert_int_equal(sys_mem_blocks_alloc_contiguous(&row, 4, &first), 0);
    assert_int_equal(sys_mem_blocks_alloc_contiguous(&row, 3, &second), 0);
    assert_ptr_equal(first, in_row(0));
    assert_ptr_equal(second, in_row(4));
    assert_int_equal(sys_mem_blocks_alloc_contiguous(&row, 4, &third), -ENOMEM);
    assert_ptr_equal(third, &row);
    assert_int_equal(sys_mem_blocks_free_contiguous(&row, first, 4), 0);
    assert_int_equal(sys_mem_blocks_alloc_contiguous(&row, 5, &third), -ENOMEM); /* 4 and 3 */
    assert_int_equal(sys_mem_blocks_alloc_contiguous(&row, 3, &third), 0);
    assert_ptr_equal(third, in_row(0));
    assert_int_equal(sys_mem_blocks_free_contiguous(&row, in_row(0), 3), 0);
    assert_int_equal(sys_mem_blocks_free_contiguous(&row, in_row(4), 3), 0);
}

static void contiguous_free_codes(void **state)
{
    void *first = NULL;

    assert_int_equal(sys_mem_blocks_alloc_contiguous(&row, 10, &first), 0);
    assert_int_equal(sys_mem_blocks_free_contiguous(&row, first, 0), 0);
    assert_int_equal(sys_mem_blocks_free_contiguous(&row, first, 11), -EINVAL);
    assert_int_equal(sys_mem_blocks_free_contiguous(&row, in_row(8), 3), -EINVAL);
    assert_int_equal(sys_mem_blocks_free_contiguous(&row, in_row(10), 1), -EFAULT);
    assert_int_equal(sys_mem_blocks_free_contiguous(&row, in_row(3), 2), 0);
    assert_int_equal(sys_mem_blocks_free_contiguous(&row, in_row(2), 2), -EFAULT);
    assert_int_equal(bits_of(&row), 8);
    assert_int_equal(sys_mem_blocks_free_contiguous(&row, in_row(0), 3), 0);
    assert_int_equal(sys_mem_blocks_free_contiguous(&row, in_row(5), 5), 0);
}

static void particular_blocks(void **state)
{
    void *mem[10] = {NULL};

    assert_int_equal(sys_mem_blocks_is_region_free(&row, in_row(0), 10), 1);
    assert_int_equal(sys_mem_blocks_get(&row, in_row(2), 3), 0);
    assert_int_equal(sys_mem_blocks_is_region_free(&row, in_row(0), 2), 1);
    assert_int_equal(sys_mem_blocks_is_region_free(&row, in_row(0), 3), 0);
    assert_int_equal(sys_mem_blocks_is_region_free(&row, in_row(5), 5), 1);
    assert_int_equal(sys_mem_blocks_get(&row, in_row(4), 1), -ENOMEM);
    assert_int_equal(sys_mem_blocks_get(&row, in_row(1), 2), -ENOMEM);
    assert_int_equal(sys_mem_blocks_get(&row, in_row(8), 3), -ENOMEM);
    assert_int_equal(sys_mem_blocks_get(&row, in_row(8), 0), 0);
    assert_int_equal(sys_mem_blocks_alloc(&row, 3, mem), 0); /* around them */
    assert_ptr_equal(mem[1], in_row(1));
    assert_ptr_equal(mem[2], in_row(5));
    assert_int_equal(sys_mem_blocks_free(&row, 3, mem), 0);
    assert_int_equal(sys_mem_blocks_free_contiguous(&row, in_row(2), 3), 0);
}

/* --- Groups --- */

static void groups(void **state)
{
    void *wide_mem[BLOCKS] = {NULL};
    void *narrow_mem[BLOCKS] = {NULL};
    size_t bytes = 1;

    assert_int_equal(sys_multi_mem_blocks_alloc(&group, UINT_TO_POINTER(64), 2, wide_mem, &bytes),
                     0);
    assert_int_equal(bytes, 64);
    assert_int_equal(sys_multi_mem_blocks_alloc(&group, UINT_TO_POINTER(32), 3, narrow_mem, &bytes),
                     0);
    assert_int_equal(bytes, 32);
    assert_int_equal(bits_of(&own), 2);
    assert_int_equal(bits_of(&narrow), 3);
    expect_block(&own, wide_mem[1]);
    expect_block(&narrow, narrow_mem[2]);
    assert_int_equal(sys_multi_mem_blocks_free(&group, 2, wide_mem), 0);
    assert_int_equal(sys_multi_mem_blocks_free(&group, 3, narrow_mem), 0);
}

static void group_codes(void **state)
{
    void *mem[BLOCKS + 1] = {NULL};
    size_t bytes = 1;

    assert_int_equal(sys_multi_mem_blocks_alloc(&group, UINT_TO_POINTER(16), 1, mem, &bytes),
                     -EINVAL);
    assert_int_equal(sys_multi_mem_blocks_alloc(&group, UINT_TO_POINTER(32), 5, mem, &bytes),
                     -ENOMEM);
    assert_int_equal(bytes, 1);
    assert_int_equal(sys_multi_mem_blocks_alloc(&group, UINT_TO_POINTER(16), 0, mem, &bytes), 0);
    assert_int_equal(bytes, 0);
    assert_int_equal(sys_multi_mem_blocks_free(&group, 0, mem), 0);
    mem[0] = external_buffer;
    assert_int_equal(sys_multi_mem_blocks_free(&group, 1, mem), -EINVAL);
    mem[0] = own.buffer;
    assert_int_equal(sys_multi_mem_blocks_free(&group, 1, mem), -EFAULT);
}

/* --- Listeners --- */

static void *last_mem;
static size_t last_bytes;
static unsigned int allocations;
static unsigned int frees;

static void hear_alloc(uintptr_t heap_id, void *mem, size_t bytes)
{
    allocations += heap_id == HEAP_ID_FROM_POINTER(&row);
    last_mem = mem;
    last_bytes = bytes;
}

static void hear_free(uintptr_t heap_id, void *mem, size_t bytes)
{
    frees += heap_id == HEAP_ID_FROM_POINTER(&row);
    last_mem = mem;
    last_bytes = bytes;
}

static HEAP_LISTENER_ALLOC_DEFINE(alloc_listener, HEAP_ID_FROM_POINTER(&row), hear_alloc);
static HEAP_LISTENER_FREE_DEFINE(free_listener, HEAP_ID_FROM_POINTER(&row), hear_free);

static void expect_heard(unsigned int of_alloc, unsigned int of_free, void *mem, size_t bytes)
{
    assert_int_equal(allocations, of_alloc);
    assert_int_equal(frees, of_free);
    assert_ptr_equal(last_mem, mem);
    assert_int_equal(last_bytes, bytes);
}

static void listeners(void **state)
{
    void *mem[11] = {NULL};

    heap_listener_register(&alloc_listener);
    heap_listener_register(&free_listener);
    assert_int_equal(sys_mem_blocks_alloc(&row, 3, mem), 0);
    expect_heard(3, 0, in_row(2), BLOCK_BYTES);
    assert_int_equal(sys_mem_blocks_alloc_contiguous(&row, 4, &mem[3]), 0);
    expect_heard(4, 0, in_row(3), 4 * BLOCK_BYTES);
    assert_int_equal(sys_mem_blocks_get(&row, in_row(8), 2), 0);
    expect_heard(5, 0, in_row(8), 2 * BLOCK_BYTES);
    assert_int_equal(sys_mem_blocks_free(&row, 3, mem), 0);
    expect_heard(5, 3, in_row(2), BLOCK_BYTES);
    assert_int_equal(sys_mem_blocks_free(&row, 3, mem), -EFAULT); /* and nobody hears of it */
    assert_int_equal(sys_mem_blocks_free_contiguous(&row, in_row(3), 4), 0);
    expect_heard(5, 4, in_row(3), 4 * BLOCK_BYTES);
    assert_int_equal(sys_mem_blocks_free_contiguous(&row, in_row(8), 2), 0);
    expect_heard(5, 5, in_row(8), 2 * BLOCK_BYTES);
    heap_listener_unregister(&alloc_listener);
    heap_listener_unregister(&free_listener);
}

/* --- The end of the program --- */

static void *panic_mem[2];

static void alloc_from_null(void *arg)
{
    (void)arg;
    sys_mem_blocks_alloc(NULL, 1, panic_mem);
}

static void alloc_to_null(void *arg)
{
    (void)arg;
    sys_mem_blocks_alloc(&own, 1, NULL);
}

static void free_to_null(void *arg)
{
    (void)arg;
    sys_mem_blocks_free(NULL, 1, panic_mem);
}

static void free_of_null(void *arg)
{
    (void)arg;
    sys_mem_blocks_free(&own, 1, NULL);
}

static void group_alloc_from_null(void *arg)
{
    (void)arg;
    sys_multi_mem_blocks_alloc(NULL, UINT_TO_POINTER(16), 1, panic_mem, NULL);
}

static void group_alloc_to_null(void *arg)
{
    (void)arg;
    sys_multi_mem_blocks_alloc(&group, UINT_TO_POINTER(16), 1, NULL, NULL);
}

static void group_free_to_null(void *arg)
{
    (void)arg;
    sys_multi_mem_blocks_free(NULL, 1, panic_mem);
}

static void group_free_of_null(void *arg)
{
    (void)arg;
    sys_multi_mem_blocks_free(&group, 1, NULL);
}

static void null_ends_the_program(void **state)
{
    static const crime_fn crimes[] = {
        alloc_from_null,       alloc_to_null,       free_to_null,       free_of_null,
        group_alloc_from_null, group_alloc_to_null, group_free_to_null, group_free_of_null};

    for (size_t i = 0; i < ARRAY_SIZE(crimes); i++) {
        expect_death(crimes[i], NULL, "quarry: ");
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, all_are_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(definitions),           TEST(single_blocks),
        TEST(several_blocks),        TEST(error_codes),
        TEST(contiguous_blocks),     TEST(contiguous_free_codes),
        TEST(particular_blocks),     TEST(groups),
        TEST(group_codes),           TEST(listeners),
        TEST(null_ends_the_program),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
