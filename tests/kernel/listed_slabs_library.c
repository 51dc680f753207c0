/* SPDX-License-Identifier: Apache-2.0 */
/* A shared library with a static slab. */
#include <zephyr/kernel/mem_slab.h>

K_MEM_SLAB_DEFINE(library_slab, 24, 2, 8);
