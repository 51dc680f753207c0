/* SPDX-License-Identifier: Apache-2.0 */
/* Row 25: two threads take turns with one slab.
 *
 * The first takes all blocks; the second gets none, neither at once nor in time; then it waits, and
 * the first hands it a block. When the first has given all back, the second can take them all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <semaphore.h>
#include <cmocka.h>
#include <zephyr/kernel.h>
#include "../support/race_detector.h"

#define BLOCK_BYTES 4u
#define BLOCKS      2u
#define SHORT_MS    20

K_MEM_SLAB_DEFINE(slab, BLOCK_BYTES, BLOCKS, 4);
static struct k_thread helper;
static sem_t helper_waits; /* it is about to */
static sem_t all_is_free;

/* What the helper met with. */
static int at_once;
static int in_time;
static int64_t waited_ticks;
static void *handed_over;
static uint32_t taken_at_last;

static bool take_all(void *blocks[BLOCKS])
{
    for (size_t i = 0; i < BLOCKS; i++) {
        if (k_mem_slab_alloc(&slab, &blocks[i], K_NO_WAIT) != 0) {
            return false;
        }
    }
    return true;
}

static void free_all(void *blocks[BLOCKS])
{
    for (size_t i = 0; i < BLOCKS; i++) {
        k_mem_slab_free(&slab, blocks[i]);
    }
}

static void help(void *p1, void *p2, void *p3)
{
    void *blocks[BLOCKS];

    at_once = k_mem_slab_alloc(&slab, &blocks[0], K_NO_WAIT);
    int64_t start = k_uptime_ticks();
    in_time = k_mem_slab_alloc(&slab, &blocks[0], K_MSEC(SHORT_MS));
    waited_ticks = k_uptime_ticks() - start;
    sem_post(&helper_waits);
    if (k_mem_slab_alloc(&slab, &handed_over, K_FOREVER) == 0) {
        k_mem_slab_free(&slab, handed_over);
    }
    sem_wait(&all_is_free);
    if (take_all(blocks)) {
        taken_at_last = k_mem_slab_num_used_get(&slab);
        free_all(blocks);
    }
}

static void they_take_turns(void **state)
{
    void *blocks[BLOCKS];

    sem_init(&helper_waits, 0, 0);
    sem_init(&all_is_free, 0, 0);
    assert_true(take_all(blocks));
    assert_non_null(k_thread_create(&helper, NULL, 4096, help, NULL, NULL, NULL, K_PRIO_PREEMPT(1),
                                    0, K_NO_WAIT));
    sem_wait(&helper_waits);
    assert_int_equal(at_once, -ENOMEM);
    assert_int_equal(in_time, -EAGAIN);
    assert_true(waited_ticks >= (int64_t)k_ms_to_ticks_ceil64(SHORT_MS));
    assert_int_equal(k_mem_slab_num_free_get(&slab), 0);
    k_msleep(SHORT_MS);
    free_all(blocks);
    sem_post(&all_is_free);
    assert_int_equal(k_thread_join(&helper, K_FOREVER), 0);
    assert_true(handed_over == blocks[0] || handed_over == blocks[1]);
    assert_int_equal(taken_at_last, BLOCKS);
    assert_int_equal(k_mem_slab_num_used_get(&slab), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_take_turns),
    };

    race_detector_announce();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
