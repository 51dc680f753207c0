/* SPDX-License-Identifier: Apache-2.0 */
/* A k_heap that is defined in another file than the test that uses it. */
#ifndef QUARRY_TESTS_K_HEAP_ELSEWHERE_H
#define QUARRY_TESTS_K_HEAP_ELSEWHERE_H

#include <zephyr/kernel/kheap.h>

#define K_HEAP_ELSEWHERE_BYTES 512u

extern struct k_heap k_heap_elsewhere;

/* What k_heap_array_get says in that other file. */
int k_heap_array_get_elsewhere(struct k_heap **heap);

#endif
