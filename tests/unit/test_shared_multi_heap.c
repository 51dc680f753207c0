/* SPDX-License-Identifier: Apache-2.0 */
/* shared_multi_heap as one thread sees it: what each call returns, which region serves, where a
 * block of another size goes, how many regions there can be, and misuse.
 *
 * There is one pool, and no way to empty it. So every test runs in a child process, which begins
 * with the pool of a program that has just been started. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <zephyr/multi_heap/shared_multi_heap.h>
#include "../support/death.h"
#include "../support/good_child.h"
#include "../support/heap_client.h"

#define REGION_BYTES 1024u
#define REGIONS      (MAX_SHARED_MULTI_HEAP_ATTR * MAX_MULTI_HEAPS)
#define BOUNDARY     64u /* sizes up to SIZE_MAX that are tried */
#define NO_KIND      ((enum shared_multi_heap_attr)MAX_SHARED_MULTI_HEAP_ATTR)
#define BELOW_ALL    ((enum shared_multi_heap_attr)(-1))

static _Alignas(64) char buffers[REGIONS + 1][REGION_BYTES];

/* --- In the child --- */

static int add(size_t number, enum shared_multi_heap_attr attr)
{
    struct shared_multi_heap_region region = {(uint32_t)attr, (uintptr_t)buffers[number],
                                              REGION_BYTES};

    return shared_multi_heap_add(&region, NULL);
}

/* The number of the buffer that a block of so many bytes lies in. */
static size_t buffer_of(const char *block, size_t bytes)
{
    size_t number = (size_t)(block - buffers[0]) / REGION_BYTES;

    CHECK_THAT(block != NULL && number <= REGIONS);
    CHECK_THAT(block + bytes <= buffers[number] + REGION_BYTES);
    return number;
}

/* Three regions of two kinds, of which the first was not added first. */
static void add_three(void)
{
    CHECK_THAT(shared_multi_heap_pool_init() == 0);
    CHECK_THAT(add(2, SMH_REG_ATTR_CACHEABLE) == 0);
    CHECK_THAT(add(1, SMH_REG_ATTR_NON_CACHEABLE) == 0);
    CHECK_THAT(add(0, SMH_REG_ATTR_CACHEABLE) == 0);
}

static void init_twice(void *arg)
{
    (void)arg;
    CHECK_THAT(shared_multi_heap_pool_init() == 0);
    CHECK_THAT(shared_multi_heap_pool_init() == -EALREADY);
    CHECK_THAT(shared_multi_heap_pool_init() == -EALREADY);
}

static void use_an_empty_pool(void *arg)
{
    (void)arg;
    CHECK_THAT(shared_multi_heap_alloc(SMH_REG_ATTR_CACHEABLE, 1) == NULL);
    CHECK_THAT(shared_multi_heap_aligned_alloc(SMH_REG_ATTR_CACHEABLE, 8, 1) == NULL);
    CHECK_THAT(shared_multi_heap_realloc(SMH_REG_ATTR_CACHEABLE, NULL, 1) == NULL);
    shared_multi_heap_free(NULL);
}

static void init_after_adding(void *arg)
{
    (void)arg;
    CHECK_THAT(add(0, SMH_REG_ATTR_CACHEABLE) == 0);
    char *block = shared_multi_heap_alloc(SMH_REG_ATTR_CACHEABLE, 40);
    CHECK_THAT(buffer_of(block, 40) == 0);
    CHECK_THAT(shared_multi_heap_pool_init() == 0);
    shared_multi_heap_free(block);
    CHECK_THAT(shared_multi_heap_alloc(SMH_REG_ATTR_CACHEABLE, 40) == block);
}

static void add_what_is_none(void *arg)
{
    struct shared_multi_heap_region region = {0, (uintptr_t)buffers[0], REGION_BYTES};

    (void)arg;
    CHECK_THAT(shared_multi_heap_add(NULL, NULL) == -EINVAL);
    CHECK_THAT(add(0, NO_KIND) == -EINVAL);
    region.attr = UINT32_MAX;
    CHECK_THAT(shared_multi_heap_add(&region, NULL) == -EINVAL);
    region.attr = 0;
    for (size_t bytes = 0; bytes < Z_HEAP_MIN_SIZE; bytes++) {
        region.size = bytes;
        CHECK_THAT(shared_multi_heap_add(&region, NULL) == -EINVAL);
    }
    for (size_t bytes = SIZE_MAX - BOUNDARY; bytes != 0; bytes++) {
        region.size = bytes; /* wraps around */
        CHECK_THAT(shared_multi_heap_add(&region, NULL) == -EINVAL);
    }
    region = (struct shared_multi_heap_region){0, 0, REGION_BYTES};
    CHECK_THAT(shared_multi_heap_add(&region, NULL) == -EINVAL);
    CHECK_THAT(shared_multi_heap_alloc(SMH_REG_ATTR_CACHEABLE, 1) == NULL);
    region = (struct shared_multi_heap_region){0, (uintptr_t)buffers[0], Z_HEAP_MIN_SIZE};
    CHECK_THAT(shared_multi_heap_add(&region, NULL) == 0);
    CHECK_THAT(shared_multi_heap_alloc(SMH_REG_ATTR_CACHEABLE, 1) != NULL);
    CHECK_THAT(shared_multi_heap_alloc(SMH_REG_ATTR_CACHEABLE, 1) == NULL);
}

static void add_what_overlaps(void *arg)
{
    uintptr_t start = (uintptr_t)buffers[1];
    struct shared_multi_heap_region overlapping[] = {
        {0, start, REGION_BYTES},
        {1, start, REGION_BYTES},
        {0, start + 512, 256},
        {0, start - 512, 512 + 1},
        {0, start + REGION_BYTES - 1, 512},
        {0, start - 512, 2 * REGION_BYTES},
    };
    struct shared_multi_heap_region beside[] = {
        {0, start - 512, 512},
        {0, start + REGION_BYTES, 512},
    };

    (void)arg;
    CHECK_THAT(add(1, SMH_REG_ATTR_CACHEABLE) == 0);
    void *block = shared_multi_heap_alloc(SMH_REG_ATTR_CACHEABLE, 40);
    for (size_t i = 0; i < sizeof(overlapping) / sizeof(overlapping[0]); i++) {
        CHECK_THAT(shared_multi_heap_add(&overlapping[i], NULL) == -EINVAL);
    }
    for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
        CHECK_THAT(shared_multi_heap_add(&beside[i], NULL) == 0);
    }
    shared_multi_heap_free(block);
}

/* As many of each kind as there can be of one. */
static void add_all(void *arg)
{
    size_t number = 0;

    (void)arg;
    for (uint32_t i = 0; i < MAX_MULTI_HEAPS; i++) {
        for (uint32_t kind = 0; kind < MAX_SHARED_MULTI_HEAP_ATTR; kind++) {
            CHECK_THAT(add(number++, (enum shared_multi_heap_attr)kind) == 0);
        }
    }
    for (uint32_t kind = 0; kind < MAX_SHARED_MULTI_HEAP_ATTR; kind++) {
        CHECK_THAT(add(number, (enum shared_multi_heap_attr)kind) == -ENOMEM);
        for (size_t i = 0; i < MAX_MULTI_HEAPS; i++) {
            char *block = shared_multi_heap_alloc((enum shared_multi_heap_attr)kind, 600);

            CHECK_THAT(buffer_of(block, 600) == i * MAX_SHARED_MULTI_HEAP_ATTR + kind);
        }
        CHECK_THAT(shared_multi_heap_alloc((enum shared_multi_heap_attr)kind, 600) == NULL);
    }
}

static void fill_one_kind(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < MAX_MULTI_HEAPS; i++) {
        CHECK_THAT(add(i, SMH_REG_ATTR_EXTERNAL) == 0);
    }
    CHECK_THAT(add(MAX_MULTI_HEAPS, SMH_REG_ATTR_EXTERNAL) == -ENOMEM);
    CHECK_THAT(add(MAX_MULTI_HEAPS, SMH_REG_ATTR_CACHEABLE) == 0); /* a ninth one */
}

static void allocate_in_order(void *arg)
{
    (void)arg;
    add_three();
    char *first = shared_multi_heap_alloc(SMH_REG_ATTR_CACHEABLE, 600);
    char *second = shared_multi_heap_alloc(SMH_REG_ATTR_CACHEABLE, 600);
    CHECK_THAT(buffer_of(first, 600) == 2); /* it was added first */
    CHECK_THAT(buffer_of(second, 600) == 0);
    CHECK_THAT(shared_multi_heap_alloc(SMH_REG_ATTR_CACHEABLE, 600) == NULL);
    CHECK_THAT(buffer_of(shared_multi_heap_alloc(SMH_REG_ATTR_CACHEABLE, 100), 100) == 2);
    CHECK_THAT(buffer_of(shared_multi_heap_alloc(SMH_REG_ATTR_NON_CACHEABLE, 600), 600) == 1);
    CHECK_THAT(shared_multi_heap_alloc(SMH_REG_ATTR_EXTERNAL, 1) == NULL);
    shared_multi_heap_free(first);
    CHECK_THAT(shared_multi_heap_alloc(SMH_REG_ATTR_CACHEABLE, 600) == first);
}

static void allocate_what_is_none(void *arg)
{
    (void)arg;
    add_three();
    CHECK_THAT(shared_multi_heap_alloc(NO_KIND, 1) == NULL);
    CHECK_THAT(shared_multi_heap_alloc(BELOW_ALL, 1) == NULL);
    CHECK_THAT(shared_multi_heap_aligned_alloc(NO_KIND, 8, 1) == NULL);
    CHECK_THAT(shared_multi_heap_realloc(NO_KIND, NULL, 1) == NULL);
    CHECK_THAT(shared_multi_heap_alloc(SMH_REG_ATTR_CACHEABLE, 0) == NULL);
    CHECK_THAT(shared_multi_heap_aligned_alloc(SMH_REG_ATTR_CACHEABLE, 64, 0) == NULL);
    CHECK_THAT(shared_multi_heap_realloc(SMH_REG_ATTR_CACHEABLE, NULL, 0) == NULL);
    CHECK_THAT(shared_multi_heap_alloc(SMH_REG_ATTR_CACHEABLE, REGION_BYTES) == NULL);
    for (size_t bytes = SIZE_MAX - BOUNDARY; bytes != 0; bytes++) {
        CHECK_THAT(shared_multi_heap_alloc(SMH_REG_ATTR_CACHEABLE, bytes) == NULL);
        for (size_t align = SIZE_MAX / 2 + 1; align > 0; align /= 2) {
            CHECK_THAT(shared_multi_heap_aligned_alloc(SMH_REG_ATTR_CACHEABLE, align, bytes) ==
                       NULL);
        }
    }
}

static void allocate_aligned(void *arg)
{
    (void)arg;
    add_three();
    for (size_t align = 1; align <= 256; align *= 2) {
        void *block = shared_multi_heap_aligned_alloc(SMH_REG_ATTR_NON_CACHEABLE, align, 40);

        CHECK_THAT(buffer_of(block, 40) == 1 && (uintptr_t)block % align == 0);
        shared_multi_heap_free(block);
    }
}

static void resize(void *arg)
{
    (void)arg;
    add_three();
    char *block = shared_multi_heap_realloc(SMH_REG_ATTR_CACHEABLE, NULL, 100);
    CHECK_THAT(buffer_of(block, 100) == 2);
    heap_block_fill(block, 100, 1);
    CHECK_THAT(shared_multi_heap_realloc(SMH_REG_ATTR_CACHEABLE, block, 300) == block);
    char *neighbour = shared_multi_heap_alloc(SMH_REG_ATTR_CACHEABLE, 8);
    char *moved = shared_multi_heap_realloc(SMH_REG_ATTR_CACHEABLE, block, 400);
    CHECK_THAT(moved != block && buffer_of(moved, 400) == 2); /* within its region */
    CHECK_THAT(heap_block_is_filled(moved, 100, 1));
    CHECK_THAT(shared_multi_heap_realloc(SMH_REG_ATTR_CACHEABLE, moved, 100) == moved);
    CHECK_THAT(shared_multi_heap_realloc(SMH_REG_ATTR_EXTERNAL, moved, 2000) == NULL);
    CHECK_THAT(heap_block_is_filled(moved, 100, 1));
    char *elsewhere = shared_multi_heap_realloc(SMH_REG_ATTR_CACHEABLE, moved, 900);
    CHECK_THAT(buffer_of(elsewhere, 900) == 0); /* the other region of that kind */
    CHECK_THAT(heap_block_is_filled(elsewhere, 100, 1));
    shared_multi_heap_free(neighbour);
    /* What it left is free again. */
    CHECK_THAT(buffer_of(shared_multi_heap_alloc(SMH_REG_ATTR_CACHEABLE, 900), 900) == 2);
}

/* Although the region that comes first has room. */
static void resize_in_a_later_region(void *arg)
{
    (void)arg;
    add_three();
    char *first = shared_multi_heap_alloc(SMH_REG_ATTR_CACHEABLE, 900);
    char *block = shared_multi_heap_alloc(SMH_REG_ATTR_CACHEABLE, 100);
    char *fence = shared_multi_heap_alloc(SMH_REG_ATTR_CACHEABLE, 100);
    CHECK_THAT(buffer_of(block, 100) == 0 && buffer_of(fence, 100) == 0);
    heap_block_fill(block, 100, 3);
    shared_multi_heap_free(first);
    char *moved = shared_multi_heap_realloc(SMH_REG_ATTR_CACHEABLE, block, 300);
    CHECK_THAT(moved != block && buffer_of(moved, 300) == 0);
    CHECK_THAT(heap_block_is_filled(moved, 100, 3));
    fence = shared_multi_heap_alloc(SMH_REG_ATTR_NON_CACHEABLE, 100);
    moved = shared_multi_heap_realloc(SMH_REG_ATTR_NON_CACHEABLE, moved, 400);
    CHECK_THAT(buffer_of(moved, 400) == 0); /* whatever kind is asked for */
    CHECK_THAT(heap_block_is_filled(moved, 100, 3));
}

static void resize_to_another_kind(void *arg)
{
    (void)arg;
    add_three();
    char *block = shared_multi_heap_alloc(SMH_REG_ATTR_CACHEABLE, 100);
    heap_block_fill(block, 100, 2);
    /* While there is room, it stays what it was. */
    CHECK_THAT(shared_multi_heap_realloc(SMH_REG_ATTR_NON_CACHEABLE, block, 200) == block);
    char *fence = shared_multi_heap_alloc(SMH_REG_ATTR_CACHEABLE, 300);
    char *moved = shared_multi_heap_realloc(SMH_REG_ATTR_NON_CACHEABLE, block, 700);
    CHECK_THAT(buffer_of(moved, 700) == 1);
    CHECK_THAT(heap_block_is_filled(moved, 100, 2));
    CHECK_THAT(shared_multi_heap_realloc(SMH_REG_ATTR_CACHEABLE, fence, 0) == NULL);
    CHECK_THAT(buffer_of(shared_multi_heap_alloc(SMH_REG_ATTR_CACHEABLE, 900), 900) == 2);
    /* Without a kind nothing happens. */
    CHECK_THAT(shared_multi_heap_realloc(NO_KIND, moved, 0) == NULL);
    CHECK_THAT(shared_multi_heap_realloc(NO_KIND, moved, 10) == NULL);
    CHECK_THAT(heap_block_is_filled(moved, 100, 2));
    for (size_t bytes = SIZE_MAX - BOUNDARY; bytes != 0; bytes++) {
        CHECK_THAT(shared_multi_heap_realloc(SMH_REG_ATTR_CACHEABLE, moved, bytes) == NULL);
    }
    CHECK_THAT(heap_block_is_filled(moved, 100, 2));
    shared_multi_heap_free(moved);
}

/* --- Misuse, in the child as well --- */

static void free_address(void *address)
{
    add_three();
    shared_multi_heap_free(address);
}

static void resize_address(void *address)
{
    add_three();
    shared_multi_heap_realloc(SMH_REG_ATTR_CACHEABLE, address, 40);
}

static void free_twice(void *arg)
{
    (void)arg;
    add_three();
    void *block = shared_multi_heap_alloc(SMH_REG_ATTR_CACHEABLE, 40);
    shared_multi_heap_free(block);
    shared_multi_heap_free(block);
}

/* --- In the parent --- */

#define GOOD_CHILD(name, deed)                                                                     \
    static void name(void **state)                                                                 \
    {                                                                                              \
        expect_good_child(deed, NULL);                                                             \
    }

GOOD_CHILD(a_pool_is_initialised_once, init_twice)
GOOD_CHILD(a_pool_without_a_region_has_nothing, use_an_empty_pool)
GOOD_CHILD(regions_may_come_before_initialisation, init_after_adding)
GOOD_CHILD(what_cannot_be_a_heap_is_refused, add_what_is_none)
GOOD_CHILD(what_overlaps_is_refused, add_what_overlaps)
GOOD_CHILD(each_kind_has_room_for_eight_regions, add_all)
GOOD_CHILD(the_ninth_of_a_kind_is_refused, fill_one_kind)
GOOD_CHILD(regions_are_tried_in_the_order_of_their_addition, allocate_in_order)
GOOD_CHILD(what_cannot_be_had_is_not_had, allocate_what_is_none)
GOOD_CHILD(alignments_are_kept, allocate_aligned)
GOOD_CHILD(a_block_changes_its_size, resize)
GOOD_CHILD(a_block_stays_in_its_region_while_there_is_room, resize_in_a_later_region)
GOOD_CHILD(a_block_changes_its_kind_if_it_must, resize_to_another_kind)

static void misuse_is_reported(void **state)
{
    static const char foreign[] = "address lies in no region of a pool of heaps";

    expect_death(free_address, buffers[REGIONS], foreign);
    expect_death(free_address, (void *)(uintptr_t)8, foreign);
    expect_death(resize_address, buffers[REGIONS], foreign);
}

static void misuse_within_a_region_is_reported(void **state)
{
    skip_below_hardening(1);
    expect_death(free_address, buffers[0] + REGION_BYTES / 2, "not a block");
    expect_death(free_twice, NULL, "double free");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pool_is_initialised_once),
        cmocka_unit_test(a_pool_without_a_region_has_nothing),
        cmocka_unit_test(regions_may_come_before_initialisation),
        cmocka_unit_test(what_cannot_be_a_heap_is_refused),
        cmocka_unit_test(what_overlaps_is_refused),
        cmocka_unit_test(each_kind_has_room_for_eight_regions),
        cmocka_unit_test(the_ninth_of_a_kind_is_refused),
        cmocka_unit_test(regions_are_tried_in_the_order_of_their_addition),
        cmocka_unit_test(what_cannot_be_had_is_not_had),
        cmocka_unit_test(alignments_are_kept),
        cmocka_unit_test(a_block_changes_its_size),
        cmocka_unit_test(a_block_stays_in_its_region_while_there_is_room),
        cmocka_unit_test(a_block_changes_its_kind_if_it_must),
        cmocka_unit_test(misuse_is_reported),
        cmocka_unit_test(misuse_within_a_region_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
