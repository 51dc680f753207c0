/* SPDX-License-Identifier: Apache-2.0 */
/* The slabs of a program, of a shared library that it is linked with and of a module that it loads
 * are on one list, under the addresses that the program knows them by, from the constructors of
 * each file until it is unloaded. The module is the argument. Exit: 0 if all was as expected. */
#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <zephyr/kernel/mem_slab.h>
#include <zephyr/kernel/obj_core.h>
#include "expect.h"

extern struct k_mem_slab library_slab; /* may lie in the program, by a relocation that copies it */
K_MEM_SLAB_DEFINE(program_slab, 32, 2, 8);

static int count(struct k_obj_core *core, void *wanted)
{
    return core == wanted;
}

static int is_listed(struct k_mem_slab *slab)
{
    return k_obj_type_walk_locked(k_obj_type_find(K_OBJ_TYPE_MEM_SLAB_ID), count, K_OBJ_CORE(slab));
}

static int add_one(struct k_obj_core *core, void *sum)
{
    (void)core;
    ++*(int *)sum;
    return 0;
}

static int number_listed(void)
{
    int sum = 0;

    k_obj_type_walk_unlocked(k_obj_type_find(K_OBJ_TYPE_MEM_SLAB_ID), add_one, &sum);
    return sum;
}

/* Late enough: constructors without a priority, in the order of the program's files. */
__attribute__((constructor)) static void look_early(void)
{
    EXPECT(is_listed(&library_slab));
}

static void load_and_unload(const char *path)
{
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    EXPECT(module != NULL);
    if (module != NULL) {
        struct k_mem_slab *slab = (struct k_mem_slab *)dlsym(module, "module_slab");

        EXPECT(slab != NULL && is_listed(slab));
        EXPECT(number_listed() == 3);
        EXPECT(dlclose(module) == 0);
        EXPECT(dlopen(path, RTLD_NOW | RTLD_NOLOAD) == NULL);
    }
    EXPECT(number_listed() == 2);
}

int main(int argc, char **argv)
{
    void *mem = NULL;
    struct sys_memory_stats stats;

    EXPECT(is_listed(&program_slab));
    EXPECT(is_listed(&library_slab));
    EXPECT(k_mem_slab_alloc(&library_slab, &mem, K_NO_WAIT) == 0);
    EXPECT(k_obj_core_stats_query(K_OBJ_CORE(&library_slab), &stats, sizeof(stats)) == 0);
    EXPECT(stats.allocated_bytes == 24);
    EXPECT(argc > 1);
    load_and_unload(argv[argc - 1]);
    load_and_unload(argv[argc - 1]);
    if (failed_line != 0) {
        fprintf(stderr, "listed_slabs.c: line %d\n", failed_line);
    }
    return failed_line == 0 ? 0 : 1;
}
