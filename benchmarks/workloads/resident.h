/* SPDX-License-Identifier: Apache-2.0 */
/* How much memory the process has, as the kernel counts it. No call allocates. */
#ifndef QUARRY_WORKLOADS_RESIDENT_H
#define QUARRY_WORKLOADS_RESIDENT_H

#include <stdint.h>

struct resident {
    uint64_t rss_bytes;       /* resident, whosever it is */
    uint64_t pss_bytes;       /* shared pages by parts */
    uint64_t anonymous_bytes; /* not of files: the heap, stacks, the workload's tables */
    uint64_t lazy_free_bytes; /* of these: given back by MADV_FREE, gone when memory gets scarce */
};

/* Resident bytes from /proc/self/statm: cheap, and off by up to some dozen pages per processor. */
uint64_t resident_bytes(void);

/* Exact, from /proc/self/smaps_rollup: walks all page tables. On kernels without that file all but
 * rss_bytes are 0. */
struct resident resident_exactly(void);

/* The most that was ever resident. */
uint64_t resident_peak_bytes(void);

#endif
