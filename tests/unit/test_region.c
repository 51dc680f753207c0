/* SPDX-License-Identifier: Apache-2.0 */
/* Regions: placement, alignment of every block, growth and its failures, death of wild addresses.
 * Giving memory back is in test_region_trim.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "process/address_map.h"
#include "process/region.h"
#include "../support/death.h"
#include "../support/fake_os.h"
#include "../support/random.h"

#define KIB  ((size_t)1 << 10)
#define MIB  ((size_t)1 << 20)
#define SPAN ADDRESS_MAP_SPAN_BYTES
#define PAGE ((size_t)4096)

/* Regions only pass their arena on. */
static char arena_bytes;
#define ARENA ((struct arena *)(void *)&arena_bytes)

static size_t reserved_before;
static size_t usable_before;

static struct region *create(size_t reserve_bytes)
{
    struct region *region = region_create(ARENA, reserve_bytes, REGION_ALIGN, 1);

    assert_non_null(region);
    return region;
}

/* The map's nodes stay for ever; here they are made, so that the tests see regions only. */
static int fresh_script(void **state)
{
    fake_os_reset();
    struct region *region = region_create(ARENA, SPAN, REGION_ALIGN, 1);
    region_destroy(region);
    reserved_before = fake_os_reserved_bytes();
    usable_before = fake_os_usable_bytes();
    fake_os_reset();
    return 0;
}

static void expect_nothing_kept(void)
{
    assert_int_equal(fake_os_reserved_bytes(), reserved_before);
    assert_int_equal(fake_os_usable_bytes(), usable_before);
}

static void region_lies_at_a_span_and_commits_its_start(void **state)
{
    struct region *region = create(20 * MIB);

    assert_int_equal((uintptr_t)region % SPAN, 0);
    assert_int_equal(region->reserved_bytes, 2 * SPAN);
    assert_ptr_equal(region->arena, ARENA);
    assert_ptr_equal(region->next, region);
    assert_int_equal(region->committed_bytes % PAGE, 0);
    assert_in_range(region->committed_bytes, PAGE, 2 * MIB);
    assert_true(fake_os_is_usable(region, region->committed_bytes));
    assert_false(fake_os_is_usable((char *)region + region->committed_bytes, PAGE));
    assert_int_equal(fake_os_usable_bytes() - usable_before, region->committed_bytes);
    region_destroy(region);
    expect_nothing_kept();
}

static void region_is_in_the_map_while_it_lives(void **state)
{
    struct region *region = create(2 * SPAN);
    char *start = (char *)region;

    assert_ptr_equal(address_map_find(start).region, region);
    assert_ptr_equal(address_map_find(start + 2 * SPAN - 1).region, region);
    assert_ptr_not_equal(address_map_find(start + 2 * SPAN).region, region);
    region_destroy(region);
    assert_int_equal(address_map_find(start).kind, ADDRESS_FOREIGN);
    assert_int_equal(address_map_find(start + SPAN).kind, ADDRESS_FOREIGN);
}

static void first_block_fits_at_once(void **state)
{
    const struct {
        size_t align;
        size_t bytes;
    } wanted[] = {{16, 0},  {16, 1},        {16, 512 * KIB},    {64, 32 * MIB - 1},
                  {MIB, 1}, {16 * MIB, 99}, {4 * KIB, 3 * MIB}, {32 * MIB, 32 * MIB}};

    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        struct region *region = region_create(ARENA, SPAN, wanted[i].align, wanted[i].bytes);

        assert_non_null(region);
        char *block = region_alloc(region, wanted[i].align, wanted[i].bytes);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % wanted[i].align, 0);
        assert_true(region_usable_bytes(region, block) >= wanted[i].bytes);
        memset(block, 0x5a, wanted[i].bytes);
        region_free(region, block);
        region_destroy(region);
    }
    expect_nothing_kept();
}

/* What a chunk of a multiple of 16 bytes, one at least, leaves for `bytes` bytes. */
static size_t usable_for(size_t bytes)
{
    const size_t overhead = Z_HEAP_CHUNK_(Z_HEAP_BIG_HEADER_BYTES_, 0);
    size_t chunk = (bytes + overhead + 15) / 16 * 16;

    return (chunk > overhead ? chunk : chunk + 16) - overhead;
}

static void chunks_are_multiples_of_sixteen(void **state)
{
    struct region *region = create(SPAN);

    for (size_t bytes = 0; bytes <= 4096; bytes++) {
        void *block = region_alloc(region, 1 + bytes % 16, bytes);

        assert_non_null(block);
        assert_int_equal((uintptr_t)block % REGION_ALIGN, 0);
        assert_int_equal(region_usable_bytes(region, block), usable_for(bytes));
        region_free(region, block);
    }
    region_destroy(region);
}

/* One step of the test below: a slot's block is freed, resized or made. */
static void change_slot(struct region *region, struct random *random, void **slot)
{
    size_t bytes = (size_t)random_below(random, 4097);

    if (*slot != NULL && random_below(random, 4) == 0) {
        if (region_resize(region, *slot, bytes)) {
            assert_int_equal(region_usable_bytes(region, *slot), usable_for(bytes));
        }
        return;
    }
    if (*slot != NULL) {
        region_free(region, *slot);
        *slot = NULL;
        return;
    }
    size_t align = (size_t)1 << random_below(random, 17);
    void *block = region_alloc(region, align, bytes);
    if (block == NULL) {
        assert_true(region_extend(region, align, bytes));
        block = region_alloc(region, align, bytes);
    }
    assert_non_null(block);
    assert_int_equal((uintptr_t)block % (align < 16 ? 16 : align), 0);
    assert_int_equal(region_usable_bytes(region, block), usable_for(bytes));
    *slot = block;
}

static void every_block_is_aligned_in_any_order(void **state)
{
    enum { SLOTS = 200 };
    struct region *region = create(64 * MIB);
    struct random random = random_from(4096);
    void *slots[SLOTS] = {NULL};

    for (size_t i = scaled_rounds(40000); i > 0; i--) {
        change_slot(region, &random, &slots[random_below(&random, SLOTS)]);
    }
    for (size_t i = 0; i < SLOTS; i++) {
        if (slots[i] != NULL) {
            region_free(region, slots[i]);
        }
    }
    assert_int_equal(region->live_blocks, 0);
    region_destroy(region);
    expect_nothing_kept();
}

static void resizing_in_place_stops_at_the_neighbour(void **state)
{
    struct region *region = create(SPAN);
    char *block = region_alloc(region, 16, 100);
    char *neighbour = region_alloc(region, 16, 100);

    assert_false(region_resize(region, block, 200));
    assert_int_equal(region_usable_bytes(region, block), usable_for(100));
    assert_true(region_resize(region, block, 20));
    assert_int_equal(region_usable_bytes(region, block), usable_for(20));
    assert_true(region_resize(region, block, 100));
    region_free(region, neighbour);
    assert_true(region_resize(region, block, 200));
    assert_int_equal(region_usable_bytes(region, block), usable_for(200));
    assert_int_equal(region->live_blocks, 1);
    region_free(region, block);
    region_destroy(region);
}

static void extending_commits_further_memory(void **state)
{
    struct region *region = create(SPAN);
    size_t before = region->committed_bytes;

    while (region_alloc(region, 16, 100 * KIB) != NULL) {
    }
    assert_int_equal(fake_os_calls(FAKE_OS_COMMIT), 1);
    assert_true(region_extend(region, 16, 100 * KIB));
    assert_int_equal(fake_os_calls(FAKE_OS_COMMIT), 2);
    assert_true(region->committed_bytes >= before + MIB);
    assert_int_equal(region->committed_bytes % PAGE, 0);
    assert_int_equal(fake_os_usable_bytes() - usable_before, region->committed_bytes);
    assert_non_null(region_alloc(region, 16, 100 * KIB));
}

static void extending_always_helps(void **state)
{
    struct region *region = create(64 * MIB);
    struct random random = random_from(12);

    for (;;) {
        size_t bytes = random_log_uniform(&random, 512 * KIB);
        size_t align = (size_t)16 << random_below(&random, 10);

        if (region_alloc(region, align, bytes) == NULL) {
            if (!region_extend(region, align, bytes)) {
                break;
            }
            assert_non_null(region_alloc(region, align, bytes));
        }
    }
    assert_true(region->reserved_bytes - region->committed_bytes < 8 * MIB);
    region->live_blocks = 0;
    region_destroy(region);
}

static void refused_commit_leaves_the_region_as_it_is(void **state)
{
    struct region *region = create(SPAN);
    size_t committed = region->committed_bytes;

    while (region_alloc(region, 16, 1000) != NULL) {
    }
    fake_os_fail_nth(FAKE_OS_COMMIT, 1);
    assert_false(region_extend(region, 16, 1000));
    assert_int_equal(region->committed_bytes, committed);
    assert_null(region_alloc(region, 16, 1000));
    assert_true(region_extend(region, 16, 1000));
    assert_non_null(region_alloc(region, 16, 1000));
    region->live_blocks = 0;
    region_destroy(region);
    expect_nothing_kept();
}

static void used_up_address_space_ends_growth(void **state)
{
    struct region *region = create(SPAN);

    assert_false(region_extend(region, 16, SPAN));
    while (region_extend(region, 16, 1)) {
    }
    size_t calls = fake_os_calls(FAKE_OS_COMMIT);
    assert_false(region_extend(region, 16, 1));
    assert_int_equal(fake_os_calls(FAKE_OS_COMMIT), calls);
    assert_true(fake_os_is_usable(region, region->committed_bytes));
    char *block = region_alloc(region, 16, 8 * MIB);
    assert_non_null(block);
    memset(block, 1, region_usable_bytes(region, block));
    region_free(region, block);
    region_destroy(region);
    expect_nothing_kept();
}

static void failing_creation_keeps_nothing(void **state)
{
    fake_os_fail_nth(FAKE_OS_RESERVE, 1);
    assert_null(region_create(ARENA, SPAN, 16, 1));
    expect_nothing_kept();
    fake_os_fail_nth(FAKE_OS_COMMIT, 1);
    assert_null(region_create(ARENA, SPAN, 16, 1));
    expect_nothing_kept();
}

/* A node of the map is 64 GiB of addresses: of so many regions, one needs another node. */
static void creation_without_memory_for_the_map_keeps_nothing(void **state)
{
    const size_t reserve_bytes = (size_t)8 << 30;
    enum { ENOUGH = 10 };
    struct region *regions[ENOUGH];
    size_t count = 0;

    fake_os_fail_all(FAKE_OS_MAP);
    while (count < ENOUGH &&
           (regions[count] = region_create(ARENA, reserve_bytes, 16, 1)) != NULL) {
        count++;
    }
    assert_int_equal(fake_os_calls(FAKE_OS_MAP), 1);
    assert_true(count < ENOUGH);
    while (count > 0) {
        region_destroy(regions[--count]);
    }
    expect_nothing_kept();
}

/* What a death test does, in a child process. */
struct crime {
    struct region *region;
    char *address;
};

static void free_it(void *arg)
{
    struct crime *crime = arg;

    region_free(crime->region, crime->address);
}

static void resize_it(void *arg)
{
    struct crime *crime = arg;

    region_resize(crime->region, crime->address, 10);
}

static void measure_it(void *arg)
{
    struct crime *crime = arg;

    region_usable_bytes(crime->region, crime->address);
}

static void destroy_it(void *arg)
{
    struct crime *crime = arg;

    region_destroy(crime->region);
}

static void expect_all_die(struct region *region, char *address, const char *phrase)
{
    struct crime crime = {region, address};

    expect_death(free_it, &crime, phrase);
    expect_death(resize_it, &crime, phrase);
    expect_death(measure_it, &crime, phrase);
}

static void addresses_that_are_no_blocks_die(void **state)
{
    skip_below_hardening(1);
    struct region *region = create(SPAN);
    char *block = memset(region_alloc(region, 16, 200), 0, 200);
    struct crime too_early = {region, NULL};

    expect_all_die(region, block + 1, "address is not aligned as a block is");
    expect_all_die(region, block + 8, "address is not aligned as a block is");
    expect_all_die(region, block + 16, "block is not in use: double free, or not a block");
    expect_all_die(region, (char *)region, "address is outside the heap");
    expect_all_die(region, (char *)region + region->committed_bytes, "address is outside the heap");
    expect_all_die(region, (char *)region + SPAN - 16, "address is outside the heap");
    expect_death(destroy_it, &too_early, "region is destroyed with live blocks");
    region_free(region, block);
    expect_all_die(region, block, "block is not in use: double free, or not a block");
    region_destroy(region);
}

#define TEST(name) cmocka_unit_test_setup(name, fresh_script)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(region_lies_at_a_span_and_commits_its_start),
        TEST(region_is_in_the_map_while_it_lives),
        TEST(first_block_fits_at_once),
        TEST(chunks_are_multiples_of_sixteen),
        TEST(every_block_is_aligned_in_any_order),
        TEST(resizing_in_place_stops_at_the_neighbour),
        TEST(extending_commits_further_memory),
        TEST(extending_always_helps),
        TEST(refused_commit_leaves_the_region_as_it_is),
        TEST(used_up_address_space_ends_growth),
        TEST(failing_creation_keeps_nothing),
        TEST(creation_without_memory_for_the_map_keeps_nothing),
        TEST(addresses_that_are_no_blocks_die),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
