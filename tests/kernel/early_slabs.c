/* SPDX-License-Identifier: Apache-2.0 */
/* Static slabs are ready before anything of a program runs: constructors with the first priority
 * that programs may use, and those of the shared module that is the argument, take blocks, wait for
 * some and hand some over. Exit: 0 if all was as expected. */
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <zephyr/kernel/mem_slab.h>
#include <zephyr/kernel/thread.h>
#include "expect.h"

K_MEM_SLAB_DEFINE(program_slab, 32, 2, 8);
K_MEM_SLAB_DEFINE_STATIC(private_slab, 64, 1, 64);

#define FIRST_CONSTRUCTOR 101

static void *kept;
static struct k_thread waiter;

__attribute__((constructor(FIRST_CONSTRUCTOR))) static void use_slab_early(void)
{
    void *second = NULL;
    void *third = NULL;

    EXPECT(k_mem_slab_alloc(&program_slab, &kept, K_FOREVER) == 0);
    EXPECT(k_mem_slab_alloc(&program_slab, &second, K_NO_WAIT) == 0);
    EXPECT((char *)second == (char *)kept + 32);
    EXPECT(k_mem_slab_alloc(&program_slab, &third, K_NO_WAIT) == -ENOMEM);
    EXPECT(k_mem_slab_alloc(&program_slab, &third, K_MSEC(1)) == -EAGAIN);
    k_mem_slab_free(&program_slab, second);
}

static void wait_for_block(void *mem, void *p2, void *p3)
{
    (void)p2;
    (void)p3;
    k_mem_slab_alloc(&private_slab, (void **)mem, K_FOREVER);
}

__attribute__((constructor(FIRST_CONSTRUCTOR))) static void hand_over_early(void)
{
    void *mem = NULL;
    void *same = NULL;

    EXPECT(k_mem_slab_alloc(&private_slab, &mem, K_NO_WAIT) == 0);
    EXPECT((uintptr_t)mem % 64 == 0);
    EXPECT(k_thread_create(&waiter, NULL, 0, wait_for_block, &same, NULL, NULL, 0, 0, K_NO_WAIT) ==
           &waiter);
    k_mem_slab_free(&private_slab, mem);
    EXPECT(k_thread_join(&waiter, K_FOREVER) == 0);
    EXPECT(same == mem);
    EXPECT(k_mem_slab_num_used_get(&private_slab) == 1);
}

/* What the constructors did is still there. */
static void use_slab_late(void)
{
    void *second = NULL;

    EXPECT(k_mem_slab_num_used_get(&program_slab) == 1);
    EXPECT(k_mem_slab_max_used_get(&program_slab) == 2);
    EXPECT(k_mem_slab_alloc(&program_slab, &second, K_NO_WAIT) == 0);
    k_mem_slab_free(&program_slab, kept);
    k_mem_slab_free(&program_slab, second);
    EXPECT(k_mem_slab_num_free_get(&program_slab) == 2);
}

/* The line that failed in the module, or 0. */
static int use_module(const char *path)
{
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    EXPECT(module != NULL);
    if (module == NULL) {
        return 0;
    }
    struct k_mem_slab *slab = (struct k_mem_slab *)dlsym(module, "module_slab");
    int (*module_failed)(void) = (int (*)(void))(uintptr_t)dlsym(module, "module_failed_line");
    EXPECT(slab != NULL && k_mem_slab_num_used_get(slab) == 1);
    EXPECT(slab != NULL && k_mem_slab_max_used_get(slab) == 2);
    return module_failed != NULL ? module_failed() : -1;
}

int main(int argc, char **argv)
{
    use_slab_late();
    int module_line = argc > 1 ? use_module(argv[1]) : -1;

    if (failed_line != 0) {
        fprintf(stderr, "early_slabs.c: line %d\n", failed_line);
    }
    if (module_line != 0) {
        fprintf(stderr, "early_slabs_module.c: line %d\n", module_line);
    }
    return failed_line == 0 && module_line == 0 ? 0 : 1;
}
