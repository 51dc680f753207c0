/* SPDX-License-Identifier: Apache-2.0 */
/* The window: what free finds for an address. Each test is a process of its own, for there is one
 * range in a process. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "os/sync.h"
#include "process/fast.h"
#include "process/slab.h"
#include "process/slice_window.h"
#include "process/thread_cache.h"
#include "../support/fake_os.h"
#include "../support/good_child.h"
#include "../support/random.h"
#include "../support/stepping.h"

#define BYTES        100u
#define SLICES       64u
#define TRIES        100000u
#define WINDOW_BYTES ((uintptr_t)1 << SLICE_WINDOW_SHIFT)
/* Ranges of which the descriptors are a part of a window's table: 256 and 32 GiB. */
#define LARGE_RANGES 2u

/* A slab of the calling thread; its first block. */
static char *begin_slab(void)
{
    struct slab *slab;

    CHECK_THAT(slices_reserve());
    slab = slab_make(size_class_of(BYTES));
    CHECK_THAT(slab != NULL);
    slab_set_owner(slab, slab_owner_at(slab_start(slab)));
    slab->used = slab->threaded = 2;
    return slab_start(slab);
}

static bool is_own(uintptr_t address)
{
    return slab_is_own(slice_window_slab((void *)address), (void *)address);
}

static void look_up_slices(void *arg)
{
    char *block = begin_slab();

    CHECK_THAT(slice_window_is_open() || stepping_is_under_valgrind());
    for (size_t i = 0; slice_window_is_open() && i < SLICES; i++) {
        CHECK_THAT(slice_window_slab(slice_start(i)) == slab_of_slice(i));
        CHECK_THAT(slice_window_slab((char *)slice_start(i) + SLICE_BYTES - 1) == slab_of_slice(i));
    }
    CHECK_THAT(is_own((uintptr_t)block) == slice_window_is_open());
    CHECK_THAT(is_own((uintptr_t)block + SLICE_BYTES - 1) == slice_window_is_open());
    CHECK_THAT(!is_own((uintptr_t)block - 1) && !is_own((uintptr_t)block + SLICE_BYTES));
}

static void slices_are_found(void **state)
{
    expect_good_child(look_up_slices, NULL);
}

/* Those that have the same place in other windows, and the same lower bits, and any others. */
static void look_up_elsewhere(void *arg)
{
    uintptr_t block = (uintptr_t)begin_slab();
    struct random random = random_from(1);

    for (uintptr_t windows = 1; windows < (uintptr_t)1 << (64 - SLICE_WINDOW_SHIFT); windows *= 2) {
        CHECK_THAT(!is_own(block + windows * WINDOW_BYTES));
        CHECK_THAT(!is_own(block - windows * WINDOW_BYTES));
        CHECK_THAT(!is_own(block ^ (windows * WINDOW_BYTES)));
    }
    for (unsigned int i = 0; i < TRIES; i++) {
        uintptr_t address = (uintptr_t)(random_next(&random) >> (i % 64));

        CHECK_THAT(!is_own(address) || slab_at((void *)address) == slab_at((void *)block));
    }
    CHECK_THAT(!is_own(0) && !is_own(UINTPTR_MAX));
}

static void other_addresses_are_not_taken_for_blocks(void **state)
{
    expect_good_child(look_up_elsewhere, NULL);
}

static void *look_at_block(void *block)
{
    return is_own((uintptr_t)block) ? block : NULL;
}

static void look_up_in_thread(void *arg)
{
    char *block = begin_slab();
    pthread_t thread;
    void *found = block;

    CHECK_THAT(pthread_create(&thread, NULL, look_at_block, block) == 0);
    CHECK_THAT(pthread_join(thread, &found) == 0 && found == NULL);
}

static void a_block_is_its_own_threads(void **state)
{
    expect_good_child(look_up_in_thread, NULL);
}

static size_t offset_of(const char *address)
{
    return slice_window_offset(address, SLICE_WINDOW_OPEN_MASK);
}

static void a_range_is_in_one_window_and_not_at_its_start(void **state)
{
    char *start = (char *)(5 * WINDOW_BYTES);

    assert_false(slice_window_holds(start, SLICE_BYTES));
    assert_true(slice_window_holds(start + SLICE_BYTES, SLICE_BYTES));
    assert_true(slice_window_holds(start + SLICE_BYTES, WINDOW_BYTES - SLICE_BYTES));
    assert_false(slice_window_holds(start + SLICE_BYTES, WINDOW_BYTES));
    assert_false(slice_window_holds(start - SLICE_BYTES, 2 * SLICE_BYTES));
    assert_int_equal(offset_of(start), 0);
    assert_int_equal(offset_of(start + 3 * SLICE_BYTES), 3 * sizeof(struct slab));
    assert_int_equal(offset_of(start - 1), SLICE_WINDOW_BYTES - sizeof(struct slab));
}

/* What free does not find in the window it looks up by comparing. */
static void free_the_long_way(void)
{
    thread_cache_init();
    CHECK_THAT(!slice_window_is_open());
    void *block = thread_cache_alloc_slowly(size_class_of(BYTES));
    struct slab *slab = slab_of_slice(slice_of(block));
    uint32_t used = slab->used;

    CHECK_THAT(!is_own((uintptr_t)block) && !fast_free(block));
    CHECK_THAT(slice_window_slab(block) == slice_window_slab(NULL));
    thread_cache_free_slowly(slab, block);
    CHECK_THAT(slab->used == used - 1 && slab->free == block);
}

static void reserve_little(void *arg)
{
    fake_os_fail_next(FAKE_OS_RESERVE, LARGE_RANGES + 1);
    free_the_long_way();
    CHECK_THAT(fake_os_calls(FAKE_OS_MAKE_READABLE) == 0);
}

static void refuse_tables(void *arg)
{
    fake_os_fail_all(FAKE_OS_MAKE_READABLE);
    free_the_long_way();
    CHECK_THAT(fake_os_calls(FAKE_OS_MAKE_READABLE) > 0);
}

static void a_small_range_has_a_closed_window(void **state)
{
    expect_good_child(reserve_little, NULL);
    expect_good_child(refuse_tables, NULL);
}

/* ThreadSanitizer has a thread of its own. */
static void end_range(void *arg)
{
    char *block = begin_slab();
    bool was_open = slice_window_is_open();

    slice_range_end();
    if (!sync_is_alone()) {
        CHECK_THAT(slice_window_is_open() == was_open);
        return;
    }
    CHECK_THAT(!slice_window_is_open() && !is_own((uintptr_t)block));
    CHECK_THAT(slice_window_slab(block)->slices == 0);
    CHECK_THAT(slice_window_slab(NULL) == slice_window_slab((void *)UINTPTR_MAX));
    CHECK_THAT(slab_at(block) == slab_of_slice(0) && slab_is_own(slab_of_slice(0), block));
}

static void a_window_closes_with_its_range(void **state)
{
    expect_good_child(end_range, NULL);
}

static pthread_barrier_t barrier;

static void *wait_twice(void *arg)
{
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return NULL;
}

/* It may be about to look an address up. */
static void end_range_beside_thread(void *arg)
{
    char *block = begin_slab();
    bool was_open = slice_window_is_open();
    pthread_t thread;

    pthread_barrier_init(&barrier, NULL, 2);
    CHECK_THAT(pthread_create(&thread, NULL, wait_twice, NULL) == 0);
    pthread_barrier_wait(&barrier);
    slice_range_end();
    CHECK_THAT(slice_window_is_open() == was_open);
    CHECK_THAT(is_own((uintptr_t)block) == was_open && !is_own(0) && !is_own(UINTPTR_MAX));
    pthread_barrier_wait(&barrier);
    CHECK_THAT(pthread_join(thread, NULL) == 0);
}

static void a_window_stays_open_beside_other_threads(void **state)
{
    expect_good_child(end_range_beside_thread, NULL);
}

static int begin(void **state)
{
    fake_os_reset();
    return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, begin)
    const struct CMUnitTest tests[] = {
        TEST(slices_are_found),
        TEST(other_addresses_are_not_taken_for_blocks),
        TEST(a_block_is_its_own_threads),
        TEST(a_range_is_in_one_window_and_not_at_its_start),
        TEST(a_small_range_has_a_closed_window),
        TEST(a_window_closes_with_its_range),
        TEST(a_window_stays_open_beside_other_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
