/* SPDX-License-Identifier: Apache-2.0 */
/* All of these leave errno as it is, but for odd_errno. */
#include "memory_look.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>

#include "good_child.h"
#include "os/os.h"

#define STATUS_BYTES 4096

int odd_errno(void **state)
{
    errno = ODD_ERRNO;
    return 0;
}

int same_errno(void **state)
{
    assert_int_equal(errno, ODD_ERRNO);
    return 0;
}

bool is_mapped(void *start)
{
    unsigned char there;
    int saved_errno = errno;
    bool mapped = mincore(start, 1, &there) == 0;

    errno = saved_errno;
    return mapped;
}

bool is_there(const void *address)
{
    const size_t page = os_page_bytes();
    unsigned char there = 0;
    int saved_errno = errno;

    CHECK_THAT(mincore((void *)((uintptr_t)address / page * page), page, &there) == 0);
    errno = saved_errno;
    return (there & 1) != 0;
}

void expect_usable(const struct quarry_memory_region *region, size_t bytes, size_t page_bytes)
{
    const size_t page = os_page_bytes();
    char *start = region->start;

    assert_non_null(start);
    assert_true(region->bytes >= bytes && region->bytes - bytes < page_bytes);
    assert_int_equal(region->bytes % page_bytes, 0);
    assert_int_equal((uintptr_t)start % page_bytes, 0);
    for (size_t i = 0; i < region->bytes; i += page) {
        assert_int_equal(start[i], 0);
        start[i] = 1;
    }
    assert_int_equal(start[region->bytes - 1], 0);
    start[region->bytes - 1] = 1;
}

void expect_unmapped(struct quarry_memory_region *region)
{
    void *start = region->start;

    assert_true(is_mapped(start));
    assert_int_equal(quarry_memory_region_unmap(region), 0);
    assert_null(region->start);
    assert_int_equal(region->file, NO_FILE);
    assert_false(is_mapped(start));
    assert_int_equal(quarry_memory_region_unmap(region), -EINVAL);
}

void expect_refused(const struct quarry_memory_region *region, int result, int expected)
{
    assert_int_equal(result, expected);
    assert_null(region->start);
    assert_int_equal(region->bytes, 0);
    assert_int_equal(region->file, NO_FILE);
}

unsigned long status_kib(const char *label)
{
    char text[STATUS_BYTES];
    int saved_errno = errno;
    int file = open("/proc/self/status", O_RDONLY);
    ssize_t count = read(file, text, sizeof(text) - 1);

    close(file);
    text[count > 0 ? count : 0] = '\0';
    const char *line = strstr(text, label);
    unsigned long kib = line != NULL ? strtoul(line + strlen(label), NULL, 10) : 0;
    errno = saved_errno;
    return kib;
}

size_t set_limit(int resource, size_t bytes)
{
    struct rlimit to;

    CHECK_THAT(getrlimit((__rlimit_resource_t)resource, &to) == 0);
    /* The hard one may not be raised, nor under Valgrind be lowered. */
    to.rlim_cur = bytes < to.rlim_max ? bytes : to.rlim_max;
    CHECK_THAT(setrlimit((__rlimit_resource_t)resource, &to) == 0);
    return (size_t)to.rlim_cur;
}
