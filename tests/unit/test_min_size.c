/* SPDX-License-Identifier: Apache-2.0 */
/* Z_HEAP_MIN_SIZE_FOR: its documented values, and that it is both sufficient and the smallest. */
#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <zephyr/sys/sys_heap.h>
#include "../support/random.h"

/* The values that Zephyr's formula has for 64-bit machines. */
static_assert(Z_HEAP_MIN_SIZE_FOR(1) == 56, "1 byte");
static_assert(Z_HEAP_MIN_SIZE_FOR(8) == 56, "8 bytes");
static_assert(Z_HEAP_MIN_SIZE_FOR(16) == 64, "16 bytes");
static_assert(Z_HEAP_MIN_SIZE_FOR(64) == 112, "64 bytes");
static_assert(Z_HEAP_MIN_SIZE_FOR(256) == 312, "256 bytes");
static_assert(Z_HEAP_MIN_SIZE_FOR(1024) == 1088, "1024 bytes");
static_assert(Z_HEAP_MIN_SIZE_FOR(2048) == 2120, "2048 bytes");
static_assert(Z_HEAP_MIN_SIZE_FOR(65536) == 65624, "65536 bytes");
static_assert(Z_HEAP_MIN_SIZE == 56, "the smallest heap");

#define BLOCK_MAX_BYTES ((size_t)1 << 20)
#define BUFFER_BYTES    (BLOCK_MAX_BYTES + 1024u)
#define DENSE_BYTES     ((size_t)20000)
#define STRIDE_BYTES    ((size_t)61)
#define WINDOW_BYTES    ((size_t)40)

/* A static buffer shows that the macro is a constant expression. */
static _Alignas(8) uint8_t static_buffer[Z_HEAP_MIN_SIZE_FOR(100)];

static uint8_t *buffer;

static int make_buffer(void **state)
{
    buffer = aligned_alloc(8, BUFFER_BYTES);
    return buffer == NULL ? -1 : 0;
}

static int drop_buffer(void **state)
{
    free(buffer);
    return 0;
}

static void *block_of_fresh_heap(size_t heap_bytes, size_t bytes)
{
    struct sys_heap heap;
    sys_heap_init(&heap, buffer, heap_bytes);
    return sys_heap_alloc(&heap, bytes);
}

static void check_size(size_t bytes)
{
    size_t heap_bytes = Z_HEAP_MIN_SIZE_FOR(bytes);
    if (block_of_fresh_heap(heap_bytes, bytes) == NULL) {
        fail_msg("a heap of %zu bytes does not serve %zu bytes", heap_bytes, bytes);
    }
    if (block_of_fresh_heap(heap_bytes - 8, bytes) != NULL) {
        fail_msg("a heap of %zu - 8 bytes serves %zu bytes", heap_bytes, bytes);
    }
}

static void is_exact_for_all_small_blocks(void **state)
{
    size_t stride = DENSE_BYTES / scaled_rounds(DENSE_BYTES);
    for (size_t bytes = 1; bytes <= DENSE_BYTES; bytes += stride) {
        check_size(bytes);
    }
}

static void is_exact_around_powers_of_two(void **state)
{
    for (size_t power = 64; power <= BLOCK_MAX_BYTES; power *= 2) {
        for (size_t distance = 0; distance <= WINDOW_BYTES; distance++) {
            check_size(power - distance);
            check_size(power == BLOCK_MAX_BYTES ? power : power + distance);
        }
    }
}

static void is_exact_for_large_blocks(void **state)
{
    size_t rounds = scaled_rounds((BLOCK_MAX_BYTES - DENSE_BYTES) / STRIDE_BYTES);
    size_t stride = (BLOCK_MAX_BYTES - DENSE_BYTES) / rounds;
    for (size_t bytes = DENSE_BYTES; bytes <= BLOCK_MAX_BYTES; bytes += stride) {
        check_size(bytes);
    }
}

static void smallest_heap_serves_exactly_one_block(void **state)
{
    struct sys_heap heap;
    sys_heap_init(&heap, buffer, Z_HEAP_MIN_SIZE);
    void *block = sys_heap_alloc(&heap, 1);
    assert_non_null(block);
    assert_null(sys_heap_alloc(&heap, 1));
    sys_heap_free(&heap, block);
    assert_null(sys_heap_alloc(&heap, 9));
    assert_ptr_equal(sys_heap_alloc(&heap, 8), block);
}

static void sizes_a_static_buffer(void **state)
{
    struct sys_heap heap;
    sys_heap_init(&heap, static_buffer, sizeof static_buffer);
    assert_non_null(sys_heap_alloc(&heap, 100));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_exact_for_all_small_blocks),
        cmocka_unit_test(is_exact_around_powers_of_two),
        cmocka_unit_test(is_exact_for_large_blocks),
        cmocka_unit_test(smallest_heap_serves_exactly_one_block),
        cmocka_unit_test(sizes_a_static_buffer),
    };
    return cmocka_run_group_tests(tests, make_buffer, drop_buffer);
}
