/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of each kind, on the machine that the test runs on. What a machine lacks is skipped, with
 * the reason; test_memory_region_refused.c has every refusal. */
#include <errno.h>
#include <linux/mempolicy.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>
#include <quarry/memory_region.h>
#include "os/os.h"
#include "../support/good_child.h"
#include "../support/memory_look.h"

#define KINDS        (QUARRY_MEMORY_FILE + 1)
#define BYTES        ((size_t)100000)
#define BOUNDARY     64u /* sizes up to SIZE_MAX that are tried */
#define SKIPPED      77
#define NOBODY       65534u
#define MOST_NODES   1024u
#define LONG_BITS    (8 * sizeof(unsigned long))
#define SMALL_LIMIT  ((size_t)64 << 10)
#define MORE_THAN_IT ((size_t)1 << 20)

static size_t page;

/* --- Usual pages --- */

static void sizes_are_rounded_up_to_pages(void **state)
{
    const size_t sizes[] = {1, page - 1, page, page + 1, BYTES};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct quarry_memory_region region;

        assert_int_equal(quarry_memory_region_map(&region, sizes[i], QUARRY_MEMORY_ORDINARY), 0);
        assert_int_equal(region.pages, QUARRY_PAGES_USUAL);
        assert_int_equal(region.file, NO_FILE);
        expect_usable(&region, sizes[i], page);
        expect_unmapped(&region);
    }
}

static void what_is_no_request_is_refused(void **state)
{
    struct quarry_memory_region region;

    for (unsigned int kind = 0; kind < KINDS; kind++) {
        memset(&region, 0x5a, sizeof(region));
        expect_refused(&region, quarry_memory_region_map(&region, 0, (enum quarry_memory_kind)kind),
                       -EINVAL);
    }
    expect_refused(
        &region, quarry_memory_region_map(&region, BYTES, (enum quarry_memory_kind)KINDS), -EINVAL);
    expect_refused(&region, quarry_memory_region_map_on_node(&region, 0, 0), -EINVAL);
    expect_refused(&region, quarry_memory_region_attach(&region, NO_FILE), -EINVAL);
    assert_int_equal(quarry_memory_region_unmap(&region), -EINVAL);
    memset(&region, 0, sizeof(region)); /* whose file would be standard input */
    assert_int_equal(quarry_memory_region_unmap(&region), -EINVAL);
}

static void what_is_too_much_is_refused(void **state)
{
    for (unsigned int number = 0; number < KINDS; number++) {
        enum quarry_memory_kind kind = (enum quarry_memory_kind)number;
        int expected = kind == QUARRY_MEMORY_HUGE && os_huge_page_bytes() == 0 ? -ENOTSUP : -ENOMEM;
        struct quarry_memory_region region;

        for (size_t bytes = SIZE_MAX - BOUNDARY; bytes != 0; bytes++) {
            expect_refused(&region, quarry_memory_region_map(&region, bytes, kind), -ENOMEM);
        }
        for (size_t bytes = PTRDIFF_MAX - BOUNDARY; bytes != PTRDIFF_MAX + (size_t)BOUNDARY;
             bytes++) {
            expect_refused(&region, quarry_memory_region_map(&region, bytes, kind), -ENOMEM);
        }
        if (sizeof(void *) > 4) { /* half of the others' address space may be there */
            expect_refused(&region, quarry_memory_region_map(&region, PTRDIFF_MAX / 2 + 1, kind),
                           expected);
        }
    }
}

/* --- Huge pages --- */

static void huge_pages_are_what_is_said(void **state)
{
    struct quarry_memory_region region;
    int result = quarry_memory_region_map(&region, BYTES, QUARRY_MEMORY_HUGE);
    size_t huge = os_huge_page_bytes();

    if (result == -ENOTSUP) {
        assert_null(region.start);
        print_message("skipped: the system has no huge pages\n");
        skip();
    }
    assert_int_equal(result, 0);
    assert_true(huge > page);
    print_message("huge pages of %zu bytes, %s\n", huge,
                  region.pages == QUARRY_PAGES_SET_ASIDE ? "set aside" : "transparent");
    assert_true(region.pages == QUARRY_PAGES_SET_ASIDE || region.pages == QUARRY_PAGES_TRANSPARENT);
    expect_usable(&region, BYTES, huge);
    expect_unmapped(&region);
}

/* --- Locked pages --- */

static void locked_pages_are_locked(void **state)
{
    struct quarry_memory_region region;
    unsigned long before = status_kib("VmLck:");
    int result = quarry_memory_region_map(&region, BYTES, QUARRY_MEMORY_LOCKED);

    if (result == -EPERM) {
        assert_null(region.start);
        print_message("skipped: RLIMIT_MEMLOCK is less than %zu bytes\n", BYTES);
        skip();
    }
    assert_int_equal(result, 0);
    assert_int_equal(status_kib("VmLck:") - before, region.bytes / 1024);
    expect_usable(&region, BYTES, page);
    expect_unmapped(&region);
    assert_int_equal(status_kib("VmLck:"), before);
}

/* The limit does not hold for the administrator. */
static void lock_with_a_limit(void *arg)
{
    struct quarry_memory_region region;
    size_t bytes = set_limit(RLIMIT_MEMLOCK, *(size_t *)arg);

    if (geteuid() == 0 && setuid(NOBODY) != 0) {
        _exit(SKIPPED);
    }
    errno = ODD_ERRNO;
    CHECK_THAT(quarry_memory_region_map(&region, MORE_THAN_IT, QUARRY_MEMORY_LOCKED) == -EPERM);
    CHECK_THAT(errno == ODD_ERRNO && region.start == NULL);
    CHECK_THAT(quarry_shared_multi_heap_map(SMH_REG_ATTR_NON_CACHEABLE, MORE_THAN_IT) == -EPERM);
    int result = quarry_memory_region_map(&region, os_page_bytes(), QUARRY_MEMORY_LOCKED);
    CHECK_THAT(result == (bytes < os_page_bytes() ? -EPERM : 0));
}

static void the_limit_of_locked_pages_is_told(void **state)
{
    size_t limits[] = {0, SMALL_LIMIT};

    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        struct death death = death_of(lock_with_a_limit, &limits[i]);

        if (death.exit_code == SKIPPED) {
            print_message("skipped: the administrator cannot become somebody else\n");
            skip();
        }
        expect_good_end(&death);
    }
}

/* --- Nodes --- */

static void memory_of_a_node_is_bound_to_it(void **state)
{
    struct quarry_memory_region region;
    unsigned long nodes[MOST_NODES / LONG_BITS] = {0};
    int mode = -1;
    int result = quarry_memory_region_map_on_node(&region, BYTES, 0);

    if (result == -ENOTSUP || result == -EPERM) {
        print_message("skipped: the system %s nodes\n",
                      result == -EPERM ? "does not let us choose" : "knows no");
        skip();
    }
    assert_int_equal(result, 0);
    expect_usable(&region, BYTES, page);
    assert_int_equal(syscall(SYS_get_mempolicy, &mode, nodes, (unsigned long)MOST_NODES,
                             region.start, (unsigned long)MPOL_F_ADDR),
                     0);
    assert_int_equal(mode, MPOL_BIND);
    assert_int_equal(nodes[0], 1);
    expect_unmapped(&region);
}

static void a_node_that_is_none_is_refused(void **state)
{
    const unsigned int numbers[] = {MOST_NODES - 1, MOST_NODES, MOST_NODES + 1, UINT32_MAX};

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct quarry_memory_region region;
        int result = quarry_memory_region_map_on_node(&region, BYTES, numbers[i]);

        if (result == -ENOTSUP || result == -EPERM) {
            print_message("skipped: the system has no such call\n");
            skip();
        }
        expect_refused(&region, result, -EINVAL);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, odd_errno, same_errno)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sizes_are_rounded_up_to_pages),   TEST(what_is_no_request_is_refused),
        TEST(what_is_too_much_is_refused),     TEST(huge_pages_are_what_is_said),
        TEST(locked_pages_are_locked),         cmocka_unit_test(the_limit_of_locked_pages_is_told),
        TEST(memory_of_a_node_is_bound_to_it), TEST(a_node_that_is_none_is_refused),
    };

    page = os_page_bytes();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
