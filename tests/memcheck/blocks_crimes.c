/* SPDX-License-Identifier: Apache-2.0 */
/* Small wrong programs on memory blocks, for memcheck, AddressSanitizer and MemorySanitizer to find
 * what is wrong with them.
 *
 *     blocks_crimes DEED
 *
 * Each wrong deed has a right one beside it, which differs in nothing but the wrong step. The
 * addresses of blocks are printed to standard error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <quarry/mem_blocks.h>

#define BLOCK_BYTES 64u
#define BLOCKS      40u

SYS_MEM_BLOCKS_DEFINE_STATIC(blocks, BLOCK_BYTES, BLOCKS, 8);

/* What the deeds read and write; the compiler must not see through them. */
static volatile char *volatile block;
static volatile char sink;

static volatile char *take_from(sys_mem_blocks_t *from)
{
    void *mem[2]; /* which checkers must see written */

    if (sys_mem_blocks_alloc(from, 2, mem) != 0) {
        exit(3);
    }
    fprintf(stderr, "block %p\n", mem[0]);
    return mem[0];
}

static volatile char *take(void)
{
    return take_from(&blocks);
}

static volatile char *take_side_by_side(size_t count)
{
    void *mem; /* the same */

    if (sys_mem_blocks_alloc_contiguous(&blocks, count, &mem) != 0) {
        exit(3);
    }
    fprintf(stderr, "block %p\n", mem);
    return mem;
}

static void give_back(volatile char *mem)
{
    void *array[] = {(void *)(size_t)mem};

    if (sys_mem_blocks_free(&blocks, 1, array) != 0) {
        exit(3);
    }
}

static int give_back_side_by_side(volatile char *mem, size_t count)
{
    return sys_mem_blocks_free_contiguous(&blocks, (void *)(size_t)mem, count);
}

static void write_last(void)
{
    block = take();
    block[2 * BLOCK_BYTES - 1] = 1; /* two blocks were taken */
}

static void write_untouched(void)
{
    block = take();
    block[2 * BLOCK_BYTES] = 1;
}

static void write_last_of_many(void)
{
    block = take_side_by_side(35);
    block[35 * BLOCK_BYTES - 1] = 1;
}

static void write_behind_many(void)
{
    block = take_side_by_side(35);
    block[35 * BLOCK_BYTES] = 1;
}

static void read_freed(void)
{
    block = take();
    block[16] = 1;
    give_back(block);
    sink = block[16];
}

static void write_freed(void)
{
    block = take();
    give_back(block);
    block[BLOCK_BYTES - 1] = 1;
}

static void write_beside_freed(void)
{
    block = take();
    give_back(block);
    block[BLOCK_BYTES] = 1;
}

static void write_freed_of_many(void)
{
    block = take_side_by_side(35);
    if (give_back_side_by_side(block, 34) != 0) {
        exit(3);
    }
    block[33 * BLOCK_BYTES] = 1;
}

static void write_kept_of_many(void)
{
    block = take_side_by_side(35);
    if (give_back_side_by_side(block, 34) != 0) {
        exit(3);
    }
    block[34 * BLOCK_BYTES] = 1;
}

/* What was refused has changed nothing. */
static void use_after_refused_free(void)
{
    block = take();
    block[16] = 1;
    if (give_back_side_by_side(block, 3) == 0) {
        exit(3);
    }
    sink = block[16];
}

static void use_reused(void)
{
    block = take();
    give_back(block);
    block = take_side_by_side(1);
    for (size_t i = 0; i < BLOCK_BYTES; i++) {
        block[i] = (char)i;
    }
    sink = block[16];
    give_back(block);
}

static void branch_on_written(void)
{
    block = take();
    block[16] = 1;
    if (block[16] != 0) {
        sink = 1;
    }
}

static void branch_on_reused(void)
{
    block = take();
    block[16] = 1;
    give_back(block);
    block = take();
    if (block[16] != 0) {
        sink = 1;
    }
}

/* sys_mem_blocks_get leaves contents as they are, so they have a value. */
static void branch_on_what_was_there(void)
{
    block = (volatile char *)blocks.buffer;
    block[16] = 1;
    if (sys_mem_blocks_get(&blocks, blocks.buffer, 3) != 0) {
        exit(3);
    }
    if (block[16] != 0) {
        sink = 1;
    }
}

/* Blocks on the stack, and then something else there. */
static void with_blocks_on_stack(void (*end)(sys_mem_blocks_t *blocks))
{
    _Alignas(8) char buffer[BLOCK_BYTES * BLOCKS];
    uint32_t words[QUARRY_BITARRAY_WORDS(BLOCKS)];
    sys_bitarray_t bitmap;
    sys_mem_blocks_t local;

    if (quarry_bitarray_init(&bitmap, BLOCKS, words, ARRAY_SIZE(words)) != 0 ||
        quarry_mem_blocks_init(&local, buffer, BLOCK_BYTES, &bitmap) != 0) {
        exit(3);
    }
    block = take_from(&local);
    block[0] = 1;
    sys_mem_blocks_free_contiguous(&local, (void *)(size_t)block, 2);
    end(&local);
    block = buffer;
    block[BLOCK_BYTES] = 1;
    sink = block[BLOCK_BYTES];
}

static void use_buffer_of_ended_blocks(void)
{
    with_blocks_on_stack(quarry_mem_blocks_end);
}

static void do_nothing(sys_mem_blocks_t *local)
{
    (void)local;
}

static void use_buffer_of_blocks(void)
{
    with_blocks_on_stack(do_nothing);
}

static const struct deed {
    const char *name;
    void (*run)(void);
} deeds[] = {
    {"write_last", write_last},
    {"write_untouched", write_untouched},
    {"write_last_of_many", write_last_of_many},
    {"write_behind_many", write_behind_many},
    {"read_freed", read_freed},
    {"write_freed", write_freed},
    {"write_beside_freed", write_beside_freed},
    {"write_freed_of_many", write_freed_of_many},
    {"write_kept_of_many", write_kept_of_many},
    {"use_after_refused_free", use_after_refused_free},
    {"use_reused", use_reused},
    {"branch_on_written", branch_on_written},
    {"branch_on_reused", branch_on_reused},
    {"branch_on_what_was_there", branch_on_what_was_there},
    {"use_buffer_of_ended_blocks", use_buffer_of_ended_blocks},
    {"use_buffer_of_blocks", use_buffer_of_blocks},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++) {
        if (argc == 2 && strcmp(argv[1], deeds[i].name) == 0) {
            deeds[i].run();
            return 0;
        }
    }
    return 2;
}
