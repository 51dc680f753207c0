/* SPDX-License-Identifier: Apache-2.0 */
/* Slabs that threads have left behind: who adopts them, and when. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "../support/small_blocks.h"

enum { LEFT = 5, LEFT_FREE = 2 };

/* A thread takes blocks, frees the first ones again, and ends: its slab is an orphan. */
struct left {
    size_t bytes;
    char *blocks[LEFT];
};

static void *leave(void *arg)
{
    struct left *left = arg;

    for (size_t i = 0; i < LEFT; i++) {
        left->blocks[i] = take(left->bytes);
    }
    for (size_t i = 0; i < LEFT_FREE; i++) {
        give(left->blocks[i]);
    }
    return NULL;
}

static void in_a_thread(void *(*run)(void *), void *arg)
{
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, run, arg), 0);
    pthread_join(thread, NULL);
}

static bool is_own(const void *block)
{
    return atomic_load(&slab_of_block(block)->cache) == thread_cache;
}

/* Of these blocks a page has one, so the thread's own slab has none that is free. */
static void *adopt_for_free_blocks(void *arg)
{
    struct left left = {.bytes = 3900};
    char *own = take(left.bytes);
    char *block;

    in_a_thread(leave, &left);
    block = take(left.bytes);
    assert_ptr_equal(slab_of_block(block), slab_of_block(left.blocks[LEFT - 1]));
    assert_ptr_not_equal(slab_of_block(block), slab_of_block(own));
    assert_true(is_own(block));
    give(block);
    give(own);
    for (size_t i = LEFT_FREE; i < LEFT; i++) {
        give(left.blocks[i]);
    }
    return arg;
}

static void blocks_that_were_left_come_before_pages_that_were_never_used(void **state)
{
    in_a_thread(adopt_for_free_blocks, NULL);
}

static void *adopt_by_a_free(void *arg)
{
    struct left left = {.bytes = 330};
    struct left more = {.bytes = 2000};
    char *own = take(left.bytes);

    in_a_thread(leave, &left);
    in_a_thread(leave, &more);
    give(left.blocks[LEFT_FREE]);
    give(more.blocks[LEFT_FREE]);
    assert_true(is_own(left.blocks[LEFT - 1]));
    assert_false(is_own(more.blocks[LEFT - 1])); /* the thread has none of this size */
    for (size_t i = LEFT_FREE + 1; i < LEFT; i++) {
        give(left.blocks[i]);
        give(more.blocks[i]);
    }
    give(own);
    return arg;
}

static void who_frees_a_block_that_was_left_adopts_its_slab(void **state)
{
    in_a_thread(adopt_by_a_free, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_that_were_left_come_before_pages_that_were_never_used),
        cmocka_unit_test(who_frees_a_block_that_was_left_adopts_its_slab),
    };

    return cmocka_run_group_tests(tests, small_blocks_begin, NULL);
}
