/* SPDX-License-Identifier: Apache-2.0 */
/* What the process uses, asked without allocating: from the kernel and from the allocator. */
#ifndef QUARRY_TESTS_INTERPOSER_MEMORY_USE_H
#define QUARRY_TESTS_INTERPOSER_MEMORY_USE_H

#include <fcntl.h>

#include "expect.h"

/* Bytes of the process in physical memory. */
static inline size_t resident_bytes(void)
{
    char text[128] = "";
    int statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    EXPECT(statm >= 0 && read(statm, text, sizeof(text) - 1) > 0);
    close(statm);
    char *second = strchr(text, ' ');
    EXPECT(second != NULL);
    return (size_t)strtoul(second, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

/* Bytes in blocks that the program holds, by the allocator's own account. */
static inline size_t live_bytes(void)
{
#ifdef QUARRY_MALLOC_H
    struct quarry_malloc_stats stats;
    quarry_malloc_stats_get(&stats);
    return stats.live_bytes;
#else
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
#endif
}

#endif
