/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics of memory objects through their object cores: raw is the info of the object, query is
 * in bytes, reset lowers the maximum to what is in use, and there is nothing to enable or disable.
 * Objects are found by the four letters of their type. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <zephyr/kernel.h>
#include <zephyr/kernel/obj_core.h>
#include <zephyr/sys/mem_blocks.h>

#define BLOCK_BYTES 32u
#define BLOCKS      4u

K_MEM_SLAB_DEFINE(slab, BLOCK_BYTES, BLOCKS, 16);
static struct k_mem_slab run_time_slab;
static char __aligned(16) run_time_buffer[BLOCK_BYTES * BLOCKS];

SYS_MEM_BLOCKS_DEFINE_STATIC(mem_blocks, BLOCK_BYTES, BLOCKS, 16);

static void *blocks[BLOCKS];

static void take(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(k_mem_slab_alloc(&slab, &blocks[i], K_NO_WAIT), 0);
    }
}

static void give(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        k_mem_slab_free(&slab, blocks[i]);
    }
}

static void expect_slab_bytes(size_t allocated, size_t max)
{
    struct sys_memory_stats stats = {99, 99, 99};

    assert_int_equal(k_obj_core_stats_query(K_OBJ_CORE(&slab), &stats, sizeof(stats)), 0);
    assert_int_equal(stats.allocated_bytes, allocated * BLOCK_BYTES);
    assert_int_equal(stats.free_bytes, (BLOCKS - allocated) * BLOCK_BYTES);
    assert_int_equal(stats.max_allocated_bytes, max * BLOCK_BYTES);
}

static void raw_statistics_are_the_info(void **state)
{
    struct k_mem_slab_info info;

    take(3);
    memset(&info, 0xff, sizeof(info));
    assert_int_equal(k_obj_core_stats_raw(K_OBJ_CORE(&slab), &info, sizeof(info)), 0);
    assert_memory_equal(&info, &slab.info, sizeof(info));
    assert_int_equal(info.num_blocks, BLOCKS);
    assert_int_equal(info.block_size, BLOCK_BYTES);
    assert_int_equal(info.num_used, 3);
    assert_int_equal(info.max_used, 3);
    give(3);
    assert_int_equal(k_obj_core_stats_raw(K_OBJ_CORE(&slab), &info, sizeof(info)), 0);
    assert_int_equal(info.num_used, 0);
    assert_int_equal(info.max_used, 3);
    assert_int_equal(k_obj_core_stats_raw(K_OBJ_CORE(&slab), &info, sizeof(info) - 1), -EINVAL);
    assert_int_equal(k_obj_core_stats_raw(K_OBJ_CORE(&slab), &info, sizeof(info) + 1), -EINVAL);
    assert_int_equal(k_obj_core_stats_reset(K_OBJ_CORE(&slab)), 0);
}

static void queries_are_in_bytes(void **state)
{
    struct sys_memory_stats stats;

    expect_slab_bytes(0, 0);
    take(2);
    expect_slab_bytes(2, 2);
    give(2);
    expect_slab_bytes(0, 2);
    assert_int_equal(k_obj_core_stats_query(K_OBJ_CORE(&slab), &stats, sizeof(stats) - 1), -EINVAL);
    assert_int_equal(k_obj_core_stats_query(K_OBJ_CORE(&slab), &stats, 0), -EINVAL);
    assert_int_equal(k_obj_core_stats_reset(K_OBJ_CORE(&slab)), 0);
}

static void reset_lowers_the_maximum_to_what_is_used(void **state)
{
    take(3);
    k_mem_slab_free(&slab, blocks[2]);
    expect_slab_bytes(2, 3);
    assert_int_equal(k_obj_core_stats_reset(K_OBJ_CORE(&slab)), 0);
    expect_slab_bytes(2, 2);
    give(2);
    assert_int_equal(k_obj_core_stats_reset(K_OBJ_CORE(&slab)), 0);
    expect_slab_bytes(0, 0);
}

static void there_is_nothing_to_enable_or_disable(void **state)
{
    assert_int_equal(k_obj_core_stats_disable(K_OBJ_CORE(&slab)), -ENOTSUP);
    assert_int_equal(k_obj_core_stats_enable(K_OBJ_CORE(&slab)), -ENOTSUP);
}

static void what_is_deregistered_has_no_statistics(void **state)
{
    struct k_mem_slab_info info;
    struct sys_memory_stats stats;
    struct k_obj_core *core = K_OBJ_CORE(&slab);

    assert_int_equal(k_obj_core_stats_deregister(core), 0);
    assert_int_equal(k_obj_core_stats_raw(core, &info, sizeof(info)), -EINVAL);
    assert_int_equal(k_obj_core_stats_query(core, &stats, sizeof(stats)), -EINVAL);
    assert_int_equal(k_obj_core_stats_reset(core), -EINVAL);
    assert_int_equal(k_obj_core_stats_register(core, &slab.info, sizeof(info) - 1), -EINVAL);
    assert_int_equal(k_obj_core_stats_register(core, &slab.info, sizeof(info)), 0);
    assert_int_equal(k_obj_core_stats_raw(core, &info, sizeof(info)), 0);
}

/* --- Memory blocks --- */

static void expect_mem_blocks_bytes(size_t allocated, size_t max)
{
    struct sys_memory_stats stats = {99, 99, 99};

    assert_int_equal(k_obj_core_stats_query(K_OBJ_CORE(&mem_blocks), &stats, sizeof(stats)), 0);
    assert_int_equal(stats.allocated_bytes, allocated * BLOCK_BYTES);
    assert_int_equal(stats.free_bytes, (BLOCKS - allocated) * BLOCK_BYTES);
    assert_int_equal(stats.max_allocated_bytes, max * BLOCK_BYTES);
}

static void memory_blocks_have_the_same(void **state)
{
    struct k_obj_core *core = K_OBJ_CORE(&mem_blocks);
    struct sys_mem_blocks_info info;

    assert_int_equal(sys_mem_blocks_alloc(&mem_blocks, 3, blocks), 0);
    memset(&info, 0xff, sizeof(info));
    assert_int_equal(k_obj_core_stats_raw(core, &info, sizeof(info)), 0);
    assert_memory_equal(&info, &mem_blocks.info, sizeof(info));
    assert_int_equal(info.num_blocks, BLOCKS);
    assert_int_equal(info.used_blocks, 3);
    assert_int_equal(k_obj_core_stats_raw(core, &info, sizeof(info) + 1), -EINVAL);
    expect_mem_blocks_bytes(3, 3);
    assert_int_equal(sys_mem_blocks_free(&mem_blocks, 2, blocks), 0);
    expect_mem_blocks_bytes(1, 3);
    assert_int_equal(k_obj_core_stats_reset(core), 0);
    expect_mem_blocks_bytes(1, 1);
    assert_int_equal(sys_mem_blocks_free(&mem_blocks, 1, &blocks[2]), 0);
    assert_int_equal(k_obj_core_stats_disable(core), -ENOTSUP);
    assert_int_equal(k_obj_core_stats_enable(core), -ENOTSUP);
}

/* --- Walks --- */

static int find(struct k_obj_core *core, void *wanted)
{
    return core == wanted ? 7 : 0;
}

static void slabs_are_found_by_their_type(void **state)
{
    struct k_obj_type *type = k_obj_type_find(K_OBJ_TYPE_MEM_SLAB_ID);

    assert_non_null(type);
    assert_int_equal(k_obj_type_walk_locked(type, find, K_OBJ_CORE(&slab)), 7);
    assert_int_equal(k_obj_type_walk_unlocked(type, find, K_OBJ_CORE(&slab)), 7);
    assert_int_equal(k_obj_type_walk_locked(type, find, K_OBJ_CORE(&run_time_slab)), 0);
    k_mem_slab_init(&run_time_slab, run_time_buffer, BLOCK_BYTES, BLOCKS);
    assert_int_equal(k_obj_type_walk_locked(type, find, K_OBJ_CORE(&run_time_slab)), 7);
    k_obj_core_unlink(K_OBJ_CORE(&run_time_slab));
    assert_int_equal(k_obj_type_walk_unlocked(type, find, K_OBJ_CORE(&run_time_slab)), 0);
    assert_null(k_obj_type_find(K_OBJ_TYPE_ID_GEN("none")));
}

static void memory_blocks_are_found_by_theirs(void **state)
{
    struct k_obj_type *type = k_obj_type_find(K_OBJ_TYPE_MEM_BLOCK_ID);

    assert_non_null(type);
    assert_int_equal(k_obj_type_walk_locked(type, find, K_OBJ_CORE(&mem_blocks)), 7);
    assert_int_equal(k_obj_type_walk_unlocked(type, find, K_OBJ_CORE(&mem_blocks)), 7);
    assert_int_equal(k_obj_type_walk_locked(type, find, K_OBJ_CORE(&slab)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raw_statistics_are_the_info),
        cmocka_unit_test(queries_are_in_bytes),
        cmocka_unit_test(reset_lowers_the_maximum_to_what_is_used),
        cmocka_unit_test(there_is_nothing_to_enable_or_disable),
        cmocka_unit_test(what_is_deregistered_has_no_statistics),
        cmocka_unit_test(memory_blocks_have_the_same),
        cmocka_unit_test(slabs_are_found_by_their_type),
        cmocka_unit_test(memory_blocks_are_found_by_theirs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
