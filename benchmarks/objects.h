/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the program `objects`: Zephyr's objects, and what there is without them. */
#ifndef QUARRY_BENCHMARKS_OBJECTS_H
#define QUARRY_BENCHMARKS_OBJECTS_H

#include <vector>
#include "table.h"

using rows = std::vector<row>;

/* Each appends to the two tables: blocks of 64 bytes, and blocks of random sizes. */
void add_zephyr(rows &of_64, rows &of_any_size);
void add_rivals(rows &of_64, rows &of_any_size);
void add_boost(rows &of_64);
void add_dpdk(rows &of_64);

#endif
