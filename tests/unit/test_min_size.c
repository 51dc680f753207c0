/* SPDX-License-Identifier: Apache-2.0 */
/* Z_HEAP_MIN_SIZE_FOR: its documented values, and that it is both sufficient and the smallest. */
#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <zephyr/sys/sys_heap.h>
#include "../support/heap_format.h"
#include "../support/random.h"

/* The values that Zephyr's formula has, for the configurations that its description lists. */
#if __SIZEOF_POINTER__ == 8 && QUARRY_HEAP_HARDENING < 3
#if QUARRY_HEAP_RUNTIME_STATS
#define COUNTERS 24
#else
#define COUNTERS 0
#endif
static_assert(Z_HEAP_MIN_SIZE_FOR(1) == 56 + COUNTERS, "1 byte");
static_assert(Z_HEAP_MIN_SIZE_FOR(8) == 56 + COUNTERS, "8 bytes");
static_assert(Z_HEAP_MIN_SIZE_FOR(16) == 64 + COUNTERS, "16 bytes");
static_assert(Z_HEAP_MIN_SIZE_FOR(64) == 112 + COUNTERS, "64 bytes");
static_assert(Z_HEAP_MIN_SIZE_FOR(256) == 312 + COUNTERS, "256 bytes");
static_assert(Z_HEAP_MIN_SIZE_FOR(1024) == 1088 + COUNTERS, "1024 bytes");
static_assert(Z_HEAP_MIN_SIZE_FOR(2048) == 2120 + COUNTERS, "2048 bytes");
static_assert(Z_HEAP_MIN_SIZE_FOR(65536) == 65624 + COUNTERS, "65536 bytes");
static_assert(Z_HEAP_MIN_SIZE == 56 + COUNTERS, "the smallest heap");
#endif

/* With canaries. A random base of theirs is 8 bytes more of bookkeeping. */
#if __SIZEOF_POINTER__ == 8 && QUARRY_HEAP_HARDENING >= 3
#if QUARRY_HEAP_RUNTIME_STATS && !QUARRY_HEAP_CANARIES_RANDOM
static_assert(Z_HEAP_MIN_SIZE_FOR(1) == 96, "1 byte");
static_assert(Z_HEAP_MIN_SIZE_FOR(8) == 96, "8 bytes");
static_assert(Z_HEAP_MIN_SIZE_FOR(16) == 104, "16 bytes");
static_assert(Z_HEAP_MIN_SIZE_FOR(64) == 160, "64 bytes");
static_assert(Z_HEAP_MIN_SIZE_FOR(256) == 352, "256 bytes");
static_assert(Z_HEAP_MIN_SIZE_FOR(1024) == 1128, "1024 bytes");
static_assert(Z_HEAP_MIN_SIZE_FOR(2048) == 2160, "2048 bytes");
static_assert(Z_HEAP_MIN_SIZE_FOR(65536) == 65664, "65536 bytes");
#elif !QUARRY_HEAP_RUNTIME_STATS && !QUARRY_HEAP_CANARIES_RANDOM
static_assert(Z_HEAP_MIN_SIZE_FOR(1) == 72, "1 byte");
static_assert(Z_HEAP_MIN_SIZE_FOR(8) == 72, "8 bytes");
static_assert(Z_HEAP_MIN_SIZE_FOR(16) == 80, "16 bytes");
static_assert(Z_HEAP_MIN_SIZE_FOR(64) == 128, "64 bytes");
static_assert(Z_HEAP_MIN_SIZE_FOR(256) == 328, "256 bytes");
static_assert(Z_HEAP_MIN_SIZE_FOR(1024) == 1104, "1024 bytes");
static_assert(Z_HEAP_MIN_SIZE_FOR(2048) == 2136, "2048 bytes");
static_assert(Z_HEAP_MIN_SIZE_FOR(65536) == 65640, "65536 bytes");
#elif QUARRY_HEAP_RUNTIME_STATS
static_assert(Z_HEAP_MIN_SIZE_FOR(1) == 104, "1 byte");
static_assert(Z_HEAP_MIN_SIZE_FOR(8) == 104, "8 bytes");
static_assert(Z_HEAP_MIN_SIZE_FOR(2048) == 2168, "2048 bytes");
#endif
#endif

#if __SIZEOF_POINTER__ == 4 && QUARRY_HEAP_SMALL_ONLY && QUARRY_HEAP_HARDENING < 3 &&              \
    !QUARRY_HEAP_RUNTIME_STATS
static_assert(Z_HEAP_MIN_SIZE_FOR(1) == 44, "1 byte");
static_assert(Z_HEAP_MIN_SIZE_FOR(8) == 52, "8 bytes");
static_assert(Z_HEAP_MIN_SIZE_FOR(16) == 60, "16 bytes");
static_assert(Z_HEAP_MIN_SIZE_FOR(64) == 108, "64 bytes");
static_assert(Z_HEAP_MIN_SIZE_FOR(256) == 308, "256 bytes");
static_assert(Z_HEAP_MIN_SIZE_FOR(1024) == 1084, "1024 bytes");
static_assert(Z_HEAP_MIN_SIZE_FOR(2048) == 2116, "2048 bytes");
static_assert(Z_HEAP_MIN_SIZE_FOR(65536) == 65620, "65536 bytes");
#endif

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

/* The longer headers of larger heaps come at about this size, in the build that has both. There the
 * smallest buffer may depend on the headers in a way that the macro cannot tell. */
static bool headers_may_grow(size_t bytes)
{
    size_t border = (size_t)0x8000 * 8;
    return HEAP_HEADER == 4 && !QUARRY_HEAP_SMALL_ONLY && bytes > border - 1024 &&
           bytes < border + 64;
}

/* Larger blocks do not exist if all headers have 4 bytes. */
static size_t largest_block(void)
{
    return QUARRY_HEAP_SMALL_ONLY && HEAP_HEADER == 4 ? (size_t)250000 : BLOCK_MAX_BYTES;
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
    if (!headers_may_grow(bytes) && block_of_fresh_heap(heap_bytes - 1, bytes) != NULL) {
        fail_msg("a heap of %zu - 1 bytes serves %zu bytes", heap_bytes, bytes);
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
    for (size_t power = 64; power + WINDOW_BYTES <= largest_block(); power *= 2) {
        for (size_t distance = 0; distance <= WINDOW_BYTES; distance++) {
            check_size(power - distance);
            check_size(power + distance);
        }
    }
}

static void is_exact_for_large_blocks(void **state)
{
    size_t most = largest_block();
    size_t rounds = scaled_rounds((most - DENSE_BYTES) / STRIDE_BYTES);
    size_t stride = (most - DENSE_BYTES) / rounds;
    for (size_t bytes = DENSE_BYTES; bytes <= most; bytes += stride) {
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
    assert_null(sys_heap_alloc(&heap, heap_block_bytes(HEAP_MIN_UNITS) + 1));
    assert_ptr_equal(sys_heap_alloc(&heap, heap_block_bytes(HEAP_MIN_UNITS)), block);
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
