/* SPDX-License-Identifier: Apache-2.0 */
/* Mappings of freed large blocks: which are kept, for how long, and whom they serve. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <quarry/malloc.h>
#include "os/os.h"
#include "process/large_cache.h"
#include "process/options.h"
#include "../support/fake_os.h"

#define MIB  ((size_t)1 << 20)
#define PAGE ((size_t)4096)

static void *map(size_t bytes)
{
    void *start = os_map(bytes, PAGE);

    assert_non_null(start);
    return start;
}

static void *map_and_keep(size_t bytes)
{
    void *start = map(bytes);

    assert_true(large_cache_keep(start, bytes, 0));
    return start;
}

static int begin(void **state)
{
    fake_os_reset();
    return 0;
}

static int end(void **state)
{
    large_cache_empty();
    return large_cache_bytes() == 0 ? 0 : -1;
}

static void a_mapping_serves_a_request_of_its_size(void **state)
{
    size_t mapped = 0;
    char *kept = map_and_keep(MIB);

    kept[5] = 7;
    assert_int_equal(large_cache_bytes(), MIB);
    assert_ptr_equal(large_cache_take(MIB, &mapped), kept);
    assert_int_equal(mapped, MIB);
    assert_int_equal(kept[5], 7);
    assert_null(large_cache_take(MIB, &mapped));
    os_unmap(kept, MIB);
}

static void an_eighth_more_will_do_and_no_more(void **state)
{
    size_t mapped = 0;
    char *kept = map_and_keep(9 * MIB);

    assert_null(large_cache_take(9 * MIB + PAGE, &mapped));
    assert_null(large_cache_take(8 * MIB - PAGE, &mapped));
    assert_ptr_equal(large_cache_take(8 * MIB, &mapped), kept);
    assert_int_equal(mapped, 9 * MIB);
    os_unmap(kept, 9 * MIB);
}

static void the_smallest_that_will_do_is_taken(void **state)
{
    size_t mapped = 0;
    size_t bytes = 16 * PAGE;
    void *kept[3] = {map_and_keep(bytes + 2 * PAGE), map_and_keep(bytes),
                     map_and_keep(bytes + PAGE)};

    assert_ptr_equal(large_cache_take(bytes, &mapped), kept[1]);
    assert_ptr_equal(large_cache_take(bytes, &mapped), kept[2]);
    assert_ptr_equal(large_cache_take(bytes, &mapped), kept[0]);
    for (size_t i = 0; i < 3; i++) {
        os_unmap(kept[i], bytes + 2 * PAGE - (i == 0 ? 0 : i == 1 ? 2 * PAGE : PAGE));
    }
}

static void as_much_is_kept_as_what_is_in_use_allows(void **state)
{
    void *start = map(24 * MIB);

    assert_false(large_cache_keep(start, 24 * MIB, 0));
    assert_false(large_cache_keep(start, 24 * MIB, 63 * MIB));
    assert_true(large_cache_keep(start, 24 * MIB, 64 * MIB));
    void *more = map(PAGE);
    assert_false(large_cache_keep(more, PAGE, 64 * MIB));
    os_unmap(more, PAGE);
}

static void there_are_so_many_places(void **state)
{
    size_t count = 0;
    void *start = map(PAGE);

    while (large_cache_keep(start, PAGE, 0)) {
        start = map(PAGE);
        count++;
    }
    os_unmap(start, PAGE);
    assert_int_equal(count, 64);
    assert_int_equal(large_cache_empty(), 64 * PAGE);
}

static void what_was_kept_for_the_delay_is_unmapped(void **state)
{
    map_and_keep(MIB);
    fake_os_advance_ns(options_purge_delay_ns() / 2);
    map_and_keep(2 * MIB);
    large_cache_purge_if_due();
    assert_int_equal(large_cache_bytes(), 3 * MIB);
    fake_os_advance_ns(options_purge_delay_ns() / 2);
    large_cache_purge_if_due();
    assert_int_equal(large_cache_bytes(), 2 * MIB);
    assert_int_equal(fake_os_calls(FAKE_OS_UNMAP), 1);
}

static void memory_goes_back_even_if_the_mapping_does_not(void **state)
{
    map_and_keep(MIB);
    fake_os_fail_nth(FAKE_OS_UNMAP, 1);
    assert_int_equal(large_cache_empty(), MIB);
    assert_int_equal(fake_os_calls(FAKE_OS_DISCARD), 1);
}

static void malloc_takes_what_was_freed_and_calloc_does_not(void **state)
{
    char *block = quarry_malloc(4 * MIB);

    memset(block, 1, 4 * MIB);
    quarry_free(block);
    char *zeroed = quarry_calloc(4, MIB);
    for (size_t i = 0; i < 4 * MIB; i++) {
        assert_int_equal(zeroed[i], 0);
    }
    assert_ptr_equal(quarry_malloc(4 * MIB), block);
    quarry_free(block);
    quarry_free(zeroed);
}

#define THREADS 4
#define ROUNDS  20000

static atomic_uint owners[2]; /* of the two mappings */
static char *pair[2];
static atomic_bool shared_by_two;

static void *take_and_keep(void *arg)
{
    for (int i = 0; i < ROUNDS; i++) {
        size_t mapped = 0;
        char *start = large_cache_take(PAGE, &mapped);

        if (start != NULL) {
            atomic_uint *owner = &owners[start == pair[1]];

            if (atomic_fetch_add(owner, 1) != 0 || mapped != PAGE) {
                atomic_store(&shared_by_two, true);
            }
            atomic_fetch_sub(owner, 1);
            if (!large_cache_keep(start, PAGE, 0)) {
                atomic_store(&shared_by_two, true);
            }
        }
    }
    return arg;
}

static void a_mapping_is_never_anybody_elses(void **state)
{
    pthread_t threads[THREADS];

    pair[0] = map_and_keep(PAGE);
    pair[1] = map_and_keep(PAGE);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_keep, NULL), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_false(shared_by_two);
    assert_int_equal(large_cache_bytes(), 2 * PAGE);
    assert_int_equal(large_cache_empty(), 2 * PAGE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_mapping_serves_a_request_of_its_size),
        TEST(an_eighth_more_will_do_and_no_more),
        TEST(the_smallest_that_will_do_is_taken),
        TEST(as_much_is_kept_as_what_is_in_use_allows),
        TEST(there_are_so_many_places),
        TEST(what_was_kept_for_the_delay_is_unmapped),
        TEST(memory_goes_back_even_if_the_mapping_does_not),
        TEST(malloc_takes_what_was_freed_and_calloc_does_not),
        TEST(a_mapping_is_never_anybody_elses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
