/* SPDX-License-Identifier: Apache-2.0 */
/* The other of two files of a program that define heaps. */
#include "k_heap_elsewhere.h"

K_HEAP_DEFINE(k_heap_elsewhere, K_HEAP_ELSEWHERE_BYTES);

int k_heap_array_get_elsewhere(struct k_heap **heap)
{
    return k_heap_array_get(heap);
}
