/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says of this process's memory, and limits that are set for it. */
#ifndef QUARRY_TESTS_MEMORY_LOOK_H
#define QUARRY_TESTS_MEMORY_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <quarry/memory_region.h>

#define ODD_ERRNO 9999
#define NO_FILE   (-1)

/* For cmocka: sets errno, and fails unless it still is that. */
int odd_errno(void **state);
int same_errno(void **state);

bool is_mapped(void *start);

/* Whether the page of an address has memory. Ends the process with a word if it is not mapped. */
bool is_there(const void *address);

/* Fails the running test unless the region is at least so large, at most one page of `page_bytes`
 * larger, at a multiple of these, zero, and can be written to. Writes to it. */
void expect_usable(const struct quarry_memory_region *region, size_t bytes, size_t page_bytes);

/* Unmaps the region. Fails the running test unless its memory is gone. */
void expect_unmapped(struct quarry_memory_region *region);

/* Fails the running test unless a call has returned that, and no region. */
void expect_refused(const struct quarry_memory_region *region, int result, int expected);

/* KiB that /proc/self/status has behind a label such as "VmLck:"; 0: nothing. */
unsigned long status_kib(const char *label);

/* Sets a soft limit of getrlimit, no higher than the hard one. Returns it, or ends the process with
 * a word. */
size_t set_limit(int resource, size_t bytes);

#endif
