/* SPDX-License-Identifier: Apache-2.0 */
#include <zephyr/kernel.h>
#include "catalogue.h"

K_MEM_SLAB_DEFINE_STATIC(slab, 16, 2, 8);

void catalogue_obj_core(void)
{
    const struct entry entries[] = {
        TYPE(struct k_obj_core),
        TYPE(struct k_obj_type),
        TYPE(struct k_obj_core_stats_desc),
        MACRO(K_OBJ_TYPE_ID_GEN, K_OBJ_TYPE_ID_GEN("SLAB") == 0x534c4142),
        MACRO(K_OBJ_TYPE_MEM_SLAB_ID, K_OBJ_TYPE_MEM_SLAB_ID == K_OBJ_TYPE_ID_GEN("SLAB")),
        MACRO(K_OBJ_TYPE_MEM_BLOCK_ID, K_OBJ_TYPE_MEM_BLOCK_ID == K_OBJ_TYPE_ID_GEN("MBLK")),
        MACRO(K_OBJ_CORE, K_OBJ_CORE(&slab) == &slab.obj_core),
        FUNCTION(k_obj_type_find),
        FUNCTION(k_obj_type_walk_locked),
        FUNCTION(k_obj_type_walk_unlocked),
        FUNCTION(k_obj_core_stats_raw),
        FUNCTION(k_obj_core_stats_query),
        FUNCTION(k_obj_core_stats_reset),
        FUNCTION(k_obj_core_stats_enable),
        FUNCTION(k_obj_core_stats_disable),
        FUNCTION(k_obj_core_stats_register),
        FUNCTION(k_obj_core_stats_deregister),
    };

    CATALOGUE(entries);
}
