/* SPDX-License-Identifier: Apache-2.0 */
/* The same names as in the test, where they are private to a file. */
#include "slab_elsewhere.h"

K_MEM_SLAB_DEFINE(slab_elsewhere, ELSEWHERE_BLOCK_BYTES, ELSEWHERE_BLOCKS, 16);
K_MEM_SLAB_DEFINE_STATIC(private_slab, 16, 1, 8);

void *take_elsewhere(void)
{
    void *mem = NULL;
    void *other = NULL;

    if (k_mem_slab_alloc(&private_slab, &other, K_NO_WAIT) == 0) {
        k_mem_slab_free(&private_slab, other);
    }
    k_mem_slab_alloc(&slab_elsewhere, &mem, K_NO_WAIT);
    return mem;
}
