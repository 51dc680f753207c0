/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks that another thread frees than the one that has their slab. */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <quarry/malloc.h>
#include "process/cache_parts.h"
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

/* --- Blocks that are used again --- */

enum { REUSED_BYTES = 2000, MANY = 100 };

static void *many[MANY];
static sem_t are_made, are_freed;

/* Its slabs are its own until all that is to be freed is. */
static void *make_many(void *bytes)
{
    for (size_t i = 0; i < MANY; i++) {
        many[i] = take((size_t)(uintptr_t)bytes);
    }
    sem_post(&are_made);
    while (sem_wait(&are_freed) != 0) {
    }
    return NULL;
}

static pthread_t begin_to_make_many(size_t bytes)
{
    pthread_t maker;

    sem_init(&are_made, 0, 0);
    sem_init(&are_freed, 0, 0);
    assert_int_equal(pthread_create(&maker, NULL, make_many, (void *)(uintptr_t)bytes), 0);
    while (sem_wait(&are_made) != 0) {
    }
    return maker;
}

static void end_to_make_many(pthread_t maker)
{
    sem_post(&are_freed);
    pthread_join(maker, NULL);
}

static void a_block_of_others_is_the_next_one(void **state)
{
    pthread_t maker = begin_to_make_many(REUSED_BYTES);
    void *own = take(REUSED_BYTES);

    give(many[1]);
    give(many[0]);
    assert_ptr_equal(take(REUSED_BYTES), many[0]);
    assert_ptr_equal(take(REUSED_BYTES), many[1]);
    give(own);
    end_to_make_many(maker);
}

static void a_small_block_of_others_goes_home(void **state)
{
    pthread_t maker = begin_to_make_many(1000);
    void *own = take(1000);

    give(many[0]);
    assert_ptr_not_equal(take(1000), many[0]);
    give(own);
    end_to_make_many(maker);
}

static void a_thread_that_does_not_allocate_such_blocks_sends_them_home(void **state)
{
    pthread_t maker = begin_to_make_many(6000);

    for (size_t i = 0; i < MANY; i++) {
        give(many[i]);
    }
    assert_ptr_not_equal(slab_of_taken(take(6000)), slab_of_taken(many[MANY - 1]));
    end_to_make_many(maker);
}

static size_t listed(size_t bytes)
{
    size_t count = 0;

    for (void *block = thread_cache->heads[size_class_of(bytes)]; block != NULL;
         block = link_next(block)) {
        count++;
    }
    return count;
}

static void no_more_blocks_are_kept_than_two_slabs_have(void **state)
{
    pthread_t maker = begin_to_make_many(3000);
    const struct slab *slab = slab_of_taken(take(3000));

    for (size_t i = 0; i < MANY; i++) {
        give(many[i]);
        assert_in_range(listed(3000), 0, 2 * slab->blocks);
    }
    assert_int_equal(listed(3000), 2 * slab->blocks);
    end_to_make_many(maker);
}

/* What malloc takes makes room on the list. */
static void blocks_are_kept_while_the_list_is_not_full(void **state)
{
    pthread_t maker = begin_to_make_many(4000);

    (void)take(4000);
    thread_cache->blocks_to_look = 2 * MANY; /* it is not time to look yet */
    for (size_t i = 0; i < MANY; i++) {
        give(many[i]);
        assert_ptr_equal(take(4000), many[i]);
    }
    end_to_make_many(maker);
}

static void *reuse_and_end(void *bytes)
{
    (void)take((size_t)(uintptr_t)bytes);
    give(many[0]);
    return NULL;
}

static void a_thread_that_ends_sends_home_what_it_kept(void **state)
{
    const size_t bytes = 1800;
    void *own = take(bytes);
    struct slab *slab = slab_of_taken(own);
    uint32_t used = slab->used;
    pthread_t other;

    many[0] = own;
    assert_int_equal(pthread_create(&other, NULL, reuse_and_end, (void *)(uintptr_t)bytes), 0);
    pthread_join(other, NULL);
    assert_int_equal(slab->used, used);
    mail_open(thread_cache, 1);
    assert_int_equal(slab->used, used - 1);
}

static void blocks_that_are_used_again_are_counted_again(void **state)
{
    struct quarry_malloc_stats before;
    struct quarry_malloc_stats after;
    pthread_t maker = begin_to_make_many(2500);

    (void)take(2500);
    quarry_malloc_stats_get(&before);
    give(many[0]);
    quarry_malloc_stats_get(&after);
    assert_int_equal(after.frees - before.frees, 1);
    assert_int_equal(after.allocations - before.allocations, 0);
    (void)take(2500);
    quarry_malloc_stats_get(&after);
    assert_int_equal(after.frees - before.frees, 1);
    assert_int_equal(after.allocations - before.allocations, 1);
    end_to_make_many(maker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_that_only_frees_keeps_little),
        cmocka_unit_test(a_thread_that_frees_much_gets_a_cache),
        cmocka_unit_test(a_block_of_others_is_the_next_one),
        cmocka_unit_test(a_small_block_of_others_goes_home),
        cmocka_unit_test(a_thread_that_does_not_allocate_such_blocks_sends_them_home),
        cmocka_unit_test(no_more_blocks_are_kept_than_two_slabs_have),
        cmocka_unit_test(blocks_are_kept_while_the_list_is_not_full),
        cmocka_unit_test(a_thread_that_ends_sends_home_what_it_kept),
        cmocka_unit_test(blocks_that_are_used_again_are_counted_again),
    };

    return cmocka_run_group_tests(tests, small_blocks_begin, NULL);
}
