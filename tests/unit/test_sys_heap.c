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
#include "../support/heap_format.h"
#include "../support/heap_picture.h"

#define BUFFER_BYTES   1024u
#define SPACE          58u /* units of the fresh heap's free chunk */
#define MAX_HEAP_UNITS ((size_t)0x7fffffff)
#define MAX_SMALL_HEAP ((size_t)0x7fff)

static _Alignas(16) uint8_t buffer[BUFFER_BYTES + 16];
static struct sys_heap heap;

static int fresh_heap(void **state)
{
    sys_heap_init(&heap, buffer, heap_bytes_for(SPACE));
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
        fresh_heap(NULL);
        assert_true(sys_heap_validate(&heap));
        assert_ptr_equal(sys_heap_alloc(&heap, 8), buffer + heap_first_chunk(SPACE) + HEAP_HEADER);
        expect_heap(&heap, "U[8] F*");
    }
}

static void second_init_empties_the_heap(void **state)
{
    sys_heap_alloc(&heap, 100);
    fresh_heap(NULL);
    expect_heap(&heap, "F58");
    sys_heap_init(&heap, buffer, heap_bytes_for(26));
    expect_heap(&heap, "F26");
}

/* The end marker's header is all that lies behind the last chunk. */
static void heap_ends_a_header_below_the_end_of_memory(void **state)
{
    uint8_t *block = sys_heap_alloc(&heap, heap_block_bytes(SPACE));
    uint8_t *end = buffer + heap_bytes_for(SPACE) - HEAP_FOOTER;
    assert_ptr_equal(block + sys_heap_usable_size(&heap, block) + HEAP_TRAILER, end);
    expect_heap(&heap, "U58");
}

static void expect_left_alone(const uint8_t *from)
{
    for (const uint8_t *byte = from; byte < buffer + sizeof buffer; byte++) {
        assert_int_equal(*byte, 0x5a);
    }
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
            uint8_t *end = buffer + (BUFFER_BYTES - cut - HEAP_FOOTER) / 8 * 8;
            assert_ptr_equal(heap.heap, start);
            size_t header_units = heap_header_units((size_t)(end - start) / 8);
            size_t free_units = (size_t)(end - start) / 8 - header_units;
            uint8_t *block = sys_heap_alloc(&heap, heap_block_bytes(free_units));
            assert_ptr_equal(block, start + header_units * 8 + HEAP_HEADER);
            assert_ptr_equal(block + sys_heap_usable_size(&heap, block) + HEAP_TRAILER, end);
            assert_true(sys_heap_validate(&heap));
            expect_left_alone(end + HEAP_FOOTER);
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
            size_t end = shift + bytes < HEAP_FOOTER ? 0 : (shift + bytes - HEAP_FOOTER) / 8 * 8;
            size_t units = end < start ? 0 : (end - start) / 8;
            bool enough = units >= heap_header_units(units) + HEAP_MIN_UNITS;
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
    sys_heap_init(&heap, (void *)(UINTPTR_MAX - 5), 5); /* no unit starts in it */
    expect_all_calls_safe(&heap);
}

#if SIZE_MAX > UINT32_MAX
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
    size_t header_units = heap_header_units(MAX_HEAP_UNITS);
    size_t largest_block = heap_block_bytes(MAX_HEAP_UNITS - header_units);
    assert_null(sys_heap_alloc(&heap, largest_block + 1));
    uint8_t *block = sys_heap_alloc(&heap, largest_block);
    assert_ptr_equal(block, mem + header_units * 8 + HEAP_HEADER);
    assert_null(sys_heap_alloc(&heap, 1));
    sys_heap_free(&heap, block);
    assert_true(sys_heap_validate(&heap));

    sys_heap_init(&heap, mem, (MAX_HEAP_UNITS + 2) * 8); /* one unit too many */
    expect_all_calls_safe(&heap);
    sys_heap_init(&heap, mem, MAX_HEAP_UNITS * 64);
    expect_all_calls_safe(&heap);
    assert_int_equal(munmap(mem, RESERVED_BYTES), 0);
}

static void largest_small_heap_has_15_bit_units(void **state)
{
    skip(); /* chunk headers of 4 bytes exist on 32-bit machines only */
}
#else
static void largest_heap_has_31_bit_units(void **state)
{
    skip(); /* 16 GiB do not fit into the address space */
}

/* The heap of that many bytes has that many units, and headers of that length. */
static void expect_units(size_t bytes, size_t end_units, size_t header)
{
    static _Alignas(8) uint8_t large[(MAX_SMALL_HEAP + 3) * 8];
    sys_heap_init(&heap, large, bytes);
    uint8_t *block = sys_heap_alloc(&heap, 64);
    assert_non_null(block);
    size_t rest = end_units * 8 - (size_t)(block + 64 - large) - HEAP_TRAILER;
    rest -= rest % 8 + header + HEAP_TRAILER;
    assert_int_equal((uintptr_t)block % 8, header % 8);
    assert_null(sys_heap_alloc(&heap, rest + 1));
    assert_non_null(sys_heap_alloc(&heap, rest));
    assert_true(sys_heap_validate(&heap));
}

/* Longer headers come with the unit that 15 bits cannot count, or the heap is refused. */
static void largest_small_heap_has_15_bit_units(void **state)
{
    if (HEAP_HEADER == 8) {
        skip(); /* built without headers of 4 bytes */
    }
    expect_units(MAX_SMALL_HEAP * 8 + 3, MAX_SMALL_HEAP - 1, 4);
    expect_units(MAX_SMALL_HEAP * 8 + 4, MAX_SMALL_HEAP, 4);
    expect_units(MAX_SMALL_HEAP * 8 + 11, MAX_SMALL_HEAP, 4);
    if (QUARRY_HEAP_SMALL_ONLY) {
        sys_heap_init(&heap, buffer, MAX_SMALL_HEAP * 8 + 12);
        expect_all_calls_safe(&heap);
        return;
    }
    expect_units(MAX_SMALL_HEAP * 8 + 15, MAX_SMALL_HEAP, 4); /* the end marker needs 8 bytes */
    expect_units(MAX_SMALL_HEAP * 8 + 16, MAX_SMALL_HEAP + 1, 8);
}
#endif

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
    size_t first_block = heap_first_chunk(SPACE) + HEAP_HEADER;
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
    expect_heap(&moved, "F[40] U[24] U[16] F*");
    assert_int_equal(sys_heap_usable_size(&moved, block), heap_block_bytes(heap_units_for(24)));
    assert_int_equal(block[0], 0x77);
    assert_int_equal(block[23], 0x77);
    assert_ptr_equal(sys_heap_alloc(&moved, 40), copy + first_block);
    block = sys_heap_realloc(&moved, block, 100);
    assert_int_equal(block[23], 0x77);
    expect_heap(&moved, "U[40] F[24] U[16] U[100] F*");
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
        sys_heap_free(&moved, copies + shift + heap_first_chunk(SPACE) + HEAP_HEADER);
        expect_heap(&moved, "F58");
        uint8_t *block = sys_heap_aligned_alloc(&moved, 64, 64);
        assert_int_equal((uintptr_t)block % 64, 0);
        assert_true(sys_heap_validate(&moved));
    }
}

static void two_heaps_in_one_buffer_do_not_touch(void **state)
{
    struct sys_heap other;
    size_t half = heap_bytes_for(26);
    size_t bytes = heap_block_bytes(26);
    sys_heap_init(&heap, buffer, half);
    sys_heap_init(&other, buffer + half, half + 7); /* which may have to round the start up */
    uint8_t *low = sys_heap_alloc(&heap, bytes);
    uint8_t *high = sys_heap_alloc(&other, bytes);
    memset(low, 0xff, bytes);
    memset(high, 0xff, bytes);
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
        cmocka_unit_test_setup(heap_ends_a_header_below_the_end_of_memory, fresh_heap),
        cmocka_unit_test_setup(uses_aligned_part_of_any_buffer, fresh_heap),
        cmocka_unit_test_setup(handle_that_was_never_initialised_is_safe, fresh_heap),
        cmocka_unit_test_setup(refuses_no_buffer, fresh_heap),
        cmocka_unit_test_setup(refuses_small_buffers_and_leaves_them_alone, fresh_heap),
        cmocka_unit_test_setup(refuses_buffers_that_wrap_around, fresh_heap),
        cmocka_unit_test_setup(largest_heap_has_31_bit_units, fresh_heap),
        cmocka_unit_test_setup(largest_small_heap_has_15_bit_units, fresh_heap),
        cmocka_unit_test_setup(failed_init_forgets_the_old_heap, fresh_heap),
        cmocka_unit_test_setup(copy_at_another_address_works, fresh_heap),
        cmocka_unit_test_setup(copy_may_sit_at_any_multiple_of_eight, fresh_heap),
        cmocka_unit_test_setup(two_heaps_in_one_buffer_do_not_touch, fresh_heap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
