/* SPDX-License-Identifier: Apache-2.0 */
/* What ended threads leave behind while somebody has the orphans' lock, who is the main thread here
 * as if it forked: nobody waits for it, and all is put in order later, a portion at a time. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "process/cache_parts.h"
#include "process/setup.h"
#include "../support/small_blocks.h"

#define BLOCKS       2000u
#define BYTES        64u
#define HANG_SECONDS 60u

static void *blocks[BLOCKS];

static void run(void *(*body)(void *arg), void *arg)
{
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, body, arg), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void *take_all(void *arg)
{
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = take(BYTES);
        memset(blocks[i], 7, BYTES);
    }
    return arg;
}

/* In letters of some blocks, for which the thread needs a cache of its own. */
static void *give_all(void *arg)
{
    give(take(16));
    for (size_t i = 0; i < BLOCKS; i++) {
        give(blocks[i]);
    }
    return arg;
}

static bool is_orphan(const void *block)
{
    struct slab *slab = slab_of_block(block);

    return atomic_load(&slab->cache) == &orphans && !cache_arrives(slab);
}

static void threads_end_without_waiting(void **state)
{
    size_t before = slices_in_use();

    thread_cache_before_fork();
    run(take_all, NULL);
    assert_true(cache_arrives(slab_of_block(blocks[0])));
    thread_cache_after_fork_in_parent();
    orphans_tend(ORPHANS_ALL);
    assert_true(is_orphan(blocks[0]) && is_orphan(blocks[BLOCKS - 1]));
    give_all(NULL);
    thread_cache_trim();
    assert_true(slices_in_use() <= before);
}

static void blocks_come_home_to_slabs_on_their_way(void **state)
{
    size_t before = slices_in_use();

    thread_cache_before_fork();
    run(take_all, NULL);
    run(give_all, NULL);
    assert_true(slices_in_use() > before);
    thread_cache_after_fork_in_parent();
    orphans_tend(ORPHANS_ALL);
    assert_int_equal(slices_in_use(), before);
}

static void one_call_does_a_portion(void **state)
{
    size_t before = slices_in_use();
    unsigned int calls = 0;

    run(take_all, NULL);
    thread_cache_before_fork();
    run(give_all, NULL);
    thread_cache_after_fork_in_parent();
    while (mail_is_left(&orphans)) {
        orphans_tend(ORPHANS_FEW);
        calls++;
    }
    assert_in_range(calls, 10, 100);
    assert_int_equal(slices_in_use(), before);
}

static void to_take_more_memory_is_to_tend(void **state)
{
    void *mine[300];

    run(take_all, NULL);
    thread_cache_before_fork();
    run(give_all, NULL);
    thread_cache_after_fork_in_parent();
    assert_true(mail_is_left(&orphans));
    for (size_t i = 0; i < 300; i++) {
        mine[i] = take(SIZE_CLASS_MOST_BYTES); /* a slab for every eight */
    }
    assert_false(mail_is_left(&orphans));
    for (size_t i = 0; i < 300; i++) {
        give(mine[i]);
    }
    thread_cache_trim();
}

/* A thread that does not allocate such blocks frees all but the last: while many are in use, they
 * wait in its batches, and the last ones do not. */
static void *give_all_but_one(void *arg)
{
    const struct slab *slab = slab_of_slice(slice_of(blocks[BLOCKS - 1]));
    uint32_t used = slab->used;

    give(take(16));
    give(blocks[BLOCKS - 2]);
    assert_int_equal(slab->used, used);
    for (size_t i = 0; i < BLOCKS - 2; i++) {
        give(blocks[i]);
    }
    assert_true(is_orphan(blocks[BLOCKS - 1]));
    assert_int_equal(slab->used, 1);
    return arg;
}

static void last_blocks_of_orphans_go_back_at_once(void **state)
{
    size_t before = slices_in_use();

    run(take_all, NULL);
    orphans_tend(ORPHANS_ALL);
    run(give_all_but_one, NULL);
    give(blocks[BLOCKS - 1]);
    thread_cache_trim();
    assert_true(slices_in_use() <= before);
}

#define PAGES_BLOCKS    640u /* in 40 slabs */
#define MOST_BY_FREEING 16u

static void *take_pages(void *arg)
{
    for (size_t i = 0; i < PAGES_BLOCKS; i++) {
        blocks[i] = take(4096);
    }
    return arg;
}

/* A thread that has such blocks, too, and allocates none: what ended threads have left would stay
 * with it, and whatever others free of that in mail that it does not open. */
static void who_only_frees_adopts_few(void **state)
{
    size_t adopted = 0;

    give(take(4096));
    run(take_pages, NULL);
    orphans_tend(ORPHANS_ALL);
    for (size_t i = 0; i < PAGES_BLOCKS; i += 16) {
        give(blocks[i]);
        adopted += atomic_load(&slab_of_block(blocks[i + 1])->cache) == thread_cache;
    }
    assert_in_range(adopted, 1, MOST_BY_FREEING);
    for (size_t i = 0; i < PAGES_BLOCKS; i++) {
        if (i % 16 != 0) {
            give(blocks[i]);
        }
    }
    thread_cache_trim();
}

static struct thread_cache without_thread;

static void *send_one(void *block)
{
    mail_send(slab_of_block(block), block, block, 1);
    return block;
}

/* As a thread does that has read whose the slab is, and is late. */
static void mail_for_a_cache_without_thread_is_found(void **state)
{
    struct slab *slab = slab_make(size_class_of(BYTES));
    struct block_list list = slab_thread_page(slab);
    void *second = *(void **)list.first;

    cache_take_possession(&without_thread, slab);
    cache_link(&without_thread.waiting[slab->size_class], slab);
    thread_cache_before_fork();
    run(send_one, list.first);
    assert_true(mail_is_left(&without_thread));
    thread_cache_after_fork_in_parent();
    assert_false(mail_is_left(&without_thread));
    assert_ptr_equal(slab->free, list.first);
    run(send_one, second);
    assert_false(mail_is_left(&without_thread));
}

static size_t caches(void)
{
    size_t count = 0;

    for (struct thread_cache *cache = thread_cache_first(); cache != NULL; cache = cache->next) {
        count++;
    }
    return count;
}

/* However many threads there are, one after the other, while somebody has the lock. */
static void a_cache_is_used_again_without_the_lock(void **state)
{
    run(take_all, NULL);
    run(give_all, NULL);
    size_t before = caches();
    thread_cache_before_fork();
    for (unsigned int i = 0; i < 10; i++) {
        run(take_all, NULL);
        run(give_all, NULL);
    }
    thread_cache_after_fork_in_parent();
    assert_int_equal(caches(), before);
}

static int begin(void **state)
{
    alarm(HANG_SECONDS);
    return small_blocks_begin(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_end_without_waiting),
        cmocka_unit_test(blocks_come_home_to_slabs_on_their_way),
        cmocka_unit_test(one_call_does_a_portion),
        cmocka_unit_test(to_take_more_memory_is_to_tend),
        cmocka_unit_test(mail_for_a_cache_without_thread_is_found),
        cmocka_unit_test(last_blocks_of_orphans_go_back_at_once),
        cmocka_unit_test(a_cache_is_used_again_without_the_lock),
        cmocka_unit_test(who_only_frees_adopts_few),
    };

    return cmocka_run_group_tests(tests, begin, NULL);
}
