/* SPDX-License-Identifier: Apache-2.0 */
/* sys_heap_init: good and bad buffers, handles without a heap, and heaps that change their address.
 * Allocation is tested in test_sys_heap_alloc.c and its neighbours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>
#include <zephyr/sys/sys_heap.h>
#include "../support/heap_picture.h"

#define BUFFER_BYTES    512u
#define MAX_HEAP_UNITS  ((size_t)0x7fffffff)
#define END_BYTES       8u /* of a buffer, behind the last block */
#define MIN_CHAIN_UNITS 6u /* header chunk of the smallest heap, and its one chunk */

static _Alignas(16) uint8_t buffer[BUFFER_BYTES + 16];
static struct sys_heap heap;

static int fresh_heap(void **state)
{
    sys_heap_init(&heap, buffer, BUFFER_BYTES);
    return 0;
}

/* ---- good buffers ---- */

static void makes_one_free_chunk(void **state)
{
    assert_ptr_equal(heap.heap, buffer);
    expect_heap(&heap, "F58");
    assert_true(sys_heap_validate(&heap));
}

static void does_not_depend_on_what_the_buffer_held(void **state)
{
    for (int garbage = 0; garbage < 256; garbage += 51) {
        memset(buffer, garbage, sizeof buffer);
        sys_heap_init(&heap, buffer, BUFFER_BYTES);
        assert_true(sys_heap_validate(&heap));
        assert_ptr_equal(sys_heap_alloc(&heap, 8), buffer + 48);
        expect_heap(&heap, "U2 F56");
    }
}

static void second_init_empties_the_heap(void **state)
{
    sys_heap_alloc(&heap, 100);
    sys_heap_init(&heap, buffer, BUFFER_BYTES);
    expect_heap(&heap, "F58");
    sys_heap_init(&heap, buffer, BUFFER_BYTES / 2);
    expect_heap(&heap, "F26");
}

static void heap_ends_eight_bytes_below_the_end_of_memory(void **state)
{
    uint8_t *block = sys_heap_alloc(&heap, 57 * 8);
    assert_ptr_equal(block + sys_heap_usable_size(&heap, block), buffer + BUFFER_BYTES - END_BYTES);
    expect_heap(&heap, "U58");
}

/* Bytes at either end of a buffer that is not aligned stay as they are. */
static void uses_aligned_part_of_any_buffer(void **state)
{
    for (size_t shift = 0; shift < 16; shift++) {
        for (size_t cut = 0; cut < 8; cut++) {
            uint8_t *mem = buffer + shift;
            size_t bytes = BUFFER_BYTES - shift - cut;
            memset(buffer, 0x5a, sizeof buffer);
            sys_heap_init(&heap, mem, bytes);
            uint8_t *start = buffer + (shift + 7) / 8 * 8;
            uint8_t *end = buffer + (BUFFER_BYTES - cut) / 8 * 8;
            assert_ptr_equal(heap.heap, start);
            size_t free_units = (size_t)(end - start) / 8 - 1 - 5;
            uint8_t *block = sys_heap_alloc(&heap, free_units * 8 - 8);
            assert_ptr_equal(block, start + 48);
            assert_ptr_equal(block + sys_heap_usable_size(&heap, block), end - END_BYTES);
            assert_true(sys_heap_validate(&heap));
            for (uint8_t *byte = end; byte < buffer + sizeof buffer; byte++) {
                assert_int_equal(*byte, 0x5a);
            }
        }
    }
}

/* ---- bad buffers ---- */

static void expect_all_calls_safe(struct sys_heap *none)
{
    assert_null(none->heap);
    assert_false(sys_heap_validate(none));
    assert_null(sys_heap_alloc(none, 0));
    assert_null(sys_heap_alloc(none, 1));
    assert_null(sys_heap_alloc(none, SIZE_MAX));
    assert_null(sys_heap_aligned_alloc(none, 0, 1));
    assert_null(sys_heap_aligned_alloc(none, 64, 1));
    assert_null(sys_heap_aligned_alloc(none, 0x28, 1));
    assert_null(sys_heap_noalign_alloc(none, 64, 1));
    assert_null(sys_heap_realloc(none, NULL, 1));
    assert_null(sys_heap_realloc(none, NULL, 0));
    assert_null(sys_heap_aligned_realloc(none, NULL, 64, 1));
    sys_heap_free(none, NULL);
    expect_heap(none, "none");
}

static void handle_that_was_never_initialised_is_safe(void **state)
{
    struct sys_heap none = {.heap = NULL};
    expect_all_calls_safe(&none);
}

static void refuses_no_buffer(void **state)
{
    sys_heap_init(&heap, NULL, BUFFER_BYTES);
    expect_all_calls_safe(&heap);
    sys_heap_init(&heap, NULL, 0);
    expect_all_calls_safe(&heap);
}

/* All sizes up to a bit above the smallest, at all misalignments. */
static void refuses_small_buffers_and_leaves_them_alone(void **state)
{
    for (size_t shift = 0; shift < 16; shift++) {
        for (size_t bytes = 0; bytes < Z_HEAP_MIN_SIZE + 16; bytes++) {
            memset(buffer, 0x5a, sizeof buffer);
            sys_heap_init(&heap, buffer + shift, bytes);
            size_t start = (shift + 7) / 8 * 8;
            size_t end = (shift + bytes) / 8 * 8;
            bool enough = end >= start + END_BYTES + MIN_CHAIN_UNITS * 8;
            assert_int_equal(heap.heap != NULL, enough);
            if (!enough) {
                expect_all_calls_safe(&heap);
                assert_int_equal(buffer[start], 0x5a);
            } else {
                assert_non_null(sys_heap_alloc(&heap, 1));
            }
        }
    }
}

static void refuses_buffers_that_wrap_around(void **state)
{
    static const size_t below_top[] = {1, 7, 8, 9, 100, 4096};
    for (size_t i = 0; i < sizeof below_top / sizeof below_top[0]; i++) {
        void *mem = (void *)(UINTPTR_MAX - below_top[i]); /* never touched */
        for (size_t distance = 0; distance <= 64; distance++) {
            sys_heap_init(&heap, mem, SIZE_MAX - distance);
            expect_all_calls_safe(&heap);
        }
        sys_heap_init(&heap, mem, below_top[i] + 2);
        expect_all_calls_safe(&heap);
    }
    sys_heap_init(&heap, buffer, SIZE_MAX);
    expect_all_calls_safe(&heap);
}

#define RESERVED_BYTES ((MAX_HEAP_UNITS + 1) * 8 + (64u << 10))

/* Reserves address space for the largest heap and makes its ends usable: init and the calls of the
 * test below touch nothing else. */
static uint8_t *reserve_largest(void)
{
    size_t end_bytes = 128u << 10; /* whole pages on any machine */
    uint8_t *mem =
        mmap(NULL, RESERVED_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mem == MAP_FAILED) {
        skip(); /* no 16 GiB of address space here */
    }
    assert_int_equal(mprotect(mem, end_bytes, PROT_READ | PROT_WRITE), 0);
    assert_int_equal(mprotect(mem + RESERVED_BYTES - end_bytes, end_bytes, PROT_READ | PROT_WRITE),
                     0);
    return mem;
}

static void largest_heap_has_31_bit_units(void **state)
{
    uint8_t *mem = reserve_largest();
    sys_heap_init(&heap, mem, (MAX_HEAP_UNITS + 1) * 8);
    assert_ptr_equal(heap.heap, mem);
    assert_true(sys_heap_validate(&heap));
    size_t header_units = (16 + 31 * 4 + 7) / 8;
    size_t largest_block = (MAX_HEAP_UNITS - header_units) * 8 - 8;
    assert_null(sys_heap_alloc(&heap, largest_block + 1));
    uint8_t *block = sys_heap_alloc(&heap, largest_block);
    assert_ptr_equal(block, mem + header_units * 8 + 8);
    assert_null(sys_heap_alloc(&heap, 1));
    sys_heap_free(&heap, block);
    assert_true(sys_heap_validate(&heap));

    sys_heap_init(&heap, mem, (MAX_HEAP_UNITS + 2) * 8); /* one unit too many */
    expect_all_calls_safe(&heap);
    sys_heap_init(&heap, mem, MAX_HEAP_UNITS * 64);
    expect_all_calls_safe(&heap);
    assert_int_equal(munmap(mem, RESERVED_BYTES), 0);
}

static void failed_init_forgets_the_old_heap(void **state)
{
    assert_non_null(heap.heap);
    sys_heap_init(&heap, buffer, Z_HEAP_MIN_SIZE - 1);
    expect_all_calls_safe(&heap);
}

/* ---- address changes ---- */

static void copy_at_another_address_works(void **state)
{
    static _Alignas(8) uint8_t copy[BUFFER_BYTES];
    void *first = sys_heap_alloc(&heap, 40);
    uint8_t *second = sys_heap_alloc(&heap, 24);
    sys_heap_alloc(&heap, 16);
    sys_heap_free(&heap, first);
    memset(second, 0x77, 24);

    memcpy(copy, buffer, BUFFER_BYTES);
    memset(buffer, 0xa5, sizeof buffer); /* the copy must not look back */
    struct sys_heap moved = heap;
    moved.heap = (struct z_heap *)(void *)copy;
    uint8_t *block = copy + (second - buffer);

    assert_true(sys_heap_validate(&moved));
    expect_heap(&moved, "F6 U4 U3 F45");
    assert_int_equal(sys_heap_usable_size(&moved, block), 24);
    assert_int_equal(block[0], 0x77);
    assert_int_equal(block[23], 0x77);
    assert_ptr_equal(sys_heap_alloc(&moved, 40), copy + 48);
    block = sys_heap_realloc(&moved, block, 100);
    assert_int_equal(block[23], 0x77);
    expect_heap(&moved, "U6 F4 U3 U14 F31");
    sys_heap_free(&moved, block);
    assert_true(sys_heap_validate(&moved));
}

/* A multiple of 8 suffices for the copy, whatever larger alignment the original had. */
static void copy_may_sit_at_any_multiple_of_eight(void **state)
{
    static _Alignas(64) uint8_t copies[BUFFER_BYTES + 64];
    sys_heap_alloc(&heap, 40);
    for (size_t shift = 0; shift < 64; shift += 8) {
        memcpy(copies + shift, buffer, BUFFER_BYTES);
        struct sys_heap moved = {.heap = (struct z_heap *)(void *)(copies + shift)};
        sys_heap_free(&moved, copies + shift + 48);
        expect_heap(&moved, "F58");
        uint8_t *block = sys_heap_aligned_alloc(&moved, 64, 64);
        assert_int_equal((uintptr_t)block % 64, 0);
        assert_true(sys_heap_validate(&moved));
    }
}

static void two_heaps_in_one_buffer_do_not_touch(void **state)
{
    struct sys_heap other;
    sys_heap_init(&heap, buffer, BUFFER_BYTES / 2);
    sys_heap_init(&other, buffer + BUFFER_BYTES / 2, BUFFER_BYTES / 2);
    uint8_t *low = sys_heap_alloc(&heap, 25 * 8);
    uint8_t *high = sys_heap_alloc(&other, 25 * 8);
    memset(low, 0xff, 25 * 8);
    memset(high, 0xff, 25 * 8);
    expect_heap(&heap, "U26");
    expect_heap(&other, "U26");
    sys_heap_free(&heap, low);
    sys_heap_free(&other, high);
    assert_true(sys_heap_validate(&heap) && sys_heap_validate(&other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(makes_one_free_chunk, fresh_heap),
        cmocka_unit_test_setup(does_not_depend_on_what_the_buffer_held, fresh_heap),
        cmocka_unit_test_setup(second_init_empties_the_heap, fresh_heap),
        cmocka_unit_test_setup(heap_ends_eight_bytes_below_the_end_of_memory, fresh_heap),
        cmocka_unit_test_setup(uses_aligned_part_of_any_buffer, fresh_heap),
        cmocka_unit_test_setup(handle_that_was_never_initialised_is_safe, fresh_heap),
        cmocka_unit_test_setup(refuses_no_buffer, fresh_heap),
        cmocka_unit_test_setup(refuses_small_buffers_and_leaves_them_alone, fresh_heap),
        cmocka_unit_test_setup(refuses_buffers_that_wrap_around, fresh_heap),
        cmocka_unit_test_setup(largest_heap_has_31_bit_units, fresh_heap),
        cmocka_unit_test_setup(failed_init_forgets_the_old_heap, fresh_heap),
        cmocka_unit_test_setup(copy_at_another_address_works, fresh_heap),
        cmocka_unit_test_setup(copy_may_sit_at_any_multiple_of_eight, fresh_heap),
        cmocka_unit_test_setup(two_heaps_in_one_buffer_do_not_touch, fresh_heap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
