/* SPDX-License-Identifier: Apache-2.0 */
/* mem_attr_heap and the table of regions: what each call returns, which region serves, what a
 * buffer is checked against, and misuse.
 *
 * Heaps are made once in the life of a program. So every test runs in a child process, which begins
 * without them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <quarry/memory_region.h>
#include <zephyr/mem_mgmt/mem_attr_heap.h>
#include <zephyr/sys/sys_heap.h>
#include "../support/death.h"
#include "../support/good_child.h"

#define REGION_BYTES 1024u
#define BUFFERS      (MAX_MEM_ATTR_HEAPS + 2)
#define BOUNDARY     64u /* sizes up to SIZE_MAX that are tried */
#define PLAIN        (DT_MEM_CACHEABLE | DT_MEM_NON_VOLATILE)
#define CACHED       (DT_MEM_CACHEABLE | DT_MEM_SW_ALLOC_CACHE)
#define UNCACHED     DT_MEM_SW_ALLOC_NON_CACHE
#define DMA          (DT_MEM_DMA | DT_MEM_SW_ALLOC_DMA)

static _Alignas(64) char buffers[BUFFERS][REGION_BYTES];

#define REGION(number, attr)                                                                       \
    {                                                                                              \
        "region " #number, 0, REGION_BYTES, (attr)                                                 \
    }

static struct mem_attr_region_t table[] = {
    REGION(0, PLAIN), REGION(1, CACHED), REGION(2, UNCACHED), REGION(3, CACHED), REGION(4, DMA),
};
#define TABLE_REGIONS (sizeof(table) / sizeof(table[0]))

/* --- In the child --- */

static void set_table(void)
{
    for (size_t i = 0; i < TABLE_REGIONS; i++) {
        table[i].dt_addr = (uintptr_t)buffers[i];
    }
    CHECK_THAT(quarry_mem_attr_regions_set(table, TABLE_REGIONS) == 0);
}

static void make_heaps(void)
{
    set_table();
    CHECK_THAT(mem_attr_heap_pool_init() == 0);
}

/* The number of the buffer that a block of so many bytes lies in, which is the region's. */
static size_t buffer_of(void *block, size_t bytes)
{
    size_t number = (size_t)((char *)block - buffers[0]) / REGION_BYTES;

    CHECK_THAT(block != NULL && number < TABLE_REGIONS);
    CHECK_THAT((char *)block + bytes <= buffers[number] + REGION_BYTES);
    CHECK_THAT(mem_attr_heap_get_region(block) == &table[number]);
    return number;
}

static void use_no_table(void *arg)
{
    const struct mem_attr_region_t *regions = table;

    (void)arg;
    CHECK_THAT(mem_attr_get_regions(&regions) == 0 && regions == NULL);
    CHECK_THAT(mem_attr_check_buf(buffers[0], 1, PLAIN) == -ENOBUFS);
    CHECK_THAT(mem_attr_heap_alloc(CACHED, 1) == NULL);
    CHECK_THAT(mem_attr_heap_get_region(buffers[1]) == NULL);
    mem_attr_heap_free(NULL);
    CHECK_THAT(mem_attr_heap_pool_init() == 0); /* there is nothing to be made */
    CHECK_THAT(mem_attr_heap_pool_init() == -EALREADY);
    CHECK_THAT(mem_attr_heap_alloc(CACHED, 1) == NULL);
}

static void set_tables(void *arg)
{
    const struct mem_attr_region_t *regions = NULL;

    (void)arg;
    CHECK_THAT(quarry_mem_attr_regions_set(NULL, 1) == -EINVAL);
    CHECK_THAT(quarry_mem_attr_regions_set(table, 1) == 0);
    CHECK_THAT(quarry_mem_attr_regions_set(NULL, 0) == 0);
    CHECK_THAT(mem_attr_get_regions(&regions) == 0 && regions == NULL);
    set_table();
    CHECK_THAT(mem_attr_get_regions(&regions) == TABLE_REGIONS && regions == table);
    CHECK_THAT(mem_attr_heap_pool_init() == 0);
    CHECK_THAT(quarry_mem_attr_regions_set(table, 1) == -EALREADY);
    CHECK_THAT(mem_attr_get_regions(&regions) == TABLE_REGIONS && regions == table);
}

static void init_twice(void *arg)
{
    (void)arg;
    make_heaps();
    void *block = mem_attr_heap_alloc(CACHED, 40);
    CHECK_THAT(mem_attr_heap_pool_init() == -EALREADY);
    CHECK_THAT(mem_attr_heap_alloc(CACHED, 40) != block); /* the heaps are the same ones */
}

static void allocate_by_attribute(void *arg)
{
    (void)arg;
    make_heaps();
    CHECK_THAT(buffer_of(mem_attr_heap_alloc(UNCACHED, 600), 600) == 2);
    CHECK_THAT(mem_attr_heap_alloc(UNCACHED, 600) == NULL);
    CHECK_THAT(buffer_of(mem_attr_heap_alloc(DMA, 600), 600) == 4);
    void *first = mem_attr_heap_alloc(CACHED, 600);
    CHECK_THAT(buffer_of(first, 600) == 1);
    CHECK_THAT(buffer_of(mem_attr_heap_alloc(CACHED, 600), 600) == 3);
    CHECK_THAT(mem_attr_heap_alloc(CACHED, 600) == NULL);
    mem_attr_heap_free(first);
    CHECK_THAT(mem_attr_heap_alloc(CACHED, 600) == first);
    /* Neither less nor more than a region has. */
    CHECK_THAT(mem_attr_heap_alloc(DT_MEM_SW_ALLOC_CACHE, 8) == NULL);
    CHECK_THAT(mem_attr_heap_alloc(DT_MEM_CACHEABLE, 8) == NULL);
    CHECK_THAT(mem_attr_heap_alloc(CACHED | DT_MEM_DMA, 8) == NULL);
    CHECK_THAT(mem_attr_heap_alloc(PLAIN, 8) == NULL);
    CHECK_THAT(mem_attr_heap_alloc(0, 8) == NULL);
    CHECK_THAT(mem_attr_heap_alloc(UINT32_MAX, 8) == NULL);
}

static void leave_others_alone(void *arg)
{
    (void)arg;
    memset(buffers[0], 0x5a, REGION_BYTES);
    make_heaps();
    for (size_t i = 0; i < REGION_BYTES; i++) {
        CHECK_THAT(buffers[0][i] == 0x5a);
    }
    CHECK_THAT(mem_attr_heap_get_region(buffers[0] + 8) == NULL);
}

static void allocate_what_is_none(void *arg)
{
    (void)arg;
    make_heaps();
    CHECK_THAT(mem_attr_heap_alloc(CACHED, 0) == NULL);
    CHECK_THAT(mem_attr_heap_aligned_alloc(CACHED, 64, 0) == NULL);
    CHECK_THAT(mem_attr_heap_alloc(CACHED, REGION_BYTES) == NULL);
    for (size_t bytes = SIZE_MAX - BOUNDARY; bytes != 0; bytes++) {
        CHECK_THAT(mem_attr_heap_alloc(CACHED, bytes) == NULL);
        for (size_t align = SIZE_MAX / 2 + 1; align > 0; align /= 2) {
            CHECK_THAT(mem_attr_heap_aligned_alloc(CACHED, align, bytes) == NULL);
        }
    }
}

static void allocate_aligned(void *arg)
{
    (void)arg;
    make_heaps();
    for (size_t align = 1; align <= 256; align *= 2) {
        void *block = mem_attr_heap_aligned_alloc(DMA, align, 40);

        CHECK_THAT(buffer_of(block, 40) == 4 && (uintptr_t)block % align == 0);
        mem_attr_heap_free(block);
    }
}

static void find_regions(void *arg)
{
    (void)arg;
    make_heaps();
    CHECK_THAT(mem_attr_heap_get_region(NULL) == NULL);
    CHECK_THAT(mem_attr_heap_get_region((void *)UINTPTR_MAX) == NULL);
    CHECK_THAT(mem_attr_heap_get_region(buffers[1]) == &table[1]);
    CHECK_THAT(mem_attr_heap_get_region(buffers[1] + REGION_BYTES - 1) == &table[1]);
    CHECK_THAT(mem_attr_heap_get_region(buffers[2]) == &table[2]);
    CHECK_THAT(mem_attr_heap_get_region(buffers[TABLE_REGIONS]) == NULL);
}

/* --- Tables that cannot be --- */

static struct mem_attr_region_t own_table[BUFFERS];

static void set_own_table(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        own_table[i] = (struct mem_attr_region_t){NULL, (uintptr_t)buffers[i], REGION_BYTES, DMA};
    }
    CHECK_THAT(quarry_mem_attr_regions_set(own_table, count) == 0);
}

/* Nothing was made, and another table can be. */
static void expect_refusal_and_try_again(void)
{
    CHECK_THAT(mem_attr_heap_pool_init() == -ENOMEM);
    CHECK_THAT(mem_attr_heap_alloc(DMA, 1) == NULL);
    CHECK_THAT(mem_attr_heap_get_region(buffers[0]) == NULL);
    make_heaps();
    CHECK_THAT(buffer_of(mem_attr_heap_alloc(DMA, 40), 40) == 4);
}

static void have_too_many(void *arg)
{
    (void)arg;
    set_own_table(MAX_MEM_ATTR_HEAPS + 1);
    expect_refusal_and_try_again();
}

static void have_as_many_as_can_be(void *arg)
{
    (void)arg;
    set_own_table(MAX_MEM_ATTR_HEAPS + 2);
    own_table[0].dt_attr = PLAIN; /* two that have no heap do not count */
    own_table[5].dt_attr = PLAIN;
    CHECK_THAT(mem_attr_heap_pool_init() == 0);
    for (size_t i = 0; i < MAX_MEM_ATTR_HEAPS; i++) {
        CHECK_THAT(mem_attr_heap_alloc(DMA, 600) != NULL);
    }
    CHECK_THAT(mem_attr_heap_alloc(DMA, 600) == NULL);
}

static void have_a_small_one(void *arg)
{
    (void)arg;
    set_own_table(3);
    own_table[2].dt_size = Z_HEAP_MIN_SIZE - 1;
    expect_refusal_and_try_again();
}

static void have_one_twice(void *arg)
{
    (void)arg;
    set_own_table(3);
    own_table[2].dt_addr = own_table[0].dt_addr + REGION_BYTES / 2;
    expect_refusal_and_try_again();
}

/* --- Buffers --- */

static void check_buffers(void *arg)
{
    (void)arg;
    set_table();
    CHECK_THAT(mem_attr_check_buf(buffers[1], REGION_BYTES, CACHED) == 0);
    CHECK_THAT(mem_attr_check_buf(buffers[1] + 10, REGION_BYTES - 10, DT_MEM_CACHEABLE) == 0);
    CHECK_THAT(mem_attr_check_buf(buffers[0], 1, DT_MEM_NON_VOLATILE) == 0);
    CHECK_THAT(mem_attr_check_buf(buffers[0], 1, DT_MEM_DMA) == -EINVAL);
    CHECK_THAT(mem_attr_check_buf(buffers[0], 1, PLAIN | DT_MEM_DMA) == -EINVAL);
    CHECK_THAT(mem_attr_check_buf(buffers[1], 0, CACHED) == -ENOTSUP);
    CHECK_THAT(mem_attr_check_buf(buffers[1], 1, 0) == -ENOTSUP);
    CHECK_THAT(mem_attr_check_buf(buffers[1] + 10, REGION_BYTES - 9, CACHED) == -ENOSPC);
    CHECK_THAT(mem_attr_check_buf(buffers[1] + 10, SIZE_MAX, CACHED) == -ENOSPC);
    CHECK_THAT(mem_attr_check_buf(buffers[TABLE_REGIONS], 1, CACHED) == -ENOBUFS);
    CHECK_THAT(mem_attr_check_buf(NULL, 1, CACHED) == -ENOBUFS);
}

/* --- Misuse, in the child as well --- */

static void free_address(void *address)
{
    make_heaps();
    mem_attr_heap_free(address);
}

static void free_twice(void *arg)
{
    (void)arg;
    make_heaps();
    void *block = mem_attr_heap_alloc(DMA, 40);
    mem_attr_heap_free(block);
    mem_attr_heap_free(block);
}

/* --- In the parent --- */

#define GOOD_CHILD(name, deed)                                                                     \
    static void name(void **state)                                                                 \
    {                                                                                              \
        expect_good_child(deed, NULL);                                                             \
    }

GOOD_CHILD(without_a_table_there_is_nothing, use_no_table)
GOOD_CHILD(a_table_can_be_changed_until_heaps_are_made, set_tables)
GOOD_CHILD(heaps_are_made_once, init_twice)
GOOD_CHILD(the_first_region_with_these_attributes_serves, allocate_by_attribute)
GOOD_CHILD(regions_that_are_not_for_heaps_are_left_alone, leave_others_alone)
GOOD_CHILD(what_cannot_be_had_is_not_had, allocate_what_is_none)
GOOD_CHILD(alignments_are_kept, allocate_aligned)
GOOD_CHILD(an_address_names_its_region, find_regions)
GOOD_CHILD(too_many_regions_are_refused, have_too_many)
GOOD_CHILD(as_many_regions_as_are_said_can_be, have_as_many_as_can_be)
GOOD_CHILD(a_region_without_room_is_refused, have_a_small_one)
GOOD_CHILD(overlapping_regions_are_refused, have_one_twice)
GOOD_CHILD(buffers_are_checked, check_buffers)

static void misuse_is_reported(void **state)
{
    static const char foreign[] = "address lies in no region of a pool of heaps";

    expect_death(free_address, buffers[0], foreign); /* a region without a heap */
    expect_death(free_address, (void *)(uintptr_t)8, foreign);
    skip_below_hardening(1);
    expect_death(free_twice, NULL, "double free");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_table_there_is_nothing),
        cmocka_unit_test(a_table_can_be_changed_until_heaps_are_made),
        cmocka_unit_test(heaps_are_made_once),
        cmocka_unit_test(the_first_region_with_these_attributes_serves),
        cmocka_unit_test(regions_that_are_not_for_heaps_are_left_alone),
        cmocka_unit_test(what_cannot_be_had_is_not_had),
        cmocka_unit_test(alignments_are_kept),
        cmocka_unit_test(an_address_names_its_region),
        cmocka_unit_test(too_many_regions_are_refused),
        cmocka_unit_test(as_many_regions_as_are_said_can_be),
        cmocka_unit_test(a_region_without_room_is_refused),
        cmocka_unit_test(overlapping_regions_are_refused),
        cmocka_unit_test(buffers_are_checked),
        cmocka_unit_test(misuse_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
