/* SPDX-License-Identifier: Apache-2.0 */
/* Row 7: Z_HEAP_MIN_SIZE_FOR(n) is what a heap needs to hand out one block of n bytes.
 *
 * No byte less, and no byte of overhead that is not accounted for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <zephyr/sys/sys_heap.h>
#include <zephyr/sys/util.h>

#define MOST    2048u
#define LARGEST 65536u

static _Alignas(8) char memory[Z_HEAP_MIN_SIZE_FOR(LARGEST)];

/* Whether a fresh heap in so many bytes has room for a block; a second one it must not have. */
static bool serves(size_t heap_bytes, size_t bytes)
{
    struct sys_heap heap;

    sys_heap_init(&heap, memory, heap_bytes);
    void *mem = sys_heap_alloc(&heap, bytes);
    if (mem == NULL) {
        return false;
    }
    memset(mem, 0xff, bytes);
    assert_true(sys_heap_validate(&heap));
    assert_null(sys_heap_alloc(&heap, 1));
    sys_heap_free(&heap, mem);
    return true;
}

static void it_is_enough_and_no_more(void **state)
{
    for (size_t bytes = 1; bytes <= MOST; bytes++) {
        size_t heap_bytes = Z_HEAP_MIN_SIZE_FOR(bytes);

        assert_true(serves(heap_bytes, bytes));
        assert_false(serves(heap_bytes - 1, bytes));
    }
    assert_true(serves(Z_HEAP_MIN_SIZE_FOR(LARGEST), LARGEST));
    assert_int_equal(Z_HEAP_MIN_SIZE, Z_HEAP_MIN_SIZE_FOR(1));
}

static void it_is_a_constant(void **state)
{
    static char buffer[Z_HEAP_MIN_SIZE_FOR(64)];

    BUILD_ASSERT(Z_HEAP_MIN_SIZE_FOR(2048) < 2048 + 160, "more than a heap should take");
    assert_int_equal(sizeof(buffer), Z_HEAP_MIN_SIZE_FOR(64));
}

struct size {
    size_t bytes;
    size_t bare;       /* what Zephyr needs with 64-bit pointers */
    size_t with_stats; /* and with counters */
    size_t narrow;     /* what it needs with 32-bit pointers and short headers */
};

static const struct size sizes[] = {
    {1, 56, 80, 44},          {8, 56, 80, 52},
    {16, 64, 88, 60},         {64, 112, 136, 108},
    {256, 312, 336, 308},     {1024, 1088, 1112, 1084},
    {2048, 2120, 2144, 2116}, {65536, 65624, 65648, 65620},
};

static size_t in_zephyr(const struct size *size)
{
    return sizeof(void *) == 4         ? size->narrow
           : QUARRY_HEAP_RUNTIME_STATS ? size->with_stats
                                       : size->bare;
}

/* Canaries have room of their own here, and 32-bit heaps may be built otherwise. */
static void it_is_what_zephyr_needs(void **state)
{
    if (QUARRY_HEAP_HARDENING >= 3 ||
        (sizeof(void *) == 4 && (QUARRY_HEAP_RUNTIME_STATS || QUARRY_HEAP_BIG_ONLY))) {
        skip();
    }
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        assert_int_equal(Z_HEAP_MIN_SIZE_FOR(sizes[i].bytes), in_zephyr(&sizes[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_enough_and_no_more),
        cmocka_unit_test(it_is_a_constant),
        cmocka_unit_test(it_is_what_zephyr_needs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
