/* SPDX-License-Identifier: Apache-2.0 */
/* The bucket policies, for tests that are about all of them. */
#ifndef QUARRY_TESTS_HEAP_POLICIES_H
#define QUARRY_TESTS_HEAP_POLICIES_H

#include <quarry/heap.h>

/* They are numbered from 0: QUARRY_HEAP_ZEPHYR_BUCKETS, then QUARRY_HEAP_FINE_BUCKETS. */
#define HEAP_POLICIES 2u

static inline const char *heap_policy_name(enum quarry_heap_buckets policy)
{
    return policy == QUARRY_HEAP_ZEPHYR_BUCKETS ? "zephyr" : "fine";
}

#endif
