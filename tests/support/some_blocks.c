/* SPDX-License-Identifier: Apache-2.0 */
#include "some_blocks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <quarry/mem_blocks.h>

#define UNTOUCHED 0x5a

sys_mem_blocks_t blocks;
sys_bitarray_t blocks_bitmap;
_Alignas(16) char blocks_buffer[BLOCK_BYTES * BLOCKS];
static uint32_t words[QUARRY_BITARRAY_WORDS(BLOCKS)];

int blocks_begin(void **state)
{
    memset(blocks_buffer, UNTOUCHED, sizeof(blocks_buffer));
    if (quarry_bitarray_init(&blocks_bitmap, BLOCKS, words, ARRAY_SIZE(words)) != 0) {
        return -1;
    }
    return quarry_mem_blocks_init(&blocks, blocks_buffer, BLOCK_BYTES, &blocks_bitmap);
}

int blocks_are_untouched(void **state)
{
    for (size_t i = 0; i < sizeof(blocks_buffer); i++) {
        if (blocks_buffer[i] != UNTOUCHED) {
            return -1;
        }
    }
    return 0;
}

void *block(size_t number)
{
    return blocks_buffer + number * BLOCK_BYTES;
}

void take_all(void)
{
    void *first = NULL;

    assert_int_equal(sys_mem_blocks_alloc_contiguous(&blocks, BLOCKS, &first), 0);
    assert_ptr_equal(first, block(0));
}

void give(size_t number, size_t count)
{
    assert_int_equal(sys_mem_blocks_free_contiguous(&blocks, block(number), count), 0);
}

void expect_used(sys_mem_blocks_t *of, size_t used, size_t most)
{
    size_t bits = 0;

    assert_int_equal(of->info.used_blocks, used);
    assert_int_equal(of->info.max_used_blocks, most);
    assert_int_equal(sys_bitarray_popcount_region(of->bitmap, of->bitmap->num_bits, 0, &bits), 0);
    assert_int_equal(bits, used);
}
