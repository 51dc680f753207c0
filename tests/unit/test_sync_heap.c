/* SPDX-License-Identifier: Apache-2.0 */
/* sys_sync_heap: each call does to its heap what the call of sys_heap does to a heap of the same
 * size, and threads may make them at the same time. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <zephyr/sys/sync_heap.h>
#include <zephyr/sys/sys_heap.h>
#include "../support/death.h"
#include "../support/heap_client.h"
#include "../support/heap_picture.h"
#include "../support/random.h"

#define HEAP_BYTES 4096u
#define ALIGNED    128u
#define BLOCKS     16u
#define STEPS      20000u
#define THREADS    4u

static struct sys_sync_heap heap;
static _Alignas(4096) char buffer[HEAP_BYTES];

/* The same without a lock, to compare with. */
static struct sys_heap model;
static _Alignas(4096) char model_buffer[HEAP_BYTES];

static int begin(void **state)
{
    sys_heap_init(&model, model_buffer, sizeof(model_buffer));
    return sys_sync_heap_init(&heap, buffer, sizeof(buffer));
}

static int heap_is_whole(void **state)
{
    return heap_picture_equals(&heap.heap, "F*") ? 0 : -1;
}

/* Two calls returned the same place, or both none. */
static void expect_same(const void *block, const void *model_block)
{
    if (model_block == NULL) {
        assert_null(block);
    } else {
        assert_non_null(block);
        assert_int_equal((const char *)block - buffer, (const char *)model_block - model_buffer);
    }
}

static void expect_same_heaps(void)
{
    char picture[HEAP_BYTES];

    heap_picture(&model, picture, sizeof(picture));
    assert_true(heap_picture_equals(&heap.heap, picture));
}

/* --- One thread --- */

static void allocations_are_those_of_sys_heap(void **state)
{
    void *block = sys_sync_heap_alloc(&heap, 100);
    void *model_block = sys_heap_alloc(&model, 100);
    void *unaligned = sys_sync_heap_noalign_alloc(&heap, ALIGNED, 40);
    void *aligned = sys_sync_heap_aligned_alloc(&heap, ALIGNED, 40);

    expect_same(block, model_block);
    expect_same(unaligned, sys_heap_noalign_alloc(&model, ALIGNED, 40));
    expect_same(aligned, sys_heap_aligned_alloc(&model, ALIGNED, 40));
    assert_int_not_equal((uintptr_t)unaligned % ALIGNED, 0);
    assert_int_equal((uintptr_t)aligned % ALIGNED, 0);
    expect_same_heaps();
    sys_sync_heap_free(&heap, block);
    sys_heap_free(&model, model_block);
    expect_same_heaps();
    sys_sync_heap_free(&heap, unaligned);
    sys_sync_heap_free(&heap, aligned);
}

static void reallocations_are_those_of_sys_heap(void **state)
{
    void *block = sys_sync_heap_realloc(&heap, NULL, 40);
    void *model_block = sys_heap_realloc(&model, NULL, 40);

    heap_block_fill(block, 40, 1);
    block = sys_sync_heap_realloc(&heap, block, 400);
    model_block = sys_heap_realloc(&model, model_block, 400);
    expect_same(block, model_block);
    block = sys_sync_heap_aligned_realloc(&heap, block, ALIGNED, 300);
    model_block = sys_heap_aligned_realloc(&model, model_block, ALIGNED, 300);
    expect_same(block, model_block);
    assert_int_equal((uintptr_t)block % ALIGNED, 0);
    assert_true(heap_block_is_filled(block, 40, 1));
    expect_same_heaps();
    assert_null(sys_sync_heap_realloc(&heap, block, 2 * HEAP_BYTES));
    assert_true(heap_block_is_filled(block, 40, 1));
    expect_same_heaps();
    assert_null(sys_sync_heap_realloc(&heap, block, 0));
}

static void what_is_too_much_is_not_there(void **state)
{
    for (size_t bytes = SIZE_MAX - 64; bytes != 0; bytes++) {
        assert_null(sys_sync_heap_alloc(&heap, bytes));
        assert_null(sys_sync_heap_noalign_alloc(&heap, 8, bytes));
        assert_null(sys_sync_heap_realloc(&heap, NULL, bytes));
        for (size_t align = SIZE_MAX / 2 + 1; align > 0; align /= 2) {
            assert_null(sys_sync_heap_aligned_alloc(&heap, align, bytes));
            assert_null(sys_sync_heap_aligned_realloc(&heap, NULL, align, bytes));
        }
    }
    assert_null(sys_sync_heap_alloc(&heap, 0));
    assert_null(sys_sync_heap_alloc(&heap, HEAP_BYTES));
    sys_sync_heap_free(&heap, NULL);
}

static void statistics_are_those_of_sys_heap(void **state)
{
    struct sys_memory_stats stats = {0};
    struct sys_memory_stats model_stats = {0};
    void *block = sys_sync_heap_alloc(&heap, 100);

    sys_heap_alloc(&model, 100);
    assert_int_equal(sys_sync_heap_runtime_stats_get(&heap, &stats),
                     sys_heap_runtime_stats_get(&model, &model_stats));
    assert_memory_equal(&stats, &model_stats, sizeof(stats));
    assert_int_equal(sys_sync_heap_runtime_stats_get(&heap, NULL), -EINVAL);
    assert_int_equal(sys_sync_heap_runtime_stats_get(NULL, &stats), -EINVAL);
    sys_sync_heap_free(&heap, block);
}

/* --- None --- */

static void expect_nothing_of(struct sys_sync_heap *none)
{
    struct sys_memory_stats stats;

    assert_null(sys_sync_heap_alloc(none, 8));
    assert_null(sys_sync_heap_aligned_alloc(none, 8, 8));
    assert_null(sys_sync_heap_noalign_alloc(none, 8, 8));
    assert_null(sys_sync_heap_realloc(none, NULL, 8));
    assert_null(sys_sync_heap_aligned_realloc(none, NULL, 8, 8));
    assert_int_equal(sys_sync_heap_runtime_stats_get(none, &stats), -EINVAL);
    sys_sync_heap_free(none, NULL);
}

static void a_heap_that_was_not_initialised_has_nothing(void **state)
{
    struct sys_sync_heap none = {.lock = NULL};

    expect_nothing_of(&none);
    assert_null(sys_sync_heap_realloc(&none, buffer, 8)); /* which is no block */
    sys_sync_heap_free(&none, buffer);
}

static void a_buffer_that_is_too_small_gives_nothing(void **state)
{
    struct sys_sync_heap small;

    memset(&small, 0xff, sizeof(small));
    assert_int_equal(sys_sync_heap_init(&small, model_buffer, Z_HEAP_MIN_SIZE - 1), 0);
    assert_null(small.heap.heap);
    assert_ptr_equal(small.lock, &small.storage);
    expect_nothing_of(&small);
}

/* --- Misuse --- */

static void free_twice(void *arg)
{
    void *block = sys_sync_heap_alloc(&heap, 40);

    sys_sync_heap_free(&heap, block);
    sys_sync_heap_free(&heap, block);
}

static void blocks_that_are_free_already_are_refused(void **state)
{
    skip_below_hardening(1);
    expect_death(free_twice, NULL, "block is not in use: double free, or not a block");
}

static void free_a_variable(void *arg)
{
    sys_sync_heap_free(&heap, &heap);
}

static void what_comes_from_elsewhere_is_refused(void **state)
{
    skip_below_hardening(1);
    expect_death(free_a_variable, NULL,
                 "address is outside the heap: block of another heap, or not a block");
}

/* --- Threads --- */

struct worker {
    pthread_t thread;
    struct random random;
    unsigned int tag;
    size_t damaged;
    void *blocks[BLOCKS];
    size_t bytes[BLOCKS];
};

static void change(struct worker *worker, size_t i)
{
    size_t bytes = 1 + (size_t)random_below(&worker->random, HEAP_BYTES / BLOCKS);
    size_t old_bytes = worker->bytes[i];
    size_t align = (size_t)8 << random_below(&worker->random, 4);
    bool resizes = worker->blocks[i] != NULL && random_below(&worker->random, 2) == 0;
    void *block;

    if (worker->blocks[i] != NULL && !resizes) {
        worker->damaged += !heap_block_is_filled(worker->blocks[i], old_bytes, worker->tag);
        sys_sync_heap_free(&heap, worker->blocks[i]);
        worker->blocks[i] = NULL;
        return;
    }
    block = sys_sync_heap_aligned_realloc(&heap, worker->blocks[i], align, bytes);
    if (block != NULL) {
        size_t kept = old_bytes < bytes ? old_bytes : bytes;

        worker->damaged += resizes && !heap_block_is_filled(block, kept, worker->tag);
        worker->damaged += (uintptr_t)block % align != 0;
        heap_block_fill(block, bytes, worker->tag);
        worker->blocks[i] = block;
        worker->bytes[i] = bytes;
    }
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    size_t steps = scaled_rounds(STEPS);
    struct sys_memory_stats stats;

    for (size_t i = 0; i < steps; i++) {
        change(worker, (size_t)random_below(&worker->random, BLOCKS));
        sys_sync_heap_runtime_stats_get(&heap, &stats);
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        sys_sync_heap_free(&heap, worker->blocks[i]);
    }
    return NULL;
}

static void threads_keep_their_blocks(void **state)
{
    static struct worker workers[THREADS];

    for (size_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.random = random_from(i), .tag = (unsigned int)i * 60};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_int_equal(workers[i].damaged, 0);
    }
    assert_true(sys_heap_validate(&heap.heap));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, heap_is_whole)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(allocations_are_those_of_sys_heap),
        TEST(reallocations_are_those_of_sys_heap),
        TEST(what_is_too_much_is_not_there),
        TEST(statistics_are_those_of_sys_heap),
        TEST(a_heap_that_was_not_initialised_has_nothing),
        TEST(a_buffer_that_is_too_small_gives_nothing),
        TEST(blocks_that_are_free_already_are_refused),
        TEST(what_comes_from_elsewhere_is_refused),
        TEST(threads_keep_their_blocks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
