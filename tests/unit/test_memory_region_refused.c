/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of each kind, on a system that refuses in every way that os.h tells of: what the caller
 * gets, and that nothing is left over. This file has the functions of os_memory.c. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <quarry/memory_region.h>
#include "os/os.h"
#include "../support/good_child.h"
#include "../support/memory_look.h"

#define BYTES       ((size_t)10000)
#define HUGE_BYTES  ((size_t)1 << 21)
#define FILE_NUMBER 77
#define OTHER_FILE  78

/* What the system has, and what it is asked. */
static struct {
    size_t huge_page_bytes;
    bool has_set_aside;
    bool advises;
    int lock_result;
    int bind_result;
    int file; /* of a new or another one; or an error */
    size_t sealed_bytes;
    bool maps_files;

    void *touched; /* memory that it was asked about last */
    unsigned int node;
    int closed;
} system_state;

static int begin(void **state)
{
    memset(&system_state, 0, sizeof(system_state));
    system_state.huge_page_bytes = HUGE_BYTES;
    system_state.file = FILE_NUMBER;
    system_state.maps_files = true;
    system_state.closed = NO_FILE;
    return 0;
}

size_t os_huge_page_bytes(void)
{
    return system_state.huge_page_bytes;
}

void *os_map_huge(size_t bytes, size_t page_bytes)
{
    assert_int_equal(page_bytes, HUGE_BYTES);
    assert_int_equal(bytes % page_bytes, 0);
    return system_state.has_set_aside ? os_map(bytes, page_bytes) : NULL;
}

bool os_advise_huge(void *start, size_t bytes)
{
    assert_int_equal((uintptr_t)start % HUGE_BYTES, 0);
    assert_int_equal(bytes % HUGE_BYTES, 0);
    system_state.touched = start;
    return system_state.advises;
}

int os_lock_pages(void *start, size_t bytes)
{
    (void)bytes;
    system_state.touched = start;
    return system_state.lock_result;
}

int os_bind_pages(void *start, size_t bytes, unsigned int node)
{
    (void)bytes;
    system_state.touched = start;
    system_state.node = node;
    return system_state.bind_result;
}

int os_file_make(const char *name, size_t bytes)
{
    assert_non_null(name);
    assert_int_equal(bytes % os_page_bytes(), 0);
    return system_state.file;
}

size_t os_file_sealed_bytes(int file)
{
    assert_int_equal(file, OTHER_FILE);
    return system_state.sealed_bytes;
}

int os_file_duplicate(int file)
{
    assert_int_equal(file, OTHER_FILE);
    return system_state.file;
}

void os_file_close(int file)
{
    assert_int_equal(system_state.closed, NO_FILE);
    system_state.closed = file;
}

void *os_map_file(size_t bytes, int file)
{
    assert_int_equal(file, FILE_NUMBER);
    return system_state.maps_files ? os_map(bytes, os_page_bytes()) : NULL;
}

static void expect_nothing(const struct quarry_memory_region *region)
{
    assert_null(region->start);
    assert_int_equal(region->bytes, 0);
    assert_int_equal(region->pages, QUARRY_PAGES_USUAL);
    assert_int_equal(region->file, NO_FILE);
}

static void expect_refusal(int expected, enum quarry_memory_kind kind)
{
    struct quarry_memory_region region;

    memset(&region, 0x5a, sizeof(region));
    assert_int_equal(quarry_memory_region_map(&region, BYTES, kind), expected);
    expect_nothing(&region);
}

static void huge_pages_are_those_set_aside(void **state)
{
    struct quarry_memory_region region;

    system_state.has_set_aside = true;
    assert_int_equal(quarry_memory_region_map(&region, BYTES, QUARRY_MEMORY_HUGE), 0);
    assert_int_equal(region.pages, QUARRY_PAGES_SET_ASIDE);
    assert_int_equal(region.bytes, HUGE_BYTES);
    assert_int_equal(region.file, NO_FILE);
    assert_null(system_state.touched); /* nobody asked for transparent ones */
    assert_int_equal(quarry_memory_region_unmap(&region), 0);
    expect_nothing(&region);
}

static void else_huge_pages_are_transparent(void **state)
{
    struct quarry_memory_region region;

    system_state.advises = true;
    assert_int_equal(quarry_memory_region_map(&region, HUGE_BYTES + 1, QUARRY_MEMORY_HUGE), 0);
    assert_int_equal(region.pages, QUARRY_PAGES_TRANSPARENT);
    assert_int_equal(region.bytes, 2 * HUGE_BYTES);
    assert_ptr_equal(region.start, system_state.touched);
    assert_int_equal(quarry_memory_region_unmap(&region), 0);
    expect_nothing(&region);
}

static void else_there_are_no_huge_pages(void **state)
{
    expect_refusal(-ENOTSUP, QUARRY_MEMORY_HUGE);
    assert_non_null(system_state.touched);
    assert_false(is_mapped(system_state.touched));
    system_state.huge_page_bytes = 0;
    system_state.advises = true;
    expect_refusal(-ENOTSUP, QUARRY_MEMORY_HUGE);
}

static void pages_that_are_not_locked_are_given_back(void **state)
{
    const int results[] = {-EPERM, -ENOMEM};

    for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
        system_state.lock_result = results[i];
        system_state.touched = NULL;
        expect_refusal(results[i], QUARRY_MEMORY_LOCKED);
        assert_non_null(system_state.touched);
        assert_false(is_mapped(system_state.touched));
    }
}

static void pages_of_no_node_are_given_back(void **state)
{
    const int results[] = {-EINVAL, -EPERM, -ENOTSUP, -ENOMEM};

    for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
        struct quarry_memory_region region;

        system_state.bind_result = results[i];
        system_state.touched = NULL;
        assert_int_equal(quarry_memory_region_map_on_node(&region, BYTES, (unsigned int)i),
                         results[i]);
        expect_nothing(&region);
        assert_int_equal(system_state.node, i);
        assert_non_null(system_state.touched);
        assert_false(is_mapped(system_state.touched));
    }
}

static void without_a_file_there_is_nothing(void **state)
{
    const int results[] = {-EPERM, -EMFILE, -ENOTSUP, -ENOMEM};

    for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
        system_state.file = results[i];
        expect_refusal(results[i], QUARRY_MEMORY_FILE);
    }
    assert_int_equal(system_state.closed, NO_FILE);
}

static void a_file_that_is_not_mapped_is_closed(void **state)
{
    system_state.maps_files = false;
    expect_refusal(-ENOMEM, QUARRY_MEMORY_FILE);
    assert_int_equal(system_state.closed, FILE_NUMBER);
}

static void a_file_is_closed_with_its_region(void **state)
{
    struct quarry_memory_region region;

    assert_int_equal(quarry_memory_region_map(&region, BYTES, QUARRY_MEMORY_FILE), 0);
    assert_int_equal(region.file, FILE_NUMBER);
    assert_int_equal(system_state.closed, NO_FILE);
    assert_int_equal(quarry_memory_region_unmap(&region), 0);
    assert_int_equal(system_state.closed, FILE_NUMBER);
}

static void what_cannot_be_attached_is_refused(void **state)
{
    struct quarry_memory_region region;

    assert_int_equal(quarry_memory_region_attach(&region, OTHER_FILE), -EINVAL);
    expect_nothing(&region);
    system_state.sealed_bytes = BYTES;
    system_state.file = -EMFILE;
    assert_int_equal(quarry_memory_region_attach(&region, OTHER_FILE), -EMFILE);
    expect_nothing(&region);
    assert_int_equal(system_state.closed, NO_FILE);
    system_state.file = FILE_NUMBER;
    system_state.maps_files = false;
    assert_int_equal(quarry_memory_region_attach(&region, OTHER_FILE), -ENOMEM);
    expect_nothing(&region);
    assert_int_equal(system_state.closed, FILE_NUMBER); /* its own, not the caller's */
}

static void refuse_memory_for_the_pool(void *arg)
{
    (void)arg;
    system_state.lock_result = -EPERM;
    CHECK_THAT(quarry_shared_multi_heap_map(SMH_REG_ATTR_NON_CACHEABLE, BYTES) == -EPERM);
    CHECK_THAT(quarry_shared_multi_heap_map(SMH_REG_ATTR_EXTERNAL, BYTES) == -ENOTSUP);
    CHECK_THAT(shared_multi_heap_alloc(SMH_REG_ATTR_NON_CACHEABLE, 1) == NULL);
    CHECK_THAT(shared_multi_heap_alloc(SMH_REG_ATTR_EXTERNAL, 1) == NULL);
    system_state.lock_result = 0;
    CHECK_THAT(quarry_shared_multi_heap_map(SMH_REG_ATTR_NON_CACHEABLE, BYTES) == 0);
    CHECK_THAT(shared_multi_heap_alloc(SMH_REG_ATTR_NON_CACHEABLE, 1) != NULL);
}

static void a_pool_gets_what_there_is(void **state)
{
    expect_good_child(refuse_memory_for_the_pool, NULL);
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(huge_pages_are_those_set_aside),      TEST(else_huge_pages_are_transparent),
        TEST(else_there_are_no_huge_pages),        TEST(pages_that_are_not_locked_are_given_back),
        TEST(pages_of_no_node_are_given_back),     TEST(without_a_file_there_is_nothing),
        TEST(a_file_that_is_not_mapped_is_closed), TEST(a_file_is_closed_with_its_region),
        TEST(what_cannot_be_attached_is_refused),  TEST(a_pool_gets_what_there_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
