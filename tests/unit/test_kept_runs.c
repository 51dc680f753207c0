/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of one slice that a thread keeps: whose they are next, how many, and when they go. Each test
 * is a process of its own, for there is one range of slices in a process. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <quarry/malloc.h>
#include "process/census.h"
#include "process/options.h"
#include "process/slices.h"
#include "process/thread_cache.h"
#include "../support/fake_os.h"
#include "../support/good_child.h"
#include "../support/small_blocks.h"

#define BUFFER_BYTES ((size_t)40 << 10)

static size_t kept(void)
{
    return kept_runs_count(&thread_cache->runs);
}

static void make_buffers(void **buffers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buffers[i] = quarry_malloc(BUFFER_BYTES);
        CHECK_THAT(buffers[i] != NULL);
    }
}

static void free_buffers(void **buffers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        quarry_free(buffers[i]);
    }
}

/* No slab gets its slice, though it is the lowest. */
static void make_slabs_meanwhile(void *arg)
{
    void *buffers[2];

    make_buffers(buffers, 2);
    free_buffers(buffers, 2);
    for (size_t bytes = 32; bytes <= 320; bytes += 16) {
        struct slab *slab = slab_of_block(quarry_malloc(bytes));
        CHECK_THAT(slab_start(slab) != buffers[0] && slab_start(slab) != buffers[1]);
    }
    CHECK_THAT(quarry_malloc(BUFFER_BYTES) == buffers[1]);
    CHECK_THAT(quarry_malloc(BUFFER_BYTES) == buffers[0]);
}

static void a_buffer_is_the_next_one(void **state)
{
    expect_good_child(make_slabs_meanwhile, NULL);
}

static void calloc_a_used_one(void *arg)
{
    unsigned char *buffer = quarry_malloc(BUFFER_BYTES);
    size_t usable = quarry_malloc_usable_size(buffer);
    memset(buffer, 0xff, usable);
    quarry_free(buffer);
    CHECK_THAT((unsigned char *)quarry_calloc(1, BUFFER_BYTES) == buffer);
    for (size_t i = 0; i < usable; i++) {
        CHECK_THAT(buffer[i] == 0);
    }
}

static void calloc_clears_it(void **state)
{
    expect_good_child(calloc_a_used_one, NULL);
}

static void free_more_than_are_kept(void *arg)
{
    void *buffers[KEPT_RUNS_MOST + 3];

    make_buffers(buffers, KEPT_RUNS_MOST + 3);
    size_t in_use = slices_in_use();
    free_buffers(buffers, KEPT_RUNS_MOST + 3);
    CHECK_THAT(kept() == KEPT_RUNS_MOST && slices_in_use() == in_use - 3);
    CHECK_THAT(quarry_malloc(2 * SLICE_BYTES) != NULL && kept() == KEPT_RUNS_MOST);
}

static void no_more_than_a_few_are_kept(void **state)
{
    expect_good_child(free_more_than_are_kept, NULL);
}

static void look_twice(void *arg)
{
    struct kept_runs *runs;
    void *buffers[5];

    runs = &thread_cache->runs;
    make_buffers(buffers, 5);
    free_buffers(buffers, 5);
    make_buffers(buffers, 5);
    free_buffers(buffers, 5);
    kept_runs_look(runs); /* all were needed */
    CHECK_THAT(kept() == 5);
    make_buffers(buffers, 2);
    free_buffers(buffers, 2);
    kept_runs_look(runs);
    CHECK_THAT(kept() == 2);
    kept_runs_look(runs);
    kept_runs_look(runs);
    CHECK_THAT(kept() == 0);
}

static void what_is_not_needed_goes(void **state)
{
    expect_good_child(look_twice, NULL);
}

/* Small blocks are enough for a look. */
static void allocate_small_blocks(void *arg)
{
    void *buffers[4];

    make_buffers(buffers, 4);
    free_buffers(buffers, 4);
    for (unsigned int i = 0; i < 4096; i++) {
        CHECK_THAT(quarry_malloc(64) != NULL);
    }
    CHECK_THAT(kept() == 0);
}

static void it_goes_by_itself(void **state)
{
    expect_good_child(allocate_small_blocks, NULL);
}

static void trim(void *arg)
{
    void *buffers[4];

    make_buffers(buffers, 4);
    free_buffers(buffers, 4);
    size_t in_use = slices_in_use();
    quarry_malloc_trim(0);
    CHECK_THAT(kept() == 0 && slices_in_use() <= in_use - 4);
}

static void all_go_when_all_is_to_go(void **state)
{
    expect_good_child(trim, NULL);
}

static void *keep_some(void *in_use_before)
{
    void *buffers[4];

    CHECK_THAT(take(16) != NULL); /* the thread gets a cache, without which nothing is kept */
    *(size_t *)in_use_before = slices_in_use();
    make_buffers(buffers, 4);
    free_buffers(buffers, 4);
    return (void *)kept();
}

static void end_a_thread(void *arg)
{
    pthread_t thread;
    void *kept_then;
    size_t in_use;

    CHECK_THAT(pthread_create(&thread, NULL, keep_some, &in_use) == 0);
    CHECK_THAT(pthread_join(thread, &kept_then) == 0);
    CHECK_THAT((size_t)kept_then == 4 && slices_in_use() <= in_use);
}

static void an_ended_thread_keeps_none(void **state)
{
    expect_good_child(end_a_thread, NULL);
}

static void keep_nothing(void *arg)
{
    void *buffer;

    options_set_purge_delay_ms(0);
    make_buffers(&buffer, 1);
    free_buffers(&buffer, 1);
    CHECK_THAT(kept() == 0 && fake_os_calls(FAKE_OS_DISCARD) == 1);
}

static void without_a_delay_none_is_kept(void **state)
{
    expect_good_child(keep_nothing, NULL);
}

static void take_a_census(void *arg)
{
    static struct census before;
    static struct census after;
    void *buffers[3];

    make_buffers(buffers, 3);
    census_take(&before, CENSUS_AT_ONCE);
    free_buffers(buffers, 3);
    census_take(&after, CENSUS_AT_ONCE);
    CHECK_THAT(after.slices_in_use == before.slices_in_use - 3);
    CHECK_THAT(after.slices_kept == before.slices_kept + 3);
    CHECK_THAT(after.total.committed_bytes == before.total.committed_bytes);
}

static void they_are_counted_as_kept(void **state)
{
    expect_good_child(take_a_census, NULL);
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
        TEST(a_buffer_is_the_next_one),    TEST(calloc_clears_it),
        TEST(no_more_than_a_few_are_kept), TEST(what_is_not_needed_goes),
        TEST(it_goes_by_itself),           TEST(all_go_when_all_is_to_go),
        TEST(an_ended_thread_keeps_none),  TEST(without_a_delay_none_is_kept),
        TEST(they_are_counted_as_kept),
    };

    return cmocka_run_group_tests(tests, small_blocks_begin, NULL);
}
