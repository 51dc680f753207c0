/* SPDX-License-Identifier: Apache-2.0 */
/* A shared module with a static slab that is used by its constructor. */
#include <errno.h>
#include <stddef.h>
#include <zephyr/kernel/mem_slab.h>
#include "expect.h"

K_MEM_SLAB_DEFINE(module_slab, 24, 2, 8);

int module_failed_line(void);

/* Of the two blocks one is kept. */
__attribute__((constructor)) static void use_slab_early(void)
{
    void *first = NULL;
    void *second = NULL;
    void *third = NULL;

    EXPECT(k_mem_slab_alloc(&module_slab, &first, K_NO_WAIT) == 0);
    EXPECT(k_mem_slab_alloc(&module_slab, &second, K_FOREVER) == 0);
    EXPECT((char *)second == (char *)first + 24);
    EXPECT(k_mem_slab_alloc(&module_slab, &third, K_NO_WAIT) == -ENOMEM);
    EXPECT(k_mem_slab_alloc(&module_slab, &third, K_MSEC(1)) == -EAGAIN);
    k_mem_slab_free(&module_slab, second);
    EXPECT(k_mem_slab_num_used_get(&module_slab) == 1);
}

int module_failed_line(void)
{
    return failed_line;
}
