/* SPDX-License-Identifier: Apache-2.0 */
/* Memory blocks that tests take and give back: one allocator, made anew for each test. */
#ifndef QUARRY_TESTS_SOME_BLOCKS_H
#define QUARRY_TESTS_SOME_BLOCKS_H

#include <stddef.h>
#include <stdint.h>
#include <zephyr/sys/mem_blocks.h>

#define BLOCK_BYTES 32u
#define BLOCKS      70u /* more than two words of bits, and the last one is not full */

extern sys_mem_blocks_t blocks;
extern sys_bitarray_t blocks_bitmap;
extern char blocks_buffer[BLOCK_BYTES * BLOCKS];

/* For cmocka: all blocks are free, and the high-water mark is 0. */
int blocks_begin(void **state);
/* Fails if somebody wrote to a block since. */
int blocks_are_untouched(void **state);

void *block(size_t number);
void take_all(void);
/* Gives back so many from a block on. */
void give(size_t number, size_t count);
/* Counters and bits say so, of any allocator. */
void expect_used(sys_mem_blocks_t *of, size_t used, size_t most);

#endif
