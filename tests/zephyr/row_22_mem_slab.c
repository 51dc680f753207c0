/* SPDX-License-Identifier: Apache-2.0 */
/* Row 22: a memory slab, call by call.
 *
 * What cannot be a slab is -EINVAL. Blocks are aligned and counted. Without a block, a call that
 * does not wait returns -ENOMEM and NULL; one that waited in vain returns -EAGAIN, not before its
 * time, and leaves the pointer alone; one that waits gets the block that is given back, and the
 * counters do not move. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <zephyr/kernel.h>
#include "../support/race_detector.h"
#include "../support/slab_elsewhere.h"

#define BLOCK_BYTES 16u
#define BLOCKS      3u
#define WAIT_MS     20

K_MEM_SLAB_DEFINE(defined_slab, BLOCK_BYTES, BLOCKS, 16);
K_MEM_SLAB_DEFINE_STATIC(private_slab, BLOCK_BYTES, BLOCKS, 8);
static struct k_mem_slab made_slab;
static _Alignas(16) char buffer[BLOCK_BYTES * BLOCKS];

static int make_slab(void **state)
{
    return k_mem_slab_init(&made_slab, buffer, BLOCK_BYTES, BLOCKS);
}

static void *take(struct k_mem_slab *slab)
{
    void *mem = NULL;

    assert_int_equal(k_mem_slab_alloc(slab, &mem, K_NO_WAIT), 0);
    assert_non_null(mem);
    return mem;
}

static void take_all(struct k_mem_slab *slab, void *blocks[BLOCKS])
{
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = take(slab);
    }
}

static void free_all(struct k_mem_slab *slab, void *blocks[BLOCKS])
{
    for (size_t i = 0; i < BLOCKS; i++) {
        k_mem_slab_free(slab, blocks[i]);
    }
}

static void what_cannot_be_a_slab(void **state)
{
    struct k_mem_slab slab;

    assert_int_equal(k_mem_slab_init(&slab, buffer, BLOCK_BYTES + 1, BLOCKS), -EINVAL);
    assert_int_equal(k_mem_slab_init(&slab, buffer + 1, BLOCK_BYTES, BLOCKS), -EINVAL);
    assert_int_equal(k_mem_slab_init(&slab, buffer, SIZE_MAX - 7, BLOCKS), -EINVAL);
    assert_int_equal(k_mem_slab_init(&slab, buffer, SIZE_MAX / 8 * 8 / BLOCKS / 8 * 8, BLOCKS),
                     -EINVAL);
    assert_int_equal(k_mem_slab_init(&slab, buffer, BLOCK_BYTES, BLOCKS), 0);
}

static void blocks_come_in_order_and_are_aligned(struct k_mem_slab *slab)
{
    void *blocks[BLOCKS];

    take_all(slab, blocks);
    for (size_t i = 0; i < BLOCKS; i++) {
        assert_int_equal((uintptr_t)blocks[i] % sizeof(void *), 0);
        assert_ptr_equal(blocks[i], slab->buffer + i * BLOCK_BYTES);
        memset(blocks[i], 0xff, BLOCK_BYTES);
    }
    for (size_t i = BLOCKS; i > 0; i--) {
        k_mem_slab_free(slab, blocks[i - 1]);
    }
}

static void each_kind_of_slab(void **state)
{
    blocks_come_in_order_and_are_aligned(&made_slab);
    blocks_come_in_order_and_are_aligned(&defined_slab);
    blocks_come_in_order_and_are_aligned(&private_slab);
}

static void a_slab_of_another_file(void **state)
{
    void *mem = take(&slab_elsewhere);

    assert_int_equal(k_mem_slab_num_used_get(&slab_elsewhere), 1);
    k_mem_slab_free(&slab_elsewhere, mem);
}

static void counters(void **state)
{
    void *blocks[BLOCKS];

    assert_int_equal(made_slab.info.block_size, BLOCK_BYTES);
    assert_int_equal(made_slab.info.num_blocks, BLOCKS);
    assert_ptr_equal(made_slab.buffer, buffer);
    for (uint32_t used = 0; used < BLOCKS; used++) {
        assert_int_equal(k_mem_slab_num_used_get(&made_slab), used);
        assert_int_equal(k_mem_slab_num_free_get(&made_slab), BLOCKS - used);
        blocks[used] = take(&made_slab);
    }
    assert_int_equal(k_mem_slab_num_free_get(&made_slab), 0);
    assert_int_equal(made_slab.info.num_used, BLOCKS);
    free_all(&made_slab, blocks);
    assert_int_equal(k_mem_slab_num_used_get(&made_slab), 0);
    assert_int_equal(k_mem_slab_max_used_get(&made_slab), BLOCKS);
}

static void without_waiting_there_is_enomem(void **state)
{
    void *blocks[BLOCKS];
    void *mem = blocks;

    take_all(&made_slab, blocks);
    assert_int_equal(k_mem_slab_alloc(&made_slab, &mem, K_NO_WAIT), -ENOMEM);
    assert_null(mem);
    free_all(&made_slab, blocks);
}

static void after_waiting_there_is_eagain(void **state)
{
    void *blocks[BLOCKS];
    void *mem = blocks;

    take_all(&made_slab, blocks);
    int64_t start = k_uptime_ticks();
    assert_int_equal(k_mem_slab_alloc(&made_slab, &mem, K_MSEC(WAIT_MS)), -EAGAIN);
    assert_true(k_uptime_ticks() - start >= (int64_t)k_ms_to_ticks_ceil64(WAIT_MS));
    assert_ptr_equal(mem, blocks); /* as it was */
    free_all(&made_slab, blocks);
}

static void a_free_block_wins_over_any_timeout(void **state)
{
    void *mem = NULL;

    assert_int_equal(k_mem_slab_alloc(&made_slab, &mem, K_FOREVER), 0);
    assert_non_null(mem);
    k_mem_slab_free(&made_slab, mem);
}

static void wait_for_block(void *p1, void *p2, void *p3)
{
    *(int *)p2 = k_mem_slab_alloc(&made_slab, p1, K_FOREVER);
}

static void who_waits_gets_the_block_that_is_given_back(void **state)
{
    static struct k_thread thread;
    void *blocks[BLOCKS];
    void *mem = NULL;
    int result = -1;

    take_all(&made_slab, blocks);
    assert_non_null(k_thread_create(&thread, NULL, 4096, wait_for_block, &mem, &result, NULL,
                                    K_PRIO_PREEMPT(1), 0, K_NO_WAIT));
    k_msleep(WAIT_MS);
    k_mem_slab_free(&made_slab, blocks[1]);
    assert_int_equal(k_thread_join(&thread, K_FOREVER), 0);
    assert_int_equal(result, 0);
    assert_ptr_equal(mem, blocks[1]);
    assert_int_equal(k_mem_slab_num_used_get(&made_slab), BLOCKS);
    free_all(&made_slab, blocks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_a_slab),
        cmocka_unit_test_setup(each_kind_of_slab, make_slab),
        cmocka_unit_test(a_slab_of_another_file),
        cmocka_unit_test_setup(counters, make_slab),
        cmocka_unit_test_setup(without_waiting_there_is_enomem, make_slab),
        cmocka_unit_test_setup(after_waiting_there_is_eagain, make_slab),
        cmocka_unit_test_setup(a_free_block_wins_over_any_timeout, make_slab),
        cmocka_unit_test_setup(who_waits_gets_the_block_that_is_given_back, make_slab),
    };

    race_detector_announce();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
