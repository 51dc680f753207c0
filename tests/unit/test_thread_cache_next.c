/* SPDX-License-Identifier: Apache-2.0 */
/* Which of a thread's slabs serves it next. Each test has a size of its own, so that it begins
 * without slabs; all of its slabs are one slice. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "process/cache_parts.h"
#include "process/fast.h"
#include "../support/small_blocks.h"

#define MOST_BLOCKS 2048u

static void *blocks[MOST_BLOCKS];

/* Full slabs, the last of which is the current one; returns how many blocks each has, which follow
 * each other in `blocks`. */
static size_t make_full_slabs(size_t slabs, size_t bytes)
{
    size_t in_each = SLICE_BYTES / bytes;

    for (size_t i = 0; i < slabs * in_each; i++) {
        blocks[i] = take(bytes);
        assert_ptr_equal(slab_of_taken(blocks[i]), slab_of_taken(blocks[i / in_each * in_each]));
    }
    return in_each;
}

static void give_some(void **first, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        give(first[i]);
    }
}

static void a_free_into_a_full_slab_is_a_fast_one(void **state)
{
    make_full_slabs(3, 4096);
    assert_true(fast_free(blocks[0]));
}

static void the_slab_with_more_free_blocks_is_next(void **state)
{
    size_t in_each = make_full_slabs(3, 3584);

    give_some(&blocks[0], 2);
    give_some(&blocks[in_each], in_each / 2);
    assert_ptr_equal(slab_of_taken(take(3584)), slab_of_taken(blocks[2 * in_each - 1]));
}

static void a_slab_that_is_almost_empty_is_next_if_no_other_has_free_blocks(void **state)
{
    size_t in_each = make_full_slabs(3, 512);

    give_some(&blocks[0], 2);
    give_some(&blocks[in_each], in_each - 1);
    for (size_t i = 0; i < 2; i++) {
        assert_ptr_equal(slab_of_taken(take(512)), slab_of_taken(blocks[in_each - 1]));
    }
    assert_ptr_equal(slab_of_taken(take(512)), slab_of_taken(blocks[2 * in_each - 1]));
}

static void a_slab_of_which_little_is_used_is_next(void **state)
{
    size_t in_each = make_full_slabs(3, 1024);

    give_some(&blocks[0], 2);
    give_some(&blocks[in_each], in_each - in_each / 8);
    assert_ptr_equal(slab_of_taken(take(1024)), slab_of_taken(blocks[2 * in_each - 1]));
}

/* Wherever it is, for each slab that is made so many are looked at. */
static void free_blocks_are_found_before_many_slabs_are_made(void **state)
{
    const size_t slabs = 60;
    size_t in_each = make_full_slabs(slabs, 2048);
    size_t most = (slabs / CACHE_CANDIDATES + 1) * in_each;
    size_t taken = 0;

    give_some(&blocks[40 * in_each], in_each / 2);
    while (slab_of_taken(take(2048)) != slab_of_taken(blocks[41 * in_each - 1])) {
        assert_in_range(++taken, 1, most);
    }
}

static void *give_six(void *first)
{
    give_some(first, 6);
    return NULL;
}

static void what_another_thread_has_freed_is_next(void **state)
{
    size_t in_each = make_full_slabs(20, 2560);
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, give_six, &blocks[12 * in_each]), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    for (size_t i = 0; i < 6; i++) {
        assert_ptr_equal(slab_of_taken(take(2560)), slab_of_taken(blocks[13 * in_each - 1]));
    }
}

static void one_empty_slab_stays_with_its_class(void **state)
{
    size_t in_each = make_full_slabs(4, 1792);
    size_t before = slices_in_use();

    give_some(blocks, 3 * in_each);
    assert_int_equal(slices_in_use(), before - 2);
    make_full_slabs(1, 1792);
    assert_int_equal(slices_in_use(), before - 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_free_into_a_full_slab_is_a_fast_one),
        cmocka_unit_test(the_slab_with_more_free_blocks_is_next),
        cmocka_unit_test(a_slab_that_is_almost_empty_is_next_if_no_other_has_free_blocks),
        cmocka_unit_test(a_slab_of_which_little_is_used_is_next),
        cmocka_unit_test(free_blocks_are_found_before_many_slabs_are_made),
        cmocka_unit_test(what_another_thread_has_freed_is_next),
        cmocka_unit_test(one_empty_slab_stays_with_its_class),
    };

    return cmocka_run_group_tests(tests, small_blocks_begin, NULL);
}
