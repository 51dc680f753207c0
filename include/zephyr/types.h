/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The C library's types, under the name that Zephyr's code includes.
 *
 * Source: Zephyr's <zephyr/types.h>. Differs from Zephyr: has the standard types only.
 */
#ifndef ZEPHYR_INCLUDE_TYPES_H_
#define ZEPHYR_INCLUDE_TYPES_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#endif
