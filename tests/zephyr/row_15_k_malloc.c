/* SPDX-License-Identifier: Apache-2.0 */
/* What Zephyr's tests of k_malloc demand, in a pool of 256 bytes as there: allocation until there
 * is no more and back, sizes that cannot be, zeroed blocks, alignments, blocks of no bytes, and
 * three threads that share the pool. Of its own: the whole pool in one piece, reallocation. */
#define CONFIG_HEAP_MEM_POOL_SIZE 256

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <zephyr/kernel.h>

#define POOL_BYTES    CONFIG_HEAP_MEM_POOL_SIZE
#define BLOCK_BYTES   16
#define MANY          (POOL_BYTES / BLOCK_BYTES)
#define THREADS       3
#define STACK_BYTES   1024
#define ROUNDS        100
#define LARGEST_TRIED 60

extern struct k_heap _system_heap; /* as Zephyr's shell has it */

static size_t allocate_all(void *blocks[MANY])
{
    size_t count = 0;

    while (count < MANY && (blocks[count] = k_malloc(BLOCK_BYTES)) != NULL) {
        memset(blocks[count], (int)count, BLOCK_BYTES);
        count++;
    }
    return count;
}

static void free_all(void *blocks[MANY], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(((unsigned char *)blocks[i])[0], i);
        assert_int_equal(((unsigned char *)blocks[i])[BLOCK_BYTES - 1], i);
        k_free(blocks[i]);
    }
}

static void the_pool_is_used_up_and_comes_back(void **state)
{
    void *blocks[MANY];
    size_t count = allocate_all(blocks);

    assert_in_range(count, 4, MANY - 1);
    assert_null(k_malloc(BLOCK_BYTES));
    free_all(blocks, count);
    assert_int_equal(allocate_all(blocks), count); /* as much as the first time */
    free_all(blocks, count);
}

static void a_freed_block_is_given_again(void **state)
{
    void *first = k_malloc(BLOCK_BYTES);
    void *second;

    k_free(first);
    second = k_malloc(BLOCK_BYTES);
    assert_ptr_equal(second, first);
    k_free(second);
}

static void a_free_of_nothing_is_nothing(void **state)
{
    k_free(NULL);
    assert_true(sys_heap_validate(&_system_heap.heap));
}

static void sizes_that_cannot_be_fail(void **state)
{
    assert_null(k_malloc(SIZE_MAX));
    assert_null(k_malloc(SIZE_MAX - sizeof(void *)));
    assert_null(k_malloc(POOL_BYTES * 2));
    assert_null(k_calloc(SIZE_MAX, 2)); /* more than a size_t holds */
    assert_null(k_calloc(2, SIZE_MAX));
    assert_null(k_calloc(SIZE_MAX, 1));
    assert_null(k_aligned_alloc(8, SIZE_MAX));
    assert_null(k_aligned_alloc(sizeof(void *), SIZE_MAX - sizeof(void *)));
}

/* The size of the pool is what it can give, the pointer to the heap included; no size up to it, and
 * next to it, does any harm. */
static void almost_the_whole_pool_can_be_had(void **state)
{
    for (size_t bytes = POOL_BYTES - 32; bytes <= POOL_BYTES + 32; bytes++) {
        char *block = k_malloc(bytes);

        if (bytes <= POOL_BYTES - sizeof(void *)) {
            assert_non_null(block);
            memset(block, 0xff, bytes);
        } else if (bytes >= POOL_BYTES + 8 - sizeof(void *)) {
            assert_null(block);
        }
        assert_true(sys_heap_validate(&_system_heap.heap));
        k_free(block);
    }
}

static void calloc_zeroes(void **state)
{
    unsigned char *block = k_malloc(BLOCK_BYTES * 5);

    memset(block, 0xff, BLOCK_BYTES * 5);
    k_free(block);
    block = k_calloc(5, BLOCK_BYTES);
    assert_non_null(block);
    for (size_t i = 0; i < BLOCK_BYTES * 5; i++) {
        assert_int_equal(block[i], 0);
    }
    k_free(block);
}

static void blocks_of_all_sizes_are_aligned(void **state)
{
    for (size_t bytes = 0; bytes < LARGEST_TRIED; bytes++) {
        void *block = k_malloc(bytes);

        assert_non_null(block); /* also of no bytes */
        assert_int_equal((uintptr_t)block % sizeof(void *), 0);
        k_free(block);
    }
}

/* An aligned block of one byte after the other does not damage what is around it. */
static void small_blocks_can_be_aligned(void **state)
{
    const size_t aligns[] = {8, 16};

    for (size_t i = 0; i < 2; i++) {
        char *first = k_aligned_alloc(aligns[i], 1);
        char *second = k_aligned_alloc(aligns[i], 1);

        assert_non_null(first);
        assert_non_null(second);
        assert_int_equal((uintptr_t)first % aligns[i], 0);
        assert_int_equal((uintptr_t)second % aligns[i], 0);
        *first = *second = 1;
        assert_true(sys_heap_validate(&_system_heap.heap));
        k_free(first);
        k_free(second);
    }
    void *whole = k_malloc(POOL_BYTES - sizeof(void *)); /* nothing was lost */
    assert_non_null(whole);
    k_free(whole);
}

static void a_block_changes_its_size(void **state)
{
    char *block = k_realloc(NULL, BLOCK_BYTES);

    strcpy(block, "quarry");
    block = k_realloc(block, BLOCK_BYTES * 4);
    assert_string_equal(block, "quarry");
    assert_null(k_realloc(block, POOL_BYTES * 2));
    assert_string_equal(block, "quarry");
    block = k_realloc(block, 7);
    assert_string_equal(block, "quarry");
    assert_null(k_realloc(block, 0));
    void *whole = k_malloc(POOL_BYTES - sizeof(void *));
    assert_non_null(whole);
    k_free(whole);
}

/* --- Three threads --- */

static K_THREAD_STACK_ARRAY_DEFINE(stacks, THREADS, STACK_BYTES);
static struct k_thread threads[THREADS];

/* As much as one of three may use of the pool at a time. */
static void use_pool(void *good, void *p2, void *p3)
{
    for (int round = 0; round < ROUNDS; round++) {
        unsigned char *blocks[2];

        for (int i = 0; i < 2; i++) {
            while ((blocks[i] = k_calloc(1, BLOCK_BYTES)) == NULL) {
                k_yield();
            }
            *(bool *)good = *(bool *)good && blocks[i][BLOCK_BYTES - 1] == 0;
            memset(blocks[i], 0xff, BLOCK_BYTES);
        }
        k_free(blocks[0]);
        k_free(blocks[1]);
    }
}

static void three_threads_share_the_pool(void **state)
{
    bool good[THREADS];

    for (int i = 0; i < THREADS; i++) {
        good[i] = true;
        k_thread_create(&threads[i], stacks[i], STACK_BYTES, use_pool, &good[i], NULL, NULL,
                        K_PRIO_PREEMPT(1), K_USER | K_INHERIT_PERMS, K_NO_WAIT);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(k_thread_join(&threads[i], K_FOREVER), 0);
        assert_true(good[i]);
    }
    void *whole = k_malloc(POOL_BYTES - sizeof(void *));
    assert_non_null(whole);
    k_free(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pool_is_used_up_and_comes_back),
        cmocka_unit_test(a_freed_block_is_given_again),
        cmocka_unit_test(a_free_of_nothing_is_nothing),
        cmocka_unit_test(sizes_that_cannot_be_fail),
        cmocka_unit_test(almost_the_whole_pool_can_be_had),
        cmocka_unit_test(calloc_zeroes),
        cmocka_unit_test(blocks_of_all_sizes_are_aligned),
        cmocka_unit_test(small_blocks_can_be_aligned),
        cmocka_unit_test(a_block_changes_its_size),
        cmocka_unit_test(three_threads_share_the_pool),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
