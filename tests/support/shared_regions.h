/* SPDX-License-Identifier: Apache-2.0 */
/* The pool of shared_multi_heap with a few small regions, and a look at its heaps. */
#ifndef QUARRY_TESTS_SHARED_REGIONS_H
#define QUARRY_TESTS_SHARED_REGIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <zephyr/multi_heap/shared_multi_heap.h>

#define SHARED_REGIONS      4u /* two of SMH_REG_ATTR_CACHEABLE, then one of each other kind */
#define SHARED_REGION_BYTES 4096u

/* Adds them. Fails the running test if that is not possible. Once in a program. */
void shared_regions_add(void);

/* The heap of one of them. */
struct sys_heap *shared_regions_heap(size_t number);

/* The number of the region that a block lies in; SHARED_REGIONS: none. */
size_t shared_regions_number(const void *block);

/* Whether no block is left in any, and all heaps are whole. */
bool shared_regions_are_empty(void);

#endif
