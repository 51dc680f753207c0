/* SPDX-License-Identifier: Apache-2.0 */
/* k_heap as one thread sees it: definitions, what each call returns, how long it takes to fail, and
 * misuse. Rows 15 and 17 of Zephyr's own tests are among these. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <zephyr/kernel.h>
#include "../support/death.h"
#include "../support/heap_picture.h"
#include "../support/k_heap_elsewhere.h"

#define HEAP_BYTES    2048u
#define STATIC_BYTES  2048u
#define EARLY_BYTES   256u
#define GUARD         0x5a5a5a5au
#define SHORT_WAIT    K_MSEC(20)
#define BOUNDARY      64u /* sizes up to SIZE_MAX that are tried */
#define HANG_SECONDS  300u
#define DEFINED_HEAPS 5

static struct k_heap heap;
static _Alignas(4096) char buffer[HEAP_BYTES];

/* --- Static definitions --- */

extern struct k_heap early_heap;
static void *early_block;

/* Of the highest priority there is for programs, and before the definition's own constructor. */
__attribute__((constructor(101))) static void use_a_heap_early(void)
{
    early_block = k_heap_alloc(&early_heap, 40, K_NO_WAIT);
}

#define IN_TINY_SECTION __attribute__((section("quarry_test_tiny")))

K_HEAP_DEFINE(early_heap, EARLY_BYTES);
K_HEAP_DEFINE(static_heap, STATIC_BYTES);
K_HEAP_DEFINE_NOCACHE(uncached_heap, STATIC_BYTES);
static IN_TINY_SECTION uint32_t guard_before = GUARD;
Z_HEAP_DEFINE_IN_SECT(tiny_heap, 1, IN_TINY_SECTION);
static IN_TINY_SECTION uint32_t guard_behind = GUARD;

static void a_heap_of_one_byte_serves_one_byte(void **state)
{
    void *block = k_heap_alloc(&tiny_heap, 1, K_NO_WAIT);

    assert_int_equal(sizeof(kheap_tiny_heap), Z_HEAP_MIN_SIZE);
    assert_non_null(block);
    assert_null(k_heap_alloc(&tiny_heap, 1, K_NO_WAIT));
    assert_null(k_heap_alloc(&tiny_heap, 1, SHORT_WAIT));
    memset(block, 0xff, sys_heap_usable_size(&tiny_heap.heap, block));
    assert_true(sys_heap_validate(&tiny_heap.heap));
    k_heap_free(&tiny_heap, block);
    block = k_heap_alloc(&tiny_heap, 1, K_FOREVER);
    assert_non_null(block);
    k_heap_free(&tiny_heap, block);
    assert_int_equal(guard_before, GUARD);
    assert_int_equal(guard_behind, GUARD);
}

static void static_heaps_have_their_buffers(void **state)
{
    assert_int_equal(sizeof(kheap_static_heap), STATIC_BYTES);
    assert_int_equal(sizeof(kheap_uncached_heap), STATIC_BYTES);
    void *block = k_heap_alloc(&uncached_heap, STATIC_BYTES / 2, K_NO_WAIT);
    assert_in_range((uintptr_t)block, (uintptr_t)kheap_uncached_heap,
                    (uintptr_t)kheap_uncached_heap + STATIC_BYTES / 2);
    k_heap_free(&uncached_heap, block);
}

static void a_static_heap_can_be_used_in_a_constructor(void **state)
{
    assert_in_range((uintptr_t)early_block, (uintptr_t)kheap_early_heap,
                    (uintptr_t)kheap_early_heap + EARLY_BYTES - 40);
    expect_heap(&early_heap.heap, "U[40] F*"); /* nobody made it anew since */
    k_heap_free(&early_heap, early_block);
    expect_heap(&early_heap.heap, "F*");
    early_block = NULL;
}

static void a_heap_can_be_defined_elsewhere(void **state)
{
    void *block = k_heap_alloc(&k_heap_elsewhere, K_HEAP_ELSEWHERE_BYTES / 2, K_NO_WAIT);

    assert_non_null(block);
    assert_null(k_heap_alloc(&k_heap_elsewhere, K_HEAP_ELSEWHERE_BYTES / 2, K_NO_WAIT));
    k_heap_free(&k_heap_elsewhere, block);
    expect_heap(&k_heap_elsewhere.heap, "F*");
}

static void all_static_heaps_are_in_one_array(void **state)
{
    const struct k_heap *defined[DEFINED_HEAPS] = {&early_heap, &static_heap, &uncached_heap,
                                                   &tiny_heap, &k_heap_elsewhere};
    struct k_heap *heaps = NULL;
    struct k_heap *heaps_elsewhere = NULL;

    assert_int_equal(k_heap_array_get(&heaps), DEFINED_HEAPS);
    assert_int_equal(k_heap_array_get_elsewhere(&heaps_elsewhere), DEFINED_HEAPS);
    assert_ptr_equal(heaps_elsewhere, heaps);
    for (int i = 0; i < DEFINED_HEAPS; i++) {
        int found = 0;

        for (int j = 0; j < DEFINED_HEAPS; j++) {
            found += heaps + j == defined[i];
        }
        assert_int_equal(found, 1);
    }
}

/* --- Heaps made at run time --- */

static int begin(void **state)
{
    k_heap_init(&heap, buffer, sizeof(buffer));
    return 0;
}

static int heap_is_whole(void **state)
{
    return heap_picture_equals(&heap.heap, "F*") ? 0 : -1;
}

static void expect_nothing_to_get(struct k_heap *h)
{
    assert_null(h->heap.heap);
    assert_null(k_heap_alloc(h, 1, K_NO_WAIT));
    assert_null(k_heap_alloc(h, 1, K_FOREVER));
    assert_null(k_heap_alloc(h, 1, SHORT_WAIT));
    assert_null(k_heap_aligned_alloc(h, 64, 1, K_FOREVER));
    assert_null(k_heap_calloc(h, 1, 1, K_FOREVER));
    assert_null(k_heap_realloc(h, NULL, 1, K_FOREVER));
    assert_null(k_heap_aligned_realloc(h, NULL, 64, 1, K_FOREVER));
    assert_null(k_heap_realloc(h, NULL, 0, K_FOREVER));
    k_heap_free(h, NULL);
}

static void a_buffer_that_is_too_small_gives_nothing(void **state)
{
    for (size_t bytes = 0; bytes < Z_HEAP_MIN_SIZE; bytes++) {
        struct k_heap small;

        memset(buffer, GUARD & 0xffu, sizeof(buffer));
        memset(&small, 0xff, sizeof(small));
        k_heap_init(&small, buffer, bytes);
        if (bytes % 8 == 0) { /* each takes a while */
            expect_nothing_to_get(&small);
        }
        assert_null(k_heap_alloc(&small, 1, K_FOREVER));
        for (size_t i = 0; i < sizeof(buffer); i++) {
            assert_int_equal(buffer[i], GUARD & 0xffu);
        }
    }
    k_heap_init(&heap, NULL, sizeof(buffer));
    expect_nothing_to_get(&heap);
    begin(state);
}

static void the_smallest_buffer_is_kept_to(void **state)
{
    char *start = buffer + 64;
    struct k_heap small;

    memset(buffer, GUARD & 0xffu, sizeof(buffer));
    k_heap_init(&small, start, Z_HEAP_MIN_SIZE);
    char *block = k_heap_alloc(&small, 1, K_NO_WAIT);
    assert_in_range((uintptr_t)block, (uintptr_t)start, (uintptr_t)start + Z_HEAP_MIN_SIZE - 1);
    assert_null(k_heap_alloc(&small, 1, K_NO_WAIT));
    memset(block, 0, sys_heap_usable_size(&small.heap, block));
    k_heap_free(&small, block);
    for (size_t i = 0; i < 64; i++) {
        assert_int_equal(buffer[i], GUARD & 0xffu);
        assert_int_equal(start[Z_HEAP_MIN_SIZE + i], GUARD & 0xffu);
    }
    begin(state);
}

static void an_initialised_heap_forgets_what_it_was(void **state)
{
    assert_non_null(k_heap_alloc(&heap, 100, K_NO_WAIT));
    k_heap_init(&heap, buffer, sizeof(buffer));
    expect_heap(&heap.heap, "F*");
    assert_ptr_equal((void *)&heap, (void *)&heap.heap); /* the id that listeners hear of */
}

/* --- What can be had --- */

static void half_can_be_had_and_more_than_all_cannot(void **state)
{
    void *half = k_heap_alloc(&heap, HEAP_BYTES / 2, K_NO_WAIT);

    assert_non_null(half);
    int64_t began = k_uptime_ticks();
    assert_null(k_heap_alloc(&heap, HEAP_BYTES + 1, SHORT_WAIT));
    assert_true(k_uptime_ticks() - began >= SHORT_WAIT.ticks);
    assert_null(k_heap_alloc(&heap, HEAP_BYTES * 3 / 4, K_NO_WAIT));
    k_heap_free(&heap, half);
    void *more = k_heap_alloc(&heap, HEAP_BYTES * 3 / 4, K_NO_WAIT);
    assert_non_null(more);
    k_heap_free(&heap, more);
}

static void a_heap_is_used_up_and_comes_back(void **state)
{
    void *blocks[HEAP_BYTES / 64];
    size_t count = 0;

    while ((blocks[count] = k_heap_alloc(&heap, 56, K_NO_WAIT)) != NULL) {
        memset(blocks[count], (int)count, 56);
        count++;
    }
    assert_true(count > HEAP_BYTES / 64 * 3 / 4);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < 56; j++) {
            assert_int_equal(((unsigned char *)blocks[i])[j], i);
        }
        k_heap_free(&heap, blocks[i]);
    }
}

static void each_alignment_is_kept(void **state)
{
    for (size_t align = SIZE_MAX / 2 + 1; align > 0; align /= 2) {
        void *block = k_heap_aligned_alloc(&heap, align, 24, K_NO_WAIT);

        assert_int_equal((uintptr_t)block % align, 0);
        assert_true(block != NULL || align > HEAP_BYTES / 4);
        assert_true(block == NULL || align <= HEAP_BYTES);
        if (block != NULL) {
            memset(block, 1, 24);
        }
        k_heap_free(&heap, block);
        expect_heap(&heap.heap, "F*");
    }
}

static void alignment_0_asks_for_the_usual_one(void **state)
{
    void *block = k_heap_aligned_alloc(&heap, 0, 1, K_NO_WAIT);

    assert_non_null(block);
    assert_int_equal((uintptr_t)block % sizeof(void *), 0);
    expect_heap(&heap.heap, "U[1] F*");
    k_heap_free(&heap, block);
}

static void calloc_zeroes_what_was_used(void **state)
{
    memset(k_heap_alloc(&heap, HEAP_BYTES / 2, K_NO_WAIT), 0xff, HEAP_BYTES / 2);
    k_heap_init(&heap, buffer, sizeof(buffer)); /* which leaves the bytes where they are */
    unsigned char *block = k_heap_calloc(&heap, 7, 100, K_NO_WAIT);
    assert_non_null(block);
    for (size_t i = 0; i < 700; i++) {
        assert_int_equal(block[i], 0);
    }
    k_heap_free(&heap, block);
}

static void calloc_of_too_many_fails_at_once(void **state)
{
    const size_t root = (size_t)1 << (sizeof(size_t) * 4);

    assert_null(k_heap_calloc(&heap, SIZE_MAX, 2, K_FOREVER));
    assert_null(k_heap_calloc(&heap, 2, SIZE_MAX, K_FOREVER));
    assert_null(k_heap_calloc(&heap, SIZE_MAX / 2 + 1, 2, K_FOREVER)); /* 0 if it wrapped */
    assert_null(k_heap_calloc(&heap, root, root, K_FOREVER));
    assert_null(k_heap_calloc(&heap, root + 1, root, K_FOREVER));
    assert_null(k_heap_calloc(&heap, SIZE_MAX, SIZE_MAX, K_FOREVER)); /* 1 if it wrapped */
    assert_null(k_heap_calloc(&heap, SIZE_MAX, 1, K_FOREVER));
    assert_null(k_heap_calloc(&heap, 0, SIZE_MAX, K_FOREVER));
    assert_null(k_heap_calloc(&heap, SIZE_MAX, 0, K_FOREVER));
}

static void a_free_of_nothing_is_nothing(void **state)
{
    k_heap_free(&heap, NULL);
    expect_heap(&heap.heap, "F*");
}

/* --- What cannot --- */

static void no_bytes_are_nothing_at_once(void **state)
{
    assert_null(k_heap_alloc(&heap, 0, K_FOREVER));
    assert_null(k_heap_aligned_alloc(&heap, 64, 0, K_FOREVER));
    assert_null(k_heap_calloc(&heap, 0, 0, K_FOREVER));
    assert_null(k_heap_realloc(&heap, NULL, 0, K_FOREVER));
    assert_null(k_heap_aligned_realloc(&heap, NULL, 64, 0, K_FOREVER));
    expect_heap(&heap.heap, "F*");
}

/* The most that the empty heap gives. */
static size_t most_bytes(size_t align)
{
    for (size_t bytes = HEAP_BYTES; bytes > 0; bytes--) {
        void *block = k_heap_aligned_alloc(&heap, align, bytes, K_NO_WAIT);

        if (block != NULL) {
            k_heap_free(&heap, block);
            return bytes;
        }
    }
    return 0;
}

/* What an empty heap can give is waited for; one byte more fails at once. */
static void a_hopeless_request_is_not_waited_for_in_vain(void **state)
{
    for (size_t align = 0; align <= HEAP_BYTES / 2; align = align == 0 ? 1 : align * 2) {
        size_t most = most_bytes(align);
        void *block = k_heap_alloc(&heap, 1, K_NO_WAIT);

        assert_null(k_heap_aligned_alloc(&heap, align, most + 1, K_FOREVER));
        assert_null(k_heap_aligned_realloc(&heap, NULL, align, most + 1, K_FOREVER));
        k_heap_free(&heap, block);
        block = k_heap_aligned_alloc(&heap, align, most, K_FOREVER);
        assert_non_null(block);
        k_heap_free(&heap, block);
    }
}

/* Each call that can wait, for `bytes` of which there are none. */
static void expect_failure(void *block, size_t align, size_t bytes, k_timeout_t timeout)
{
    int64_t least = timeout.ticks < 0 ? 0 : timeout.ticks;
    int64_t began = k_uptime_ticks();

    assert_null(k_heap_alloc(&heap, bytes, timeout));
    assert_true(k_uptime_ticks() - began >= least);
    assert_null(k_heap_aligned_alloc(&heap, align, bytes, timeout));
    assert_true(k_uptime_ticks() - began >= 2 * least);
    assert_null(k_heap_calloc(&heap, 1, bytes, timeout));
    assert_true(k_uptime_ticks() - began >= 3 * least);
    assert_null(k_heap_realloc(&heap, block, bytes, timeout));
    assert_true(k_uptime_ticks() - began >= 4 * least);
    assert_null(k_heap_aligned_realloc(&heap, block, align, bytes, timeout));
    assert_true(k_uptime_ticks() - began >= 5 * least);
}

static void timeouts_are_waited_out(void **state)
{
    char *block = k_heap_alloc(&heap, HEAP_BYTES / 2, K_NO_WAIT);
    void *neighbour = k_heap_alloc(&heap, 8, K_NO_WAIT);

    memset(block, 7, HEAP_BYTES / 2);
    expect_failure(block, 8, HEAP_BYTES * 2, SHORT_WAIT); /* an empty heap is too small */
    expect_failure(block, 8, HEAP_BYTES * 3 / 4, SHORT_WAIT);
    expect_failure(block, 8, HEAP_BYTES * 3 / 4, K_NO_WAIT);
    expect_failure(block, 8, HEAP_BYTES, K_FOREVER); /* at once */
    for (size_t i = 0; i < HEAP_BYTES / 2; i++) {
        assert_int_equal(block[i], 7);
    }
    k_heap_free(&heap, neighbour);
    k_heap_free(&heap, block);
}

static void an_absolute_timeout_is_waited_for(void **state)
{
    int64_t until = k_uptime_ticks() + SHORT_WAIT.ticks;

    assert_null(k_heap_alloc(&heap, HEAP_BYTES, K_TIMEOUT_ABS_TICKS(until)));
    assert_true(k_uptime_ticks() >= until);
    assert_null(k_heap_alloc(&heap, HEAP_BYTES, K_TIMEOUT_ABS_TICKS(until))); /* it is over */
}

static void sizes_next_to_the_largest_fail(void **state)
{
    unsigned char *block = k_heap_alloc(&heap, 100, K_NO_WAIT);

    memset(block, 9, 100);
    for (size_t bytes = SIZE_MAX - BOUNDARY; bytes != 0; bytes++) {
        for (size_t align = SIZE_MAX / 2 + 1; align > 0; align /= 2) {
            assert_null(k_heap_aligned_alloc(&heap, align, bytes, K_FOREVER));
            assert_null(k_heap_aligned_realloc(&heap, block, align, bytes, K_FOREVER));
        }
        expect_failure(block, 0, bytes, K_FOREVER);
        expect_failure(block, 0, bytes, K_NO_WAIT);
        expect_heap(&heap.heap, "U[100] F*");
    }
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(block[i], 9);
    }
    k_heap_free(&heap, block);
}

/* Statistics are those of the sys_heap inside. */
static void statistics_are_taken_from_the_heap_inside(void **state)
{
    struct sys_memory_stats stats;
    void *block = k_heap_alloc(&heap, 100, K_NO_WAIT);
    size_t usable = sys_heap_usable_size(&heap.heap, block);
    int result = sys_heap_runtime_stats_get(&heap.heap, &stats);

    k_heap_free(&heap, block);
    if (!QUARRY_HEAP_RUNTIME_STATS) {
        assert_int_equal(result, -ENOTSUP);
        skip();
    }
    assert_int_equal(result, 0);
    assert_int_equal(stats.allocated_bytes, usable);
    assert_int_equal(stats.max_allocated_bytes, usable);
    assert_true(stats.free_bytes > HEAP_BYTES / 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, heap_is_whole)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_heap_of_one_byte_serves_one_byte),
        cmocka_unit_test(static_heaps_have_their_buffers),
        cmocka_unit_test(a_static_heap_can_be_used_in_a_constructor),
        cmocka_unit_test(a_heap_can_be_defined_elsewhere),
        cmocka_unit_test(all_static_heaps_are_in_one_array),
        TEST(a_buffer_that_is_too_small_gives_nothing),
        TEST(the_smallest_buffer_is_kept_to),
        TEST(an_initialised_heap_forgets_what_it_was),
        TEST(half_can_be_had_and_more_than_all_cannot),
        TEST(a_heap_is_used_up_and_comes_back),
        TEST(each_alignment_is_kept),
        TEST(alignment_0_asks_for_the_usual_one),
        TEST(calloc_zeroes_what_was_used),
        TEST(calloc_of_too_many_fails_at_once),
        TEST(a_free_of_nothing_is_nothing),
        TEST(no_bytes_are_nothing_at_once),
        TEST(a_hopeless_request_is_not_waited_for_in_vain),
        TEST(timeouts_are_waited_out),
        TEST(an_absolute_timeout_is_waited_for),
        TEST(sizes_next_to_the_largest_fail),
        TEST(statistics_are_taken_from_the_heap_inside),
    };

    alarm(HANG_SECONDS); /* what must return at once might never do */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
