/* SPDX-License-Identifier: Apache-2.0 */
/* The fast paths of a slab's stack, for a process with one thread and for one with several: they do
 * what the slow ones do, or nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "core/slab.h"
#include "../support/random.h"

#if SLAB_LOCK_FREE

#define BLOCKS      8u
#define BLOCK_BYTES 24u
#define ROUNDS      200000u

/* The slab that is tested, and one that does the same by the slow paths. */
static struct k_mem_slab_info info;
static _Alignas(16) char buffer[BLOCKS * BLOCK_BYTES];
static struct k_mem_slab_info model;
static _Alignas(16) char model_buffer[BLOCKS * BLOCK_BYTES];

static void begin(void)
{
    info = (struct k_mem_slab_info){.block_size = BLOCK_BYTES,
                                    .reciprocal = UINT64_MAX / BLOCK_BYTES + 1,
                                    .num_blocks = BLOCKS};
    model = info;
    memset(buffer, 0xa5, sizeof(buffer));
    memset(model_buffer, 0xa5, sizeof(model_buffer));
}

static char *at(uint32_t block)
{
    return slab_block_at(&info, buffer, block);
}

static void take_all(void)
{
    while (slab_take(&info, buffer) != SLAB_NO_BLOCK) {
    }
}

static void expect_unchanged(const struct k_mem_slab_info *before)
{
    assert_memory_equal(&info, before, sizeof(info));
}

static void expect_refused_take(bool alone)
{
    struct k_mem_slab_info before = info;

    assert_null(slab_try_take(&info, buffer, alone));
    expect_unchanged(&before);
}

static void expect_refused_give(uint32_t block, bool alone)
{
    struct k_mem_slab_info before = info;

    assert_false(slab_try_give(&info, at(block), block, alone));
    expect_unchanged(&before);
}

static void expect_order(bool alone)
{
    begin();
    take_all();
    assert_true(slab_try_give(&info, at(2), 2, alone));
    assert_true(slab_try_give(&info, at(7), 7, alone));
    assert_int_equal(info.num_used, BLOCKS - 2);
    assert_true(slab_validate(&info, buffer));
    assert_ptr_equal(slab_try_take(&info, buffer, alone), at(7));
    assert_ptr_equal(slab_try_take(&info, buffer, alone), at(2));
    assert_int_equal(info.num_used, BLOCKS);
    assert_false(slab_looks_free(&info, at(7), 7));
    assert_true(slab_validate(&info, buffer));
    expect_refused_take(alone);
}

static void the_last_given_is_the_first_taken(void **state)
{
    expect_order(true);
    expect_order(false);
}

/* Fresh blocks, and a new maximum, are for the slow path. */
static void expect_what_is_rare_is_refused(bool alone)
{
    begin();
    expect_refused_take(alone);
    slab_take(&info, buffer);
    slab_take(&info, buffer);
    assert_true(slab_try_give(&info, at(0), 0, alone));
    info.max_used = 1;
    expect_refused_take(alone);
    info.max_used = 2;
    assert_ptr_equal(slab_try_take(&info, buffer, alone), at(0));
}

static void what_is_rare_is_left_to_the_slow_path(void **state)
{
    expect_what_is_rare_is_refused(true);
    expect_what_is_rare_is_refused(false);
}

static void expect_refusal_while_waited_for(bool alone)
{
    begin();
    take_all();
    assert_true(slab_begin_wait(&info));
    expect_refused_take(alone);
    expect_refused_give(3, alone);
    slab_end_wait(&info);
    assert_true(slab_try_give(&info, at(3), 3, alone));
}

static void while_somebody_waits_nothing_is_taken_or_given(void **state)
{
    expect_refusal_while_waited_for(true);
    expect_refusal_while_waited_for(false);
}

/* The slow path says so, and dies. */
static void expect_refusal_of_damage(bool alone)
{
    begin();
    expect_refused_give(0, alone); /* no block is in use */
    take_all();
    slab_try_give(&info, at(4), 4, alone);
    memset(at(4), 0x41, BLOCK_BYTES);
    expect_refused_take(alone);
}

static void damage_is_left_to_the_slow_path(void **state)
{
    expect_refusal_of_damage(true);
    expect_refusal_of_damage(false);
}

/* One call, on both slabs. */
static void take_from_both(bool alone, uint32_t *held, size_t *count)
{
    char *mem = slab_try_take(&info, buffer, alone);
    uint32_t block =
        mem != NULL ? slab_find_block(&info, (size_t)(mem - buffer)) : slab_take(&info, buffer);

    assert_int_equal(slab_take(&model, model_buffer), block);
    if (block != SLAB_NO_BLOCK) {
        held[(*count)++] = block;
    }
}

static void give_to_both(bool alone, uint32_t block)
{
    if (!slab_try_give(&info, at(block), block, alone)) {
        assert_true(slab_give(&info, at(block), block));
    }
    assert_true(slab_give(&model, slab_block_at(&model, model_buffer, block), block));
}

static void fast_and_slow_paths_do_the_same(void **state)
{
    struct random random = random_from(2);
    uint32_t held[BLOCKS];
    size_t count = 0;

    begin();
    for (size_t i = scaled_rounds(ROUNDS); i > 0; i--) {
        bool alone = random_below(&random, 2) == 0;

        if (random_below(&random, 2) == 0) {
            take_from_both(alone, held, &count);
        } else if (count > 0) {
            size_t chosen = random_below(&random, count);

            give_to_both(alone, held[chosen]);
            held[chosen] = held[--count];
        }
        assert_memory_equal(&info, &model, sizeof(info));
        assert_memory_equal(buffer, model_buffer, sizeof(buffer));
        assert_true(slab_validate(&info, buffer));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_given_is_the_first_taken),
        cmocka_unit_test(what_is_rare_is_left_to_the_slow_path),
        cmocka_unit_test(while_somebody_waits_nothing_is_taken_or_given),
        cmocka_unit_test(damage_is_left_to_the_slow_path),
        cmocka_unit_test(fast_and_slow_paths_do_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    return 0; /* there are none */
}

#endif
