/* SPDX-License-Identifier: Apache-2.0 */
/* Small blocks: what one thread takes and gives back, what another one gives back for it, what is
 * left by a thread that has ended, signal handlers at any moment, and forks. */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "process/fast.h"
#include "../support/death.h"
#include "../support/memory_look.h"
#include "../support/random.h"
#include "../support/signal_timer.h"
#include "../support/small_blocks.h"

#define PAGE  4096u
#define SLOTS 4000u

/* --- One thread --- */

static void blocks_are_aligned_and_apart(void **state)
{
    char *blocks[300];

    for (size_t i = 0; i < 300; i++) {
        blocks[i] = take(48);
        assert_int_equal((uintptr_t)blocks[i] % 16, 0);
        memset(blocks[i], (int)i, 48);
    }
    for (size_t i = 0; i < 300; i++) {
        for (size_t k = 0; k < 48; k++) {
            assert_int_equal((unsigned char)blocks[i][k], i % 256);
        }
        give(blocks[i]);
    }
}

static void every_size_is_served(void **state)
{
    for (size_t bytes = 0; bytes <= SIZE_CLASS_MOST_BYTES; bytes += bytes < 2000 ? 1 : 97) {
        char *block = take(bytes);

        assert_non_null(block);
        memset(block, 0x5a, bytes);
        give(block);
    }
}

static void a_slab_is_used_page_by_page(void **state)
{
    char *first = take(2000);
    uintptr_t page = (uintptr_t)first / PAGE;
    char *second = take(2000);

    assert_in_range((uintptr_t)second / PAGE, page, page + 1);
    give(second);
    give(first);
}

static void expect_untouched(size_t bytes)
{
    char *block = take(bytes);

    assert_false(is_there(block));
    memset(block, 1, bytes); /* never freed */
}

static void malloc_leaves_the_page_to_whoever_writes(void **state)
{
    const size_t large = 2 * PAGE; /* so that no two share one */
    const size_t small = 700;

    for (size_t i = 0; i < 20; i++) {
        expect_untouched(large);
    }
    expect_untouched(small);
    assert_true(is_there(take(small))); /* on the same page */
}

static void each_page_of_small_blocks_is_left_as_well(void **state)
{
    const size_t bytes = 512;
    const size_t pages = 4;
    size_t begun = 0;

    for (size_t i = 0; i < pages * PAGE / bytes; i++) {
        char *block = take(bytes);

        if ((uintptr_t)block % PAGE == 0) {
            assert_false(is_there(block));
            begun++;
        }
        memset(block, 1, bytes); /* never freed */
    }
    assert_int_equal(begun, pages);
}

struct slot {
    unsigned char *block;
    size_t bytes;
    unsigned char mark;
};

static void fill(struct slot *slot, struct random *random)
{
    slot->bytes = random_below(random, 8) == 0 ? random_below(random, SIZE_CLASS_MOST_BYTES)
                                               : random_below(random, 600);
    slot->mark = (unsigned char)random_below(random, 256);
    slot->block = take(slot->bytes);
    assert_non_null(slot->block);
    memset(slot->block, slot->mark, slot->bytes);
}

static void empty(struct slot *slot)
{
    for (size_t i = 0; i < slot->bytes; i++) {
        assert_int_equal(slot->block[i], slot->mark);
    }
    give(slot->block);
    slot->block = NULL;
}

static void blocks_keep_their_contents(void **state)
{
    static struct slot slots[SLOTS];
    struct random random = random_from(7);

    for (int i = 0; i < 60000; i++) {
        struct slot *slot = &slots[random_below(&random, SLOTS)];

        if (slot->block != NULL) {
            empty(slot);
        } else {
            fill(slot, &random);
        }
    }
    for (size_t i = 0; i < SLOTS; i++) {
        if (slots[i].block != NULL) {
            empty(&slots[i]);
        }
    }
}

static void what_was_given_back_is_used_again(void **state)
{
    static void *blocks[5000];
    size_t before = slices_in_use();

    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < 5000; i++) {
            blocks[i] = take(100);
        }
        for (size_t i = 0; i < 5000; i++) {
            give(blocks[i]);
        }
        assert_true(slices_in_use() <= before + 9); /* 5000 blocks of 112 bytes */
    }
}

/* Of blocks above 4 KiB the current slab is kept, and no other. */
static void slabs_of_some_slices_are_not_kept(void **state)
{
    enum { BYTES = 30000, COUNT = 100 };
    char *blocks[COUNT];
    char *first = take(BYTES);
    size_t slices = slices_in_use();

    for (size_t i = 0; i < COUNT; i++) {
        blocks[i] = take(BYTES);
    }
    assert_true(slices_in_use() > slices);
    for (size_t i = 0; i < COUNT; i++) {
        give(blocks[i]);
    }
    assert_in_range(slices_in_use(), slices, slices + slab_of_taken(first)->slices);
    give(first);
}

/* --- Two threads --- */

static sem_t ready, taken;

static void *left_behind[2000];

static void *take_and_end(void *arg)
{
    for (size_t i = 0; i < 2000; i++) {
        left_behind[i] = take(64);
        memset(left_behind[i], 3, 64);
    }
    return arg;
}

static void blocks_of_a_thread_that_has_ended_stay_good(void **state)
{
    size_t before = 0;

    for (int round = 0; round < 30; round++) {
        pthread_t other;

        assert_int_equal(pthread_create(&other, NULL, take_and_end, NULL), 0);
        pthread_join(other, NULL);
        for (size_t i = 0; i < 2000; i++) {
            assert_int_equal(*(char *)left_behind[i], 3);
            give(left_behind[i]);
        }
        thread_cache_trim();
        before = round == 0 ? slices_in_use() : before;
        assert_true(slices_in_use() <= before + 1);
    }
}

static void *prepare(void *arg)
{
    thread_cache_prepare();
    size_t slices = slices_in_use();
    char *block = take(1);

    assert_int_equal(slices_in_use(), slices);
    give(block);
    thread_cache_prepare();
    assert_int_equal(slices_in_use(), slices);
    return arg;
}

static void a_prepared_thread_takes_its_first_block_from_a_list(void **state)
{
    size_t slices = slices_in_use();
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, prepare, NULL), 0);
    pthread_join(thread, NULL);
    assert_in_range(slices_in_use(), 0, slices + 1);
}

static void *begin_and_end(void *arg)
{
    give(take(16));
    give(take(160));
    return arg;
}

static void many_short_threads_cost_no_slices(void **state)
{
    size_t before = slices_in_use();

    for (int i = 0; i < 500; i++) {
        pthread_t other;

        assert_int_equal(pthread_create(&other, NULL, begin_and_end, NULL), 0);
        pthread_join(other, NULL);
    }
    assert_true(slices_in_use() <= before + 2);
}

#define THREADS       4
#define SHARED_SLOTS  256u
#define SHARED_ROUNDS 40000

static _Atomic(unsigned char *) shared[SHARED_SLOTS];

/* Each block says how large it is, and has that in its last byte, too. */
static void *exchange(void *arg)
{
    struct random random = random_from((uint64_t)(uintptr_t)arg);

    for (int i = 0; i < SHARED_ROUNDS; i++) {
        unsigned char size = (unsigned char)(2 + random_below(&random, 250));
        unsigned char *block = take(size);

        block[0] = block[size - 1] = size;
        block = atomic_exchange(&shared[random_below(&random, SHARED_SLOTS)], block);
        if (block != NULL) {
            if (block[block[0] - 1] != block[0]) {
                return block;
            }
            give(block);
        }
    }
    return NULL;
}

static void threads_free_each_others_blocks(void **state)
{
    pthread_t threads[THREADS];
    void *damaged;

    for (uintptr_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, exchange, (void *)(i + 1)), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &damaged);
        assert_null(damaged);
    }
    for (size_t i = 0; i < SHARED_SLOTS; i++) {
        if (shared[i] != NULL) {
            give(shared[i]);
            shared[i] = NULL;
        }
    }
}

/* --- Signal handlers --- */

static timer_t timer;
static volatile long handled;
static struct slot handlers[16];

/* Takes a block, or gives one back that an earlier handler took. */
static void allocate_in_handler(int number)
{
    struct slot *slot = &handlers[handled % 16];

    handled++;
    if (slot->block == NULL) {
        slot->bytes = 64;
        slot->block = take(slot->bytes);
        if (slot->block != NULL) {
            memset(slot->block, 0x77, slot->bytes);
        }
    } else {
        for (size_t i = 0; i < slot->bytes; i++) {
            if (slot->block[i] != 0x77) {
                abort();
            }
        }
        give(slot->block);
        slot->block = NULL;
    }
    signal_timer_set(timer, 20000 + handled % 977);
}

static void handlers_come_at_any_moment(void **state)
{
    unsigned char *blocks[64] = {NULL};

    signal(SIGUSR1, allocate_in_handler);
    timer = signal_timer_make(SIGUSR1);
    signal_timer_set(timer, 20000);
    for (unsigned int i = 0; handled < 3000; i++) {
        unsigned char **block = &blocks[i * 7 % 64];

        if (*block != NULL) {
            for (size_t k = 0; k < 64; k++) {
                assert_int_equal((*block)[k], 0x11);
            }
            give(*block);
        }
        *block = take(64);
        assert_non_null(*block);
        memset(*block, 0x11, 64);
    }
    timer_delete(timer);
    signal(SIGUSR1, SIG_IGN);
}

/* --- Forks --- */

static void use_blocks(void *arg)
{
    struct random random = random_from(11);
    static struct slot slots[100];

    for (int i = 0; i < 5000; i++) {
        struct slot *slot = &slots[random_below(&random, 100)];

        if (slot->block != NULL) {
            empty(slot);
        } else {
            fill(slot, &random);
        }
    }
    for (size_t i = 0; i < 2000; i++) {
        give(left_behind[i]); /* of a thread that is not here */
    }
}

static void *take_and_wait(void *arg)
{
    take_and_end(arg);
    sem_post(&taken);
    while (sem_wait(&ready) != 0) {
    }
    return arg;
}

static void a_child_has_what_its_thread_needs(void **state)
{
    pthread_t other;

    sem_init(&ready, 0, 0);
    sem_init(&taken, 0, 0);
    assert_int_equal(pthread_create(&other, NULL, take_and_wait, NULL), 0);
    while (sem_wait(&taken) != 0) {
    }
    struct death death = death_of(use_blocks, NULL);
    assert_int_equal(death.signal, 0);
    assert_int_equal(death.exit_code, 0);
    sem_post(&ready);
    pthread_join(other, NULL);
    use_blocks(NULL);
}

/* As when the environment was not there yet the first time. */
static void to_begin_again_changes_nothing(void **state)
{
    void *block = take(16);
    uintptr_t start = slice_range_start;

    thread_cache_init();
    assert_int_equal(slice_range_start, start);
    assert_true(fast_free(block));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malloc_leaves_the_page_to_whoever_writes), /* while slabs are new */
        cmocka_unit_test(each_page_of_small_blocks_is_left_as_well),
        cmocka_unit_test(blocks_are_aligned_and_apart),
        cmocka_unit_test(every_size_is_served),
        cmocka_unit_test(a_slab_is_used_page_by_page),
        cmocka_unit_test(blocks_keep_their_contents),
        cmocka_unit_test(what_was_given_back_is_used_again),
        cmocka_unit_test(slabs_of_some_slices_are_not_kept),
        cmocka_unit_test(a_prepared_thread_takes_its_first_block_from_a_list),
        cmocka_unit_test(blocks_of_a_thread_that_has_ended_stay_good),
        cmocka_unit_test(many_short_threads_cost_no_slices),
        cmocka_unit_test(threads_free_each_others_blocks),
        cmocka_unit_test(handlers_come_at_any_moment),
        cmocka_unit_test(a_child_has_what_its_thread_needs),
        cmocka_unit_test(to_begin_again_changes_nothing),
    };

    return cmocka_run_group_tests(tests, small_blocks_begin, NULL);
}
