/* SPDX-License-Identifier: Apache-2.0 */
/* Memory blocks that several threads take and give back: no block belongs to two, none gets lost,
 * whole calls happen at once, and counters are right in the end. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <quarry/mem_blocks.h>
#include <zephyr/sys/mem_blocks.h>
#include "../support/race_detector.h"
#include "../support/random.h"

#define BLOCK_BYTES  16u
#define BLOCKS       (Z_BITARRAY_DIRECT_BITS + 76u) /* with a summary of what is full */
#define THREADS      4u
#define SLOTS        40u
#define MOST         60u /* of one call */
#define ROUNDS       100000u
#define MANY         65536u
#define MEETINGS     200u
#define HANG_SECONDS 300u

SYS_MEM_BLOCKS_DEFINE_STATIC(blocks, BLOCK_BYTES, BLOCKS, 16);

/* What one call took. */
struct catch
{
    void *mem[MOST];
    size_t count;
    bool side_by_side;
};

struct worker {
    pthread_t thread;
    unsigned char number;
    struct random random;
    struct catch slots[SLOTS];
    size_t damaged; /* blocks whose contents were not as the worker left them */
    size_t odd;     /* results that cannot be */
};

static struct worker workers[THREADS];

static size_t below(struct worker *worker, size_t limit)
{
    return (size_t)random_below(&worker->random, limit);
}

/* A race detector sees that this is no race only if blocks are handed over in order. */
static void fill(const struct worker *worker, struct catch *caught)
{
    for (size_t i = 0; i < caught->count; i++) {
        memset(caught->mem[i], worker->number, BLOCK_BYTES);
    }
}

static void check(struct worker *worker, const struct catch *caught)
{
    for (size_t i = 0; i < caught->count; i++) {
        const unsigned char *mem = caught->mem[i];

        for (size_t byte = 0; byte < BLOCK_BYTES; byte++) {
            worker->damaged += mem[byte] != worker->number;
        }
    }
}

static void take_side_by_side(struct worker *worker, struct catch *caught, size_t count)
{
    int result = sys_mem_blocks_alloc_contiguous(&blocks, count, &caught->mem[0]);

    caught->count = result == 0 ? count : 0;
    caught->side_by_side = true;
    worker->odd += result != 0 && result != -ENOMEM;
    for (size_t i = 1; i < caught->count; i++) {
        caught->mem[i] = (char *)caught->mem[0] + i * BLOCK_BYTES;
    }
}

static void take_particular_ones(struct worker *worker, struct catch *caught, size_t count)
{
    char *mem = (char *)blocks.buffer + below(worker, BLOCKS) * BLOCK_BYTES;
    int result = sys_mem_blocks_get(&blocks, mem, count);

    caught->count = result == 0 ? count : 0;
    caught->side_by_side = true;
    worker->odd += result != 0 && result != -ENOMEM;
    for (size_t i = 0; i < caught->count; i++) {
        caught->mem[i] = mem + i * BLOCK_BYTES;
    }
}

static void take(struct worker *worker, struct catch *caught)
{
    size_t count = random_log_uniform(&worker->random, MOST);
    size_t way = below(worker, 6);

    if (way == 0) {
        take_side_by_side(worker, caught, count);
    } else if (way == 1) {
        take_particular_ones(worker, caught, count);
    } else {
        int result = sys_mem_blocks_alloc(&blocks, count, caught->mem);

        caught->count = result == 0 ? count : 0;
        caught->side_by_side = false;
        worker->odd += result != 0 && result != -ENOMEM;
    }
    fill(worker, caught);
}

static void give(struct worker *worker, struct catch *caught)
{
    int result;

    check(worker, caught);
    if (caught->side_by_side) {
        result = sys_mem_blocks_free_contiguous(&blocks, caught->mem[0], caught->count);
    } else {
        result = sys_mem_blocks_free(&blocks, caught->count, caught->mem);
    }
    worker->odd += result != 0;
    caught->count = 0;
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    size_t rounds = scaled_rounds(ROUNDS);
    struct sys_memory_stats stats;

    for (size_t i = 0; i < rounds; i++) {
        struct catch *caught = &worker->slots[below(worker, SLOTS)];

        if (caught->count == 0) {
            take(worker, caught);
        } else {
            give(worker, caught);
        }
        if (i % 32 == 0) {
            sys_mem_blocks_runtime_stats_reset_max(&blocks);
            sys_mem_blocks_runtime_stats_get(&blocks, &stats);
        }
    }
    return NULL;
}

static size_t blocks_of(const struct worker *worker)
{
    size_t count = 0;

    for (size_t i = 0; i < SLOTS; i++) {
        count += worker->slots[i].count;
    }
    return count;
}

static size_t bits_set(void)
{
    size_t count = 0;

    assert_int_equal(sys_bitarray_popcount_region(blocks.bitmap, BLOCKS, 0, &count), 0);
    return count;
}

static void blocks_are_kept_apart_and_together(void **state)
{
    size_t held = 0;

    for (size_t i = 0; i < THREADS; i++) {
        workers[i].number = (unsigned char)(i + 1);
        workers[i].random = random_from(i);
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_int_equal(workers[i].odd, 0);
        assert_int_equal(workers[i].damaged, 0);
        held += blocks_of(&workers[i]);
    }
    assert_int_equal(blocks.info.used_blocks, held);
    assert_int_equal(bits_set(), held);
    assert_true(blocks.info.max_used_blocks >= held && blocks.info.max_used_blocks <= BLOCKS);
    for (size_t i = 0; i < THREADS; i++) {
        for (size_t slot = 0; slot < SLOTS; slot++) {
            give(&workers[i], &workers[i].slots[slot]);
        }
        assert_int_equal(workers[i].odd + workers[i].damaged, 0);
    }
    assert_int_equal(blocks.info.used_blocks, 0);
    assert_int_equal(bits_set(), 0);
}

/* --- Two that want all --- */

/* So many that taking them lasts, in a buffer that is not there. */
static sys_mem_blocks_t many_blocks;
static sys_bitarray_t many_bits;
static uint32_t many_words[QUARRY_BITARRAY_WORDS(MANY)];

struct glutton {
    pthread_t thread;
    void *mem[MANY];
    bool succeeded[MEETINGS];
    size_t odd;
};

static size_t arrived; /* atomic: of both, in all meetings */

/* Until the other one is here. Who sleeps would come too late for the meeting itself. */
static void meet(size_t meeting)
{
    __atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&arrived, __ATOMIC_SEQ_CST) < 2 * (meeting + 1)) {
        sched_yield();
    }
}

static void *eat(void *arg)
{
    struct glutton *glutton = arg;
    size_t meetings = scaled_rounds(MEETINGS);

    for (size_t i = 0; i < meetings; i++) {
        meet(2 * i);
        int result = sys_mem_blocks_alloc(&many_blocks, MANY, glutton->mem);

        glutton->succeeded[i] = result == 0;
        glutton->odd += result != 0 && result != -ENOMEM;
        meet(2 * i + 1);
        if (result == 0) {
            glutton->odd += sys_mem_blocks_free(&many_blocks, MANY, glutton->mem) != 0;
        }
    }
    return NULL;
}

/* Were blocks taken one by one, both would fail. */
static void one_of_two_that_want_all_gets_them(void **state)
{
    static struct glutton gluttons[2];

    assert_int_equal(quarry_bitarray_init(&many_bits, MANY, many_words, ARRAY_SIZE(many_words)), 0);
    assert_int_equal(quarry_mem_blocks_init(&many_blocks, (void *)64, 1, &many_bits), 0);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&gluttons[i].thread, NULL, eat, &gluttons[i]), 0);
    }
    for (size_t i = 0; i < 2; i++) {
        pthread_join(gluttons[i].thread, NULL);
        assert_int_equal(gluttons[i].odd, 0);
    }
    for (size_t i = 0; i < scaled_rounds(MEETINGS); i++) {
        assert_int_equal(gluttons[0].succeeded[i] + gluttons[1].succeeded[i], 1);
    }
    assert_int_equal(many_blocks.info.used_blocks, 0);
    assert_int_equal(many_blocks.info.max_used_blocks, MANY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_kept_apart_and_together),
        cmocka_unit_test(one_of_two_that_want_all_gets_them),
    };

    race_detector_announce();
    alarm(HANG_SECONDS);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
