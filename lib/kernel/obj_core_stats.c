/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics of objects, by their types; what slabs and
 * memory blocks tell.
 *
 *    core --type--> | stats_desc | --> raw, query, reset, disable, enable of that type
 *      |
 *      +--stats--> what `raw` copies; NULL: nothing is registered
 *
 * None of this needs the lists, or a lock: an object that is on none has its core all the same. */
#include "kernel/obj_core.h"

#include <errno.h>
#include <zephyr/kernel/mem_slab.h>
#include <zephyr/sys/mem_blocks.h>

/* The object's type's functions, or NULL. */
static struct k_obj_core_stats_desc *desc_of(const struct k_obj_core *core)
{
    return core->type == NULL ? NULL : core->type->stats_desc;
}

static void *stats_of(const struct k_obj_core *core)
{
    return __atomic_load_n(&core->stats, __ATOMIC_ACQUIRE);
}

void k_obj_type_stats_init(struct k_obj_type *type, struct k_obj_core_stats_desc *stats_desc)
{
    type->stats_desc = stats_desc;
}

void k_obj_core_stats_init(struct k_obj_core *obj_core, void *stats)
{
    __atomic_store_n(&obj_core->stats, stats, __ATOMIC_RELEASE);
}

int k_obj_core_stats_register(struct k_obj_core *obj_core, void *stats, size_t stats_len)
{
    const struct k_obj_core_stats_desc *desc = desc_of(obj_core);

    if (desc == NULL) {
        return -ENOTSUP;
    }
    if (stats_len != desc->raw_size) {
        return -EINVAL;
    }
    k_obj_core_stats_init(obj_core, stats);
    return 0;
}

int k_obj_core_stats_deregister(struct k_obj_core *obj_core)
{
    if (desc_of(obj_core) == NULL) {
        return -ENOTSUP;
    }
    k_obj_core_stats_init(obj_core, NULL);
    return 0;
}

int k_obj_core_stats_raw(struct k_obj_core *obj_core, void *stats, size_t stats_len)
{
    const struct k_obj_core_stats_desc *desc = desc_of(obj_core);

    if (desc == NULL || desc->raw == NULL) {
        return -ENOTSUP;
    }
    if (stats_len != desc->raw_size || stats_of(obj_core) == NULL) {
        return -EINVAL;
    }
    return desc->raw(obj_core, stats);
}

int k_obj_core_stats_query(struct k_obj_core *obj_core, void *stats, size_t stats_len)
{
    const struct k_obj_core_stats_desc *desc = desc_of(obj_core);

    if (desc == NULL || desc->query == NULL) {
        return -ENOTSUP;
    }
    if (stats_len != desc->query_size || stats_of(obj_core) == NULL) {
        return -EINVAL;
    }
    return desc->query(obj_core, stats);
}

int k_obj_core_stats_reset(struct k_obj_core *obj_core)
{
    const struct k_obj_core_stats_desc *desc = desc_of(obj_core);

    if (desc == NULL || desc->reset == NULL) {
        return -ENOTSUP;
    }
    return stats_of(obj_core) == NULL ? -EINVAL : desc->reset(obj_core);
}

int k_obj_core_stats_enable(struct k_obj_core *obj_core)
{
    const struct k_obj_core_stats_desc *desc = desc_of(obj_core);

    return desc == NULL || desc->enable == NULL ? -ENOTSUP : desc->enable(obj_core);
}

int k_obj_core_stats_disable(struct k_obj_core *obj_core)
{
    const struct k_obj_core_stats_desc *desc = desc_of(obj_core);

    return desc == NULL || desc->disable == NULL ? -ENOTSUP : desc->disable(obj_core);
}

/* --- Slabs and memory blocks --- */

typedef uint32_t word __attribute__((may_alias));
_Static_assert(sizeof(struct k_mem_slab_info) % sizeof(word) == 0 &&
                   sizeof(struct sys_mem_blocks_info) % sizeof(word) == 0,
               "they are whole words");

/* All of an info, gaps too, for who compares it; word by word, since others change it. */
static int copy_info(struct k_obj_core *core, void *stats)
{
    size_t words = core->type->stats_desc->raw_size / sizeof(word);
    const word *from = (const word *)stats_of(core);
    word *to = (word *)stats;

    for (size_t i = 0; i < words; i++) {
        to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
    }
    return 0;
}

static struct k_mem_slab *slab_of(struct k_obj_core *core)
{
    return CONTAINER_OF(core, struct k_mem_slab, obj_core);
}

static int slab_query(struct k_obj_core *core, void *stats)
{
    return k_mem_slab_runtime_stats_get(slab_of(core), (struct sys_memory_stats *)stats);
}

static int slab_reset(struct k_obj_core *core)
{
    return k_mem_slab_runtime_stats_reset_max(slab_of(core));
}

static sys_mem_blocks_t *mem_blocks_of(struct k_obj_core *core)
{
    return CONTAINER_OF(core, sys_mem_blocks_t, obj_core);
}

static int mem_blocks_query(struct k_obj_core *core, void *stats)
{
    return sys_mem_blocks_runtime_stats_get(mem_blocks_of(core), (struct sys_memory_stats *)stats);
}

static int mem_blocks_reset(struct k_obj_core *core)
{
    return sys_mem_blocks_runtime_stats_reset_max(mem_blocks_of(core));
}

static struct k_obj_core_stats_desc slab_stats = {
    .raw_size = sizeof(struct k_mem_slab_info),
    .query_size = sizeof(struct sys_memory_stats),
    .raw = copy_info,
    .query = slab_query,
    .reset = slab_reset,
};

static struct k_obj_core_stats_desc mem_blocks_stats = {
    .raw_size = sizeof(struct sys_mem_blocks_info),
    .query_size = sizeof(struct sys_memory_stats),
    .raw = copy_info,
    .query = mem_blocks_query,
    .reset = mem_blocks_reset,
};

struct k_obj_type z_obj_type_mem_block = {
    .id = K_OBJ_TYPE_MEM_BLOCK_ID,
    .obj_core_offset = offsetof(sys_mem_blocks_t, obj_core),
    .stats_desc = &mem_blocks_stats,
};

struct k_obj_type z_obj_type_mem_slab = {
    .next = &z_obj_type_mem_block,
    .id = K_OBJ_TYPE_MEM_SLAB_ID,
    .obj_core_offset = offsetof(struct k_mem_slab, obj_core),
    .stats_desc = &slab_stats,
};
