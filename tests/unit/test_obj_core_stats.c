/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics by object cores: every code of every call, for a type of the test's own that has all
 * functions or none; slabs that nobody has linked. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>
#include <quarry/shared.h>
#include <zephyr/kernel.h>
#include <zephyr/kernel/obj_core.h>

#define BLOCK 32u

struct thing {
    struct k_obj_core obj_core;
    uint16_t raw[3];
};

static const struct k_obj_core *called_with;

static int copy_raw(struct k_obj_core *core, void *stats)
{
    called_with = core;
    memcpy(stats, core->stats, 6);
    return 0;
}

static int give_one(struct k_obj_core *core, void *stats)
{
    called_with = core;
    *(uint8_t *)stats = 1;
    return 11;
}

static int give_12(struct k_obj_core *core)
{
    called_with = core;
    return 12;
}

static int give_13(struct k_obj_core *core)
{
    called_with = core;
    return 13;
}

static int give_14(struct k_obj_core *core)
{
    called_with = core;
    return 14;
}

static struct k_obj_core_stats_desc all = {6, 1, copy_raw, give_one, give_12, give_13, give_14};
static struct k_obj_core_stats_desc none = {6, 1, NULL, NULL, NULL, NULL, NULL};
static struct k_obj_type type;
static struct thing thing;
static char room[64];

static int begin(void **state)
{
    z_obj_type_init(&type, K_OBJ_TYPE_ID_GEN("TEST"), offsetof(struct thing, obj_core));
    k_obj_type_stats_init(&type, NULL);
    k_obj_core_init(K_OBJ_CORE(&thing), &type);
    called_with = NULL;
    return 0;
}

static void expect_nothing_supported(void)
{
    assert_int_equal(k_obj_core_stats_raw(K_OBJ_CORE(&thing), room, 6), -ENOTSUP);
    assert_int_equal(k_obj_core_stats_query(K_OBJ_CORE(&thing), room, 1), -ENOTSUP);
    assert_int_equal(k_obj_core_stats_reset(K_OBJ_CORE(&thing)), -ENOTSUP);
    assert_int_equal(k_obj_core_stats_enable(K_OBJ_CORE(&thing)), -ENOTSUP);
    assert_int_equal(k_obj_core_stats_disable(K_OBJ_CORE(&thing)), -ENOTSUP);
}

static void a_type_may_have_no_statistics(void **state)
{
    expect_nothing_supported();
    assert_int_equal(k_obj_core_stats_register(K_OBJ_CORE(&thing), thing.raw, 6), -ENOTSUP);
    assert_int_equal(k_obj_core_stats_deregister(K_OBJ_CORE(&thing)), -ENOTSUP);
}

static void a_core_may_have_no_type(void **state)
{
    k_obj_core_init(K_OBJ_CORE(&thing), NULL);
    expect_nothing_supported();
    assert_int_equal(k_obj_core_stats_register(K_OBJ_CORE(&thing), thing.raw, 6), -ENOTSUP);
}

static void a_type_may_support_nothing(void **state)
{
    k_obj_type_stats_init(&type, &none);
    assert_int_equal(k_obj_core_stats_register(K_OBJ_CORE(&thing), thing.raw, 6), 0);
    expect_nothing_supported();
    assert_int_equal(k_obj_core_stats_deregister(K_OBJ_CORE(&thing)), 0);
}

static void nothing_is_there_before_it_is_registered(void **state)
{
    k_obj_type_stats_init(&type, &all);
    assert_int_equal(k_obj_core_stats_raw(K_OBJ_CORE(&thing), room, 6), -EINVAL);
    assert_int_equal(k_obj_core_stats_query(K_OBJ_CORE(&thing), room, 1), -EINVAL);
    assert_int_equal(k_obj_core_stats_reset(K_OBJ_CORE(&thing)), -EINVAL);
    assert_null(called_with);
    assert_int_equal(k_obj_core_stats_register(K_OBJ_CORE(&thing), thing.raw, 6), 0);
    assert_int_equal(k_obj_core_stats_reset(K_OBJ_CORE(&thing)), 12);
    assert_int_equal(k_obj_core_stats_deregister(K_OBJ_CORE(&thing)), 0);
    assert_int_equal(k_obj_core_stats_reset(K_OBJ_CORE(&thing)), -EINVAL);
}

static void lengths_must_be_right(void **state)
{
    k_obj_type_stats_init(&type, &all);
    assert_int_equal(k_obj_core_stats_register(K_OBJ_CORE(&thing), thing.raw, 5), -EINVAL);
    assert_int_equal(k_obj_core_stats_register(K_OBJ_CORE(&thing), thing.raw, 7), -EINVAL);
    assert_int_equal(k_obj_core_stats_register(K_OBJ_CORE(&thing), thing.raw, 6), 0);
    assert_int_equal(k_obj_core_stats_raw(K_OBJ_CORE(&thing), room, 5), -EINVAL);
    assert_int_equal(k_obj_core_stats_raw(K_OBJ_CORE(&thing), room, 7), -EINVAL);
    assert_int_equal(k_obj_core_stats_query(K_OBJ_CORE(&thing), room, 0), -EINVAL);
    assert_int_equal(k_obj_core_stats_query(K_OBJ_CORE(&thing), room, 2), -EINVAL);
    assert_null(called_with);
}

static void the_types_functions_are_called(void **state)
{
    static const uint16_t words[] = {1, 2, 3};

    k_obj_type_stats_init(&type, &all);
    k_obj_core_stats_init(K_OBJ_CORE(&thing), thing.raw);
    memcpy(thing.raw, words, sizeof(words));
    assert_int_equal(k_obj_core_stats_raw(K_OBJ_CORE(&thing), room, 6), 0);
    assert_memory_equal(room, words, 6);
    assert_ptr_equal(called_with, K_OBJ_CORE(&thing));
    assert_int_equal(k_obj_core_stats_query(K_OBJ_CORE(&thing), room, 1), 11);
    assert_int_equal(room[0], 1);
    assert_int_equal(k_obj_core_stats_disable(K_OBJ_CORE(&thing)), 13);
    assert_int_equal(k_obj_core_stats_enable(K_OBJ_CORE(&thing)), 14);
}

/* --- Slabs --- */

static void a_slab_need_not_be_linked(void **state)
{
    struct k_mem_slab slab;
    char buffer[4 * BLOCK] __aligned(8);
    struct k_mem_slab_info info;
    struct sys_memory_stats stats;
    void *mem;

    k_mem_slab_init(&slab, buffer, BLOCK, 4);
    assert_int_equal(k_mem_slab_alloc(&slab, &mem, K_NO_WAIT), 0);
    assert_int_equal(k_obj_core_stats_raw(K_OBJ_CORE(&slab), &info, sizeof(info)), 0);
    assert_int_equal(info.num_used, 1);
    assert_int_equal(info.block_size, BLOCK);
    assert_int_equal(k_obj_core_stats_query(K_OBJ_CORE(&slab), &stats, sizeof(stats)), 0);
    assert_int_equal(stats.allocated_bytes, BLOCK);
    k_mem_slab_free(&slab, mem);
    assert_int_equal(k_obj_core_stats_reset(K_OBJ_CORE(&slab)), 0);
    assert_int_equal(k_mem_slab_max_used_get(&slab), 0);
}

static void a_shared_slab_has_none(void **state)
{
    size_t bytes = quarry_shared_slab_bytes(BLOCK, 4, 1);
    struct sys_memory_stats stats;
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct k_mem_slab *slab = quarry_shared_slab_create(memory, bytes, BLOCK, 4, 1);

    assert_int_equal(k_obj_core_stats_query(K_OBJ_CORE(slab), &stats, sizeof(stats)), -ENOTSUP);
    munmap(memory, bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_type_may_have_no_statistics, begin),
        cmocka_unit_test_setup(a_core_may_have_no_type, begin),
        cmocka_unit_test_setup(a_type_may_support_nothing, begin),
        cmocka_unit_test_setup(nothing_is_there_before_it_is_registered, begin),
        cmocka_unit_test_setup(lengths_must_be_right, begin),
        cmocka_unit_test_setup(the_types_functions_are_called, begin),
        cmocka_unit_test(a_slab_need_not_be_linked),
        cmocka_unit_test(a_shared_slab_has_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
