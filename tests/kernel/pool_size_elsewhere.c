/* SPDX-License-Identifier: Apache-2.0 */
/* The second file of a program that is compiled with a size for the system heap. */
#include <zephyr/kernel.h>
#include "pool_size.h"

size_t pool_size_elsewhere(void)
{
    return K_HEAP_MEM_POOL_SIZE;
}
