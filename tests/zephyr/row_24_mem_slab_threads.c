/* SPDX-License-Identifier: Apache-2.0 */
/* Row 24: four threads use one slab at the same time.
 *
 * Each takes three of its nine blocks ten times over, so that they have to wait for each other.
 * They do not get stuck, no two of them have the same block, and none is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <zephyr/kernel.h>
#include "../support/race_detector.h"

#define THREADS     4u
#define ROUNDS      10u
#define AT_ONCE     3u
#define BLOCKS      9u
#define BLOCK_BYTES 32u

K_MEM_SLAB_DEFINE_STATIC(slab, BLOCK_BYTES, BLOCKS, 8);
static struct k_thread threads[THREADS];
static unsigned int faults; /* of all threads */
static unsigned int rounds; /* that are done */

static bool holds(const char *mem, char name)
{
    size_t i = 0;

    while (i < BLOCK_BYTES && mem[i] == name) {
        i++;
    }
    return i == BLOCK_BYTES;
}

static void count(unsigned int *counter)
{
    __atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

static void take(void **mem, char name)
{
    if (k_mem_slab_alloc(&slab, mem, K_FOREVER) != 0) {
        count(&faults);
    } else {
        memset(*mem, name, BLOCK_BYTES);
    }
}

static void use_slab(void *p1, void *p2, void *p3)
{
    char name = (char)(uintptr_t)p1;
    void *blocks[AT_ONCE];

    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < AT_ONCE; i++) {
            take(&blocks[i], name);
        }
        k_usleep(100);
        for (size_t i = 0; i < AT_ONCE; i++) {
            if (!holds(blocks[i], name)) {
                count(&faults);
            }
            k_mem_slab_free(&slab, blocks[i]);
        }
        count(&rounds);
    }
}

static void threads_share_a_slab(void **state)
{
    for (size_t i = 0; i < THREADS; i++) {
        assert_non_null(k_thread_create(&threads[i], NULL, 4096, use_slab, UINT_TO_POINTER('a' + i),
                                        NULL, NULL, K_PRIO_PREEMPT(1), 0, K_NO_WAIT));
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(k_thread_join(&threads[i], K_FOREVER), 0);
    }
    assert_int_equal(faults, 0);
    assert_int_equal(rounds, THREADS * ROUNDS);
    assert_int_equal(k_mem_slab_num_used_get(&slab), 0);
    assert_in_range(k_mem_slab_max_used_get(&slab), AT_ONCE, BLOCKS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_share_a_slab),
    };

    race_detector_announce();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
