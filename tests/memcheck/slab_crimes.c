/* SPDX-License-Identifier: Apache-2.0 */
/* Small wrong programs on a memory slab, for memcheck, AddressSanitizer and MemorySanitizer to find
 * what is wrong with them.
 *
 *     slab_crimes DEED
 *
 * Each wrong deed has a right one beside it, which differs in nothing but the wrong step. The
 * addresses of blocks are printed to standard error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <quarry/mem_slab.h>
#include <zephyr/kernel.h>

#define BLOCK_BYTES 64u
#define BLOCKS      4u

K_MEM_SLAB_DEFINE_STATIC(slab, BLOCK_BYTES, BLOCKS, 8);

/* What the deeds read and write; memcheck follows values, the compiler must not see through them.
 */
static volatile char *volatile block;
static volatile char sink;

static volatile char *take_from(struct k_mem_slab *from)
{
    void *mem; /* which checkers must see written */

    if (k_mem_slab_alloc(from, &mem, K_NO_WAIT) != 0) {
        exit(3);
    }
    fprintf(stderr, "block %p\n", mem);
    return mem;
}

static void give_back(volatile char *mem)
{
    k_mem_slab_free(&slab, (void *)(size_t)mem);
}

static void write_last(void)
{
    block = take_from(&slab);
    block[BLOCK_BYTES - 1] = 1;
}

static void write_untouched(void)
{
    block = take_from(&slab);
    block[BLOCK_BYTES] = 1; /* the next block was never handed out */
}

static void read_freed(void)
{
    block = take_from(&slab);
    block[16] = 1;
    give_back(block);
    sink = block[16];
}

static void write_freed(void)
{
    block = take_from(&slab);
    give_back(block);
    block[BLOCK_BYTES - 1] = 1;
}

static void use_reused(void)
{
    block = take_from(&slab);
    give_back(block);
    block = take_from(&slab);
    for (size_t i = 0; i < BLOCK_BYTES; i++) {
        block[i] = (char)i;
    }
    sink = block[16];
    give_back(block);
}

static void branch_on_written(void)
{
    block = take_from(&slab);
    block[16] = 1;
    if (block[16] != 0) {
        sink = 1;
    }
}

static void branch_on_reused(void)
{
    block = take_from(&slab);
    block[16] = 1;
    give_back(block);
    block = take_from(&slab);
    if (block[16] != 0) {
        sink = 1;
    }
}

static void *wait_for_block(void *arg)
{
    void *mem = NULL;

    (void)arg;
    if (k_mem_slab_alloc(&slab, &mem, K_FOREVER) == 0) {
        memset(mem, 1, BLOCK_BYTES);
        k_mem_slab_free(&slab, mem);
    }
    return NULL;
}

/* A free slab, then a thread that waits, and blocks that are handed over or not. */
static void use_handed_over(void)
{
    volatile char *blocks[BLOCKS];
    pthread_t thread;

    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = take_from(&slab);
    }
    if (pthread_create(&thread, NULL, wait_for_block, NULL) != 0) {
        exit(3);
    }
    k_msleep(20);
    for (size_t i = 0; i < BLOCKS; i++) {
        give_back(blocks[i]);
    }
    pthread_join(thread, NULL);
}

/* A slab on the stack, and then something else there. */
static void with_slab_on_stack(void (*end)(struct k_mem_slab *slab))
{
    _Alignas(8) char buffer[BLOCK_BYTES * BLOCKS];
    struct k_mem_slab local;

    k_mem_slab_init(&local, buffer, BLOCK_BYTES, BLOCKS);
    block = take_from(&local);
    block[0] = 1;
    k_mem_slab_free(&local, (void *)(size_t)block);
    end(&local);
    block = buffer;
    block[BLOCK_BYTES] = 1;
    sink = block[BLOCK_BYTES];
}

static void use_buffer_of_ended_slab(void)
{
    with_slab_on_stack(quarry_mem_slab_end);
}

static void do_nothing(struct k_mem_slab *local)
{
    (void)local;
}

static void use_buffer_of_slab(void)
{
    with_slab_on_stack(do_nothing);
}

static const struct deed {
    const char *name;
    void (*run)(void);
} deeds[] = {
    {"write_last", write_last},
    {"write_untouched", write_untouched},
    {"read_freed", read_freed},
    {"write_freed", write_freed},
    {"use_reused", use_reused},
    {"branch_on_written", branch_on_written},
    {"branch_on_reused", branch_on_reused},
    {"use_handed_over", use_handed_over},
    {"use_buffer_of_ended_slab", use_buffer_of_ended_slab},
    {"use_buffer_of_slab", use_buffer_of_slab},
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
