/* SPDX-License-Identifier: Apache-2.0 */
/* A slab that is defined in another file than the test that uses it. */
#ifndef QUARRY_TESTS_SLAB_ELSEWHERE_H
#define QUARRY_TESTS_SLAB_ELSEWHERE_H

#include <zephyr/kernel/mem_slab.h>

#define ELSEWHERE_BLOCK_BYTES 48u
#define ELSEWHERE_BLOCKS      3u

extern struct k_mem_slab slab_elsewhere;

/* A block of it, taken by that other file; NULL if there is none. */
void *take_elsewhere(void);

#endif
