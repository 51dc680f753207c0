/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks that another thread frees than the one that has their slab. */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "../support/small_blocks.h"

static sem_t ready, taken;
static void *handed_over;

static void *take_and_free(void *arg)
{
    size_t count = *(size_t *)arg;

    for (size_t i = 0; i < count; i++) {
        while (sem_wait(&ready) != 0) {
        }
        give(handed_over);
        sem_post(&taken);
    }
    return NULL;
}

static void a_thread_that_only_frees_keeps_little(void **state)
{
    size_t count = 30000;
    pthread_t other;

    sem_init(&ready, 0, 0);
    sem_init(&taken, 0, 0);
    size_t before = slices_in_use();
    assert_int_equal(pthread_create(&other, NULL, take_and_free, &count), 0);
    for (size_t i = 0; i < count; i++) {
        handed_over = take(1000);
        sem_post(&ready);
        while (sem_wait(&taken) != 0) {
        }
    }
    pthread_join(other, NULL);
    assert_true(slices_in_use() <= before + 30); /* 30 MB went through */
}

enum { FREED = 100 };

/* Returns whether the thread had no cache after one block, and has one in the end. */
static void *free_of_others(void *arg)
{
    char **blocks = arg;
    const struct thread_cache *none = thread_cache;
    bool is_right;

    give(blocks[0]);
    is_right = thread_cache == none;
    for (size_t i = 1; i < FREED; i++) {
        give(blocks[i]);
    }
    return is_right && thread_cache != none ? arg : NULL;
}

static void a_thread_that_frees_much_gets_a_cache(void **state)
{
    char *blocks[FREED];
    pthread_t other;
    void *result;

    for (size_t i = 0; i < FREED; i++) {
        blocks[i] = take(64);
    }
    assert_int_equal(pthread_create(&other, NULL, free_of_others, blocks), 0);
    pthread_join(other, &result);
    assert_non_null(result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_that_only_frees_keeps_little),
        cmocka_unit_test(a_thread_that_frees_much_gets_a_cache),
    };

    return cmocka_run_group_tests(tests, small_blocks_begin, NULL);
}
