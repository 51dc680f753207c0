/* SPDX-License-Identifier: Apache-2.0 */
/* Memory blocks in the children of forks: copies that can be used, whatever another thread was
 * doing at that moment. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <quarry/bitarray.h>
#include <zephyr/sys/heap_listener.h>
#include <zephyr/sys/mem_blocks.h>
#include "../support/death.h"
#include "../support/insider.h"
#include "../support/sanitizers.h"

#define BLOCK_BYTES  16u
#define BLOCKS       (Z_BITARRAY_DIRECT_BITS + 76u) /* with a summary of what is full */
#define HANG_SECONDS 300u

SYS_MEM_BLOCKS_DEFINE_STATIC(blocks, BLOCK_BYTES, BLOCKS, 16);
static void *addresses[BLOCKS];

static void die_unless(bool condition)
{
    if (!condition) {
        _exit(1);
    }
}

static size_t bits_set(void)
{
    size_t count = 0;

    sys_bitarray_popcount_region(blocks.bitmap, BLOCKS, 0, &count);
    return count;
}

static bool counters_are_right(size_t used)
{
    return blocks.info.used_blocks == used && bits_set() == used &&
           quarry_bitarray_validate(blocks.bitmap);
}

/* In a child of whose blocks so many are taken. */
static void use_blocks(size_t taken)
{
    die_unless(sys_mem_blocks_alloc(&blocks, BLOCKS - taken + 1, addresses) == -ENOMEM);
    die_unless(sys_mem_blocks_alloc(&blocks, BLOCKS - taken, addresses) == 0);
    die_unless(counters_are_right(BLOCKS));
    die_unless(sys_mem_blocks_free(&blocks, BLOCKS - taken, addresses) == 0);
    die_unless(counters_are_right(taken));
}

static void use_blocks_in_child(void *taken)
{
    use_blocks(*(size_t *)taken);
}

static void expect_good_child(crime_fn deed, void *arg)
{
    struct death death = death_of(deed, arg);

    assert_string_equal(death.message, "");
    assert_int_equal(death.signal, 0);
    assert_int_equal(death.exit_code, 0);
}

static int all_is_free(void **state)
{
    return !counters_are_right(0);
}

/* --- Nobody is inside --- */

static void a_child_has_a_copy(void **state)
{
    void *mem = NULL;
    size_t taken = 50;

    assert_int_equal(sys_mem_blocks_alloc_contiguous(&blocks, taken, &mem), 0);
    expect_good_child(use_blocks_in_child, &taken);
    assert_true(counters_are_right(taken));
    assert_int_equal(sys_mem_blocks_free_contiguous(&blocks, mem, taken), 0);
}

static void use_blocks_in_grandchild(void *taken)
{
    int status = 0;

    use_blocks(*(size_t *)taken);
    pid_t grandchild = fork();
    if (grandchild == 0) {
        use_blocks(*(size_t *)taken);
        _exit(0);
    }
    die_unless(waitpid(grandchild, &status, 0) == grandchild && status == 0);
}

static void grandchildren_have_copies_too(void **state)
{
    size_t taken = 0;

    expect_good_child(use_blocks_in_grandchild, &taken);
}

/* --- Another thread is inside --- */

static void stay_inside(uintptr_t heap_id, void *mem, size_t bytes)
{
    (void)heap_id, (void)mem, (void)bytes;
    insider_stay();
}

static HEAP_LISTENER_FREE_DEFINE(listener, HEAP_ID_FROM_POINTER(&blocks), stay_inside);

static void *give_listened_to(void *mem)
{
    sys_mem_blocks_free_contiguous(&blocks, mem, 10);
    return NULL;
}

static void begin_inside(void *mem)
{
    heap_listener_register(&listener);
    insider_begin(give_listened_to, mem);
}

static void end_inside(void)
{
    insider_end();
    heap_listener_unregister(&listener);
}

/* Child: nobody is to be waited for in the callback. */
static void use_blocks_after_insider(void *taken)
{
    heap_listener_unregister(&listener);
    use_blocks(*(size_t *)taken);
}

static void a_child_has_blocks_that_were_being_given_back(void **state)
{
    void *mem = NULL;
    size_t taken = 10;

    skip_under_thread_sanitizer();
    assert_int_equal(sys_mem_blocks_alloc_contiguous(&blocks, taken, &mem), 0);
    begin_inside(mem);
    struct death death = death_of(use_blocks_after_insider, &taken);
    end_inside();
    assert_string_equal(death.message, "");
    assert_int_equal(death.signal + death.exit_code, 0);
}

/* The thread had counted them off already, or not counted them yet. */
static void what_was_not_counted_counts_as_taken_in_a_child(void **state)
{
    void *mem = NULL;
    size_t taken = 10;

    skip_under_thread_sanitizer();
    assert_int_equal(sys_mem_blocks_alloc_contiguous(&blocks, taken, &mem), 0);
    begin_inside(mem);
    blocks.info.used_blocks -= 3;
    struct death death = death_of(use_blocks_after_insider, &taken);
    blocks.info.used_blocks += 3;
    end_inside();
    assert_string_equal(death.message, "");
    assert_int_equal(death.signal + death.exit_code, 0);
}

/* --- Other threads come and go --- */

static bool must_stop; /* atomic */

static void *take_and_give(void *arg)
{
    void *mem[40];

    while (!__atomic_load_n(&must_stop, __ATOMIC_RELAXED)) {
        if (sys_mem_blocks_alloc(&blocks, 40, mem) == 0) {
            sys_mem_blocks_free(&blocks, 40, mem);
        }
    }
    return arg;
}

/* How many are taken depends on the moment; they stay so. */
static void use_what_is_there(void *arg)
{
    (void)arg;
    void *first = NULL;

    die_unless(sys_mem_blocks_alloc(&blocks, 1, &first) == 0);
    size_t taken = bits_set();
    die_unless(taken <= 2 * 40 + 1 && counters_are_right(taken));
    use_blocks(taken);
}

static void a_child_can_use_blocks_at_any_moment(void **state)
{
    pthread_t threads[2];

    skip_under_thread_sanitizer();
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, NULL), 0);
    }
    for (size_t i = 0; i < 200; i++) {
        expect_good_child(use_what_is_there, NULL);
    }
    __atomic_store_n(&must_stop, true, __ATOMIC_RELAXED);
    for (size_t i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
}

#define TEST(name) cmocka_unit_test_teardown(name, all_is_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_child_has_a_copy),
        TEST(grandchildren_have_copies_too),
        TEST(a_child_has_blocks_that_were_being_given_back),
        TEST(what_was_not_counted_counts_as_taken_in_a_child),
        TEST(a_child_can_use_blocks_at_any_moment),
    };

    alarm(HANG_SECONDS);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
