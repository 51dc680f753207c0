/* SPDX-License-Identifier: Apache-2.0 */
/* Memory blocks, used by several threads and by handlers that interrupt each of them at any moment,
 * also in the middle of a call, whose lock they then do without. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include <quarry/bitarray.h>
#include <zephyr/sys/mem_blocks.h>
#include "../support/random.h"
#include "../support/signal_timer.h"

#define BLOCK_BYTES     8u
#define BLOCKS          (Z_BITARRAY_DIRECT_BITS + 76u) /* with a summary of what is full */
#define RESERVED        (BLOCKS - 100u) /* never given back: most words of bits are full */
#define HAMMERS         2u
#define SLOTS           8u
#define MOST            24u /* of one call of a thread */
#define ROUNDS          100000u
#define PAUSE_NS        50000 /* between the end of a handler and the next one */
#define FEW             3u
#define TOGGLES         2000u
#define TOGGLE_PAUSE_NS 20000
#define HANG_SECONDS    300u

SYS_MEM_BLOCKS_DEFINE_STATIC(blocks, BLOCK_BYTES, BLOCKS, 8);

static unsigned char is_taken[BLOCKS]; /* atomic */
static size_t errors;                  /* atomic */

/* A thread and its handler, which give back what the other one has taken. */
struct hammer {
    pthread_t thread;
    timer_t timer;
    struct random random;
    void *for_handler[SLOTS]; /* atomic, as the next: a block each */
    void *for_thread[SLOTS];
    size_t handled;
    size_t made;
};

static struct hammer hammers[HAMMERS];
static _Thread_local struct hammer *own_hammer;

static size_t below(struct hammer *hammer, size_t limit)
{
    return (size_t)random_below(&hammer->random, limit);
}

static void count_error(bool is_error)
{
    __atomic_fetch_add(&errors, is_error, __ATOMIC_RELAXED);
}

/* Whoever takes a block marks it, and unmarks it before he gives it back. */
static void mark(void *const *mem, size_t count, unsigned char taken)
{
    for (size_t i = 0; i < count; i++) {
        size_t number = (size_t)((uint8_t *)mem[i] - blocks.buffer) / BLOCK_BYTES;

        count_error(__atomic_exchange_n(&is_taken[number], taken, __ATOMIC_RELAXED) == taken);
    }
}

static bool take(size_t count, void **mem)
{
    int result = sys_mem_blocks_alloc(&blocks, count, mem);

    count_error(result != 0 && result != -ENOMEM);
    if (result == 0) {
        mark(mem, count, 1);
    }
    return result == 0;
}

static void give(size_t count, void **mem)
{
    mark(mem, count, 0);
    count_error(sys_mem_blocks_free(&blocks, count, mem) != 0);
}

static void give_from(void **slot)
{
    void *mem = __atomic_exchange_n(slot, NULL, __ATOMIC_RELAXED);

    if (mem != NULL) {
        give(1, &mem);
    }
}

static bool put_into(void **slot)
{
    void *mem = NULL;

    if (!take(1, &mem)) {
        return false;
    }
    mem = __atomic_exchange_n(slot, mem, __ATOMIC_RELAXED);
    if (mem != NULL) {
        give(1, &mem); /* a handler has been here in between */
    }
    return true;
}

static void hammer_in_handler(int number)
{
    struct hammer *hammer = own_hammer;
    size_t slot = hammer->handled++ % SLOTS;

    (void)number;
    give_from(&hammer->for_handler[slot]);
    if (hammer->for_thread[slot] == NULL) {
        hammer->made += put_into(&hammer->for_thread[slot]);
    }
    signal_timer_set(hammer->timer, PAUSE_NS);
}

/* Takes several and gives them back, in two calls or in one. */
static void take_and_give(struct hammer *hammer)
{
    void *mem[MOST];
    size_t count = 1 + below(hammer, MOST);

    if (below(hammer, 2) == 0) {
        if (take(count, mem)) {
            give(count, mem);
        }
    } else if (sys_mem_blocks_alloc_contiguous(&blocks, count, mem) == 0) {
        for (size_t i = 1; i < count; i++) {
            mem[i] = (char *)mem[0] + i * BLOCK_BYTES;
        }
        mark(mem, count, 1);
        mark(mem, count, 0);
        count_error(sys_mem_blocks_free_contiguous(&blocks, mem[0], count) != 0);
    }
}

static void *hammer_blocks(void *arg)
{
    struct hammer *hammer = arg;
    size_t rounds = scaled_rounds(ROUNDS);

    own_hammer = hammer;
    hammer->timer = signal_timer_make(SIGUSR2);
    signal_timer_set(hammer->timer, PAUSE_NS);
    for (size_t i = 0; i < rounds || hammer->handled < 4 * SLOTS; i++) {
        size_t slot = below(hammer, SLOTS);

        give_from(&hammer->for_thread[slot]);
        put_into(&hammer->for_handler[slot]);
        take_and_give(hammer);
        sys_mem_blocks_runtime_stats_reset_max(&blocks);
    }
    timer_delete(hammer->timer);
    return NULL;
}

/* All but every eleventh block, and all in a row in between. */
static size_t reserve(void)
{
    size_t count = 0;

    for (size_t i = 0; i < BLOCKS && count < RESERVED; i++) {
        if (i % 11 != 10 || i < BLOCKS / 2) {
            assert_int_equal(sys_mem_blocks_get(&blocks, blocks.buffer + i * BLOCK_BYTES, 1), 0);
            is_taken[i] = 1;
            count++;
        }
    }
    return count;
}

static void empty_slots(struct hammer *hammer)
{
    print_message("%zu handlers made %zu blocks\n", hammer->handled, hammer->made);
    for (size_t slot = 0; slot < SLOTS; slot++) {
        give_from(&hammer->for_handler[slot]);
        give_from(&hammer->for_thread[slot]);
    }
}

static void nothing_is_lost_between_threads_and_their_handlers(void **state)
{
    size_t bits = 0;
    size_t reserved = reserve();

    signal(SIGUSR2, hammer_in_handler);
    for (size_t i = 0; i < HAMMERS; i++) {
        hammers[i] = (struct hammer){.random = random_from(i)};
        assert_int_equal(pthread_create(&hammers[i].thread, NULL, hammer_blocks, &hammers[i]), 0);
    }
    for (size_t i = 0; i < HAMMERS; i++) {
        pthread_join(hammers[i].thread, NULL);
    }
    for (size_t i = 0; i < HAMMERS; i++) {
        empty_slots(&hammers[i]);
    }
    assert_int_equal(errors, 0);
    assert_int_equal(sys_bitarray_popcount_region(blocks.bitmap, BLOCKS, 0, &bits), 0);
    assert_int_equal(bits, reserved);
    assert_int_equal(blocks.info.used_blocks, reserved);
    assert_true(blocks.info.max_used_blocks >= reserved && blocks.info.max_used_blocks <= BLOCKS);
    assert_true(quarry_bitarray_validate(blocks.bitmap));
}

/* --- Counters, as a handler finds and leaves them --- */

SYS_MEM_BLOCKS_DEFINE_STATIC(few_blocks, BLOCK_BYTES, FEW, 8);

static timer_t toggle_timer;
static void *toggled;
static size_t toggles;
static size_t wanted_toggles; /* then no more: on a slow machine the thread may get no turn */

/* Takes a block, if there is one, or gives it back. */
static void toggle_in_handler(int number)
{
    (void)number;
    toggles++;
    if (toggled != NULL) {
        count_error(sys_mem_blocks_free(&few_blocks, 1, &toggled) != 0);
        toggled = NULL;
    } else if (sys_mem_blocks_alloc(&few_blocks, 1, &toggled) != 0) {
        toggled = NULL;
    }
    if (toggles < wanted_toggles) {
        signal_timer_set(toggle_timer, TOGGLE_PAUSE_NS);
    }
}

/* The mark is looked at last: what a handler does in between can only raise it further. */
static void check_counters(void)
{
    uint32_t used = __atomic_load_n(&few_blocks.info.used_blocks, __ATOMIC_SEQ_CST);
    uint32_t most = __atomic_load_n(&few_blocks.info.max_used_blocks, __ATOMIC_SEQ_CST);

    count_error(used > most || most > FEW);
}

static void counters_are_right_at_any_moment(void **state)
{
    void *mem[FEW];

    wanted_toggles = scaled_rounds(TOGGLES);
    signal(SIGUSR2, toggle_in_handler);
    toggle_timer = signal_timer_make(SIGUSR2);
    signal_timer_set(toggle_timer, TOGGLE_PAUSE_NS);
    for (size_t i = 0; __atomic_load_n(&toggles, __ATOMIC_RELAXED) < wanted_toggles; i++) {
        if (sys_mem_blocks_alloc(&few_blocks, 1 + i % FEW, mem) == 0) {
            check_counters();
            count_error(sys_mem_blocks_free(&few_blocks, 1 + i % FEW, mem) != 0);
        }
        check_counters();
        sys_mem_blocks_runtime_stats_reset_max(&few_blocks);
        check_counters();
    }
    timer_delete(toggle_timer);
    signal(SIGUSR2, SIG_IGN);
    assert_int_equal(errors, 0);
    assert_int_equal(few_blocks.info.used_blocks, toggled != NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_between_threads_and_their_handlers),
        cmocka_unit_test(counters_are_right_at_any_moment),
    };

    alarm(HANG_SECONDS);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
