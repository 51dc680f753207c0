/* SPDX-License-Identifier: Apache-2.0 */
/* A heap under the load of sys_heap_stress: every block is filled with words of its own, and looked
 * at before it is freed; the heap is validated after every step. */
#ifndef QUARRY_TESTS_HEAP_LOAD_H
#define QUARRY_TESTS_HEAP_LOAD_H

#include <stddef.h>
#include <stdint.h>
#include <zephyr/sys/sys_heap.h>

/* Makes a heap of the buffer and puts `steps` steps on it that hover about `percent` of its bytes.
 * Fails the running cmocka test if a block is damaged, if it is not exactly as large as its request
 * and headers of header_bytes make it, or if the heap is not valid. */
struct z_heap_stress_result heap_load(void *buffer, size_t bytes, size_t header_bytes,
                                      uint32_t steps, int percent);

/* Bytes live after a step, on the average of all steps, in percent of `bytes`. */
unsigned int heap_load_percent(const struct z_heap_stress_result *result, size_t bytes);

/* Bytes of a used chunk's header in a heap of so many bytes. */
size_t heap_load_header_bytes(size_t heap_bytes);

#endif
