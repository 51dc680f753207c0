/* SPDX-License-Identifier: Apache-2.0 */
/* What is no block to be given back, and free blocks that were written to, end the program; and
 * counters that are reset while threads take blocks do not make it look so. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <zephyr/kernel/mem_slab.h>
#include "../support/death.h"
#include "../support/random.h"
#include "../support/slab_queue.h"

#define BLOCK_BYTES 40u
#define BLOCKS      5u
#define MANY_BLOCKS 2000u
#define ROUNDS      200u

static const char *no_block = "address is no block of the slab";
static const char *not_handed_out = "block of a slab was never handed out";
static const char *free_already = "block of a slab is free already: double free";
static const char *none_in_use = "slab has no block in use: double free";
static const char *written_to = "free block of a slab was written to";

static struct k_mem_slab slab;
static _Alignas(16) char buffer[BLOCK_BYTES * BLOCKS];
static void *blocks[BLOCKS];

static void take(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        k_mem_slab_alloc(&slab, &blocks[i], K_NO_WAIT);
    }
}

static int begin(void **state)
{
    return k_mem_slab_init(&slab, buffer, BLOCK_BYTES, BLOCKS);
}

static void give(void *mem)
{
    k_mem_slab_free(&slab, mem);
}

/* --- Double frees --- */

static void give_twice(void *arg)
{
    take(2);
    give(blocks[0]);
    give(blocks[0]);
}

static void give_the_only_one_twice(void *arg)
{
    take(1);
    give(blocks[0]);
    give(blocks[0]);
}

static void give_again_later(void *number)
{
    take(BLOCKS);
    for (uint32_t i = 0; i < BLOCKS - 1; i++) {
        give(blocks[i]);
    }
    give(blocks[*(uint32_t *)number]);
}

static void give_again_after_others_came_and_went(void *arg)
{
    void *mem;

    take(BLOCKS);
    give(blocks[2]);
    give(blocks[3]);
    for (int i = 0; i < 100; i++) {
        k_mem_slab_alloc(&slab, &mem, K_NO_WAIT);
        give(mem);
    }
    give(blocks[2]);
}

static void write_and_give_again(void *arg)
{
    take(1);
    give(blocks[0]);
    memset(blocks[0], 0, BLOCK_BYTES);
    give(blocks[0]);
}

static void a_double_free_dies(void **state)
{
    expect_death(give_twice, NULL, free_already);
    expect_death(give_the_only_one_twice, NULL, free_already);
    expect_death(give_again_after_others_came_and_went, NULL, free_already);
    for (uint32_t i = 0; i < BLOCKS - 1; i++) {
        expect_death(give_again_later, &i, free_already);
    }
    expect_death(write_and_give_again, NULL, none_in_use);
}

/* --- Addresses --- */

struct address {
    const void *mem;
    bool all_are_used;
};

static void give_address(void *arg)
{
    const struct address *address = arg;

    take(address->all_are_used ? BLOCKS : 2);
    give((void *)(uintptr_t)address->mem);
}

static void expect_refused(const void *mem)
{
    struct address address = {mem, true};

    expect_death(give_address, &address, no_block);
    address.all_are_used = false;
    expect_death(give_address, &address, no_block);
}

static void what_is_no_block_dies(void **state)
{
    static _Alignas(16) char other[BLOCK_BYTES * BLOCKS];
    static const size_t inside[] = {1, 8, BLOCK_BYTES - 8, BLOCK_BYTES + 1, 3 * BLOCK_BYTES + 16};
    char local;

    for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++) {
        expect_refused(buffer + inside[i]);
    }
    expect_refused(buffer + sizeof(buffer));
    expect_refused((void *)((uintptr_t)buffer - BLOCK_BYTES));
    expect_refused((void *)((uintptr_t)buffer + 1000 * BLOCK_BYTES));
    expect_refused((void *)(UINTPTR_MAX / 8 * 8));
    expect_refused(other);
    expect_refused(&slab);
    expect_refused(&local);
    expect_refused(NULL);
}

static void a_block_that_was_never_handed_out_dies(void **state)
{
    for (size_t i = 2; i < BLOCKS; i++) {
        struct address address = {buffer + i * BLOCK_BYTES, false};

        expect_death(give_address, &address, not_handed_out);
    }
}

/* --- Free blocks that were written to --- */

static void write_and_take(void *written)
{
    take(BLOCKS);
    give(blocks[0]);
    give(blocks[1]);
    memset(blocks[*(int *)written], 0x41, BLOCK_BYTES);
    take(2);
}

static void a_free_block_that_was_written_to_dies(void **state)
{
    for (int i = 0; i < 2; i++) {
        expect_death(write_and_take, &i, written_to);
    }
}

/* --- What is no misuse --- */

static struct k_mem_slab large_slab;
static _Alignas(16) char large_buffer[MANY_BLOCKS * sizeof(void *)];
static void *many[MANY_BLOCKS];
static bool stop; /* atomic */

static void *reset_all_the_time(void *arg)
{
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        k_mem_slab_runtime_stats_reset_max(&large_slab);
    }
    return arg;
}

static void take_and_give_all(void *arg)
{
    for (size_t i = 0; i < MANY_BLOCKS; i++) {
        k_mem_slab_alloc(&large_slab, &many[i], K_NO_WAIT);
        k_mem_slab_free(&large_slab, many[i]);
        k_mem_slab_alloc(&large_slab, &many[i], K_NO_WAIT);
    }
    for (size_t i = 0; i < MANY_BLOCKS; i++) {
        k_mem_slab_free(&large_slab, many[i]);
    }
}

/* A block that was taken while the mark was reset was handed out all the same. */
static void the_mark_may_be_reset_at_any_time(void **state)
{
    for (size_t i = scaled_rounds(ROUNDS); i > 0; i--) {
        pthread_t thread;

        k_mem_slab_init(&large_slab, large_buffer, sizeof(void *), MANY_BLOCKS);
        __atomic_store_n(&stop, false, __ATOMIC_RELAXED);
        assert_int_equal(pthread_create(&thread, NULL, reset_all_the_time, NULL), 0);
        take_and_give_all(NULL);
        __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
        pthread_join(thread, NULL);
        assert_true(slab_is_at_rest(&large_slab, 0));
        assert_int_equal(large_slab.info.touched, MANY_BLOCKS);
    }
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_double_free_dies),
        TEST(what_is_no_block_dies),
        TEST(a_block_that_was_never_handed_out_dies),
        TEST(a_free_block_that_was_written_to_dies),
        TEST(the_mark_may_be_reset_at_any_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
