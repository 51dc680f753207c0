/* SPDX-License-Identifier: Apache-2.0 */
/* What pool_size.c asks of another file of its program, which emits the pool's size as well. */
#ifndef QUARRY_TESTS_KERNEL_POOL_SIZE_H
#define QUARRY_TESTS_KERNEL_POOL_SIZE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

size_t pool_size_elsewhere(void);

#ifdef __cplusplus
}
#endif

#endif
