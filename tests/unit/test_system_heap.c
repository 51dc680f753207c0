/* SPDX-License-Identifier: Apache-2.0 */
/* k_malloc and its kin as one thread sees them, and what a signal handler gets. Other sizes of a
 * block: test_system_heap_realloc.c. */
#define CONFIG_HEAP_MEM_POOL_SIZE 8192 /* as a build of a program would say it */

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
#include <zephyr/sys/heap_listener.h>
#include "../support/death.h"
#include "../support/heap_client.h"
#include "../support/heap_picture.h"

#define POOL_BYTES   K_HEAP_MEM_POOL_SIZE
#define OWNER_BYTES  sizeof(struct k_heap *)
#define MOST_BYTES   (POOL_BYTES - OWNER_BYTES)
#define BOUNDARY     64u /* sizes up to SIZE_MAX that are tried */
#define HANG_SECONDS 300u

static void *early_block;

/* Of the highest priority there is for programs. */
__attribute__((constructor(101))) static void use_the_heap_early(void)
{
    early_block = k_malloc(40);
}

/* The k_heap's block behind a block of k_malloc. */
static void *whole(void *block)
{
    return (struct k_heap **)block - 1;
}

static int heap_is_whole(void **state)
{
    return heap_picture_equals(&_system_heap.heap, "F*") ? 0 : -1;
}

static bool is_all(const unsigned char *block, unsigned char byte, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (block[i] != byte) {
            return false;
        }
    }
    return true;
}

/* --- What the heap is --- */

static void it_can_be_used_in_a_constructor(void **state)
{
    expect_heap(&_system_heap.heap, "U[%zu] F*", 40 + OWNER_BYTES);
    k_free(early_block);
    early_block = NULL;
}

static void its_size_is_what_can_be_had_in_one_piece(void **state)
{
    void *block = k_malloc(MOST_BYTES);

    assert_non_null(block);
    memset(block, 1, MOST_BYTES);
    assert_null(k_malloc(0));
    k_free(block);
    for (size_t bytes = MOST_BYTES + 8; bytes <= POOL_BYTES + 64; bytes++) {
        assert_null(k_malloc(bytes));
    }
}

/* As one would be that the program had defined. */
static void it_has_the_bytes_of_the_definition(void **state)
{
    static _Alignas(8) char buffer[Z_HEAP_MIN_SIZE_FOR(POOL_BYTES)];
    struct k_heap same;

    k_heap_init(&same, buffer, sizeof(buffer));
    void *block = k_malloc(100);
    char *twin = k_heap_alloc(&same, 100 + OWNER_BYTES, K_NO_WAIT);
    assert_int_equal((char *)whole(block) - (char *)_system_heap.heap.heap,
                     twin - (char *)same.heap.heap);
    char of_this[100];
    char of_same[100];
    heap_picture(&_system_heap.heap, of_this, sizeof(of_this));
    heap_picture(&same.heap, of_same, sizeof(of_same));
    assert_string_equal(of_this, of_same);
    k_free(block);
}

static void statistics_count_the_owner(void **state)
{
    struct sys_memory_stats stats;

    if (!QUARRY_HEAP_RUNTIME_STATS) {
        assert_int_equal(sys_heap_runtime_stats_get(&_system_heap.heap, &stats), -ENOTSUP);
        skip();
    }
    assert_int_equal(sys_heap_runtime_stats_reset_max(&_system_heap.heap), 0);
    void *block = k_malloc(100);
    assert_int_equal(sys_heap_runtime_stats_get(&_system_heap.heap, &stats), 0);
    assert_int_equal(stats.allocated_bytes, sys_heap_usable_size(&_system_heap.heap, whole(block)));
    assert_int_equal(stats.max_allocated_bytes, stats.allocated_bytes);
    assert_true(stats.allocated_bytes >= 100 + OWNER_BYTES);
    k_free(block);
    assert_int_equal(sys_heap_runtime_stats_get(&_system_heap.heap, &stats), 0);
    assert_int_equal(stats.allocated_bytes, 0);
}

static void it_is_a_k_heap_as_others(void **state)
{
    void *block = k_heap_alloc(&_system_heap, 100, K_FOREVER);

    assert_non_null(block);
    expect_heap(&_system_heap.heap, "U[100] F*");
    assert_null(k_heap_alloc(&_system_heap, POOL_BYTES, K_MSEC(1)));
    k_heap_free(&_system_heap, block);
}

static void it_is_listed_with_heaps_and_not_with_the_programs(void **state)
{
    struct sys_heap **heaps;
    struct k_heap *defined;
    int found = 0;
    int count = sys_heap_array_get(&heaps);

    for (int i = 0; i < count; i++) {
        found += heaps[i] == &_system_heap.heap;
    }
    assert_int_equal(found, QUARRY_HEAP_ARRAY_SIZE > 0);
    assert_int_equal(k_heap_array_get(&defined), 0);
}

/* --- Allocation --- */

static void no_bytes_are_a_block(void **state)
{
    void *first = k_malloc(0);
    void *second = k_calloc(0, 8);
    void *third = k_calloc(SIZE_MAX, 0);
    void *fourth = k_aligned_alloc(64, 0);
    void *fifth = k_realloc(NULL, 0);

    assert_non_null(first);
    assert_true(first != second && second != NULL && second != third && third != NULL);
    assert_true(third != fourth && fourth != NULL && fourth != fifth && fifth != NULL);
    k_free(first);
    k_free(second);
    k_free(third);
    k_free(fourth);
    k_free(fifth);
}

static void the_owner_is_below_the_block(void **state)
{
    struct k_heap **block = k_malloc(24);

    assert_ptr_equal(block[-1], &_system_heap);
    expect_heap(&_system_heap.heap, "U[%zu] F*", 24 + OWNER_BYTES);
    k_free(block);
}

static void blocks_of_each_size_are_aligned_and_apart(void **state)
{
    for (size_t bytes = 0; bytes <= 300; bytes++) {
        unsigned char *first = k_malloc(bytes);
        unsigned char *second = k_malloc(bytes);

        assert_non_null(second);
        assert_int_equal((uintptr_t)first % sizeof(void *), 0);
        assert_int_equal((uintptr_t)second % sizeof(void *), 0);
        memset(first, 1, bytes);
        memset(second, 2, bytes);
        assert_true(is_all(first, 1, bytes) && is_all(second, 2, bytes));
        assert_true(sys_heap_validate(&_system_heap.heap));
        k_free(first);
        k_free(second);
        expect_heap(&_system_heap.heap, "F*");
    }
}

static void expect_aligned(size_t align, size_t bytes)
{
    size_t least = align < sizeof(void *) ? sizeof(void *) : align;
    unsigned char *block = k_aligned_alloc(align, bytes);

    assert_int_equal((uintptr_t)block % least, 0);
    assert_true(block != NULL || align > POOL_BYTES / 2);
    assert_true(block == NULL || align <= POOL_BYTES);
    if (block != NULL) {
        memset(block, 1, bytes);
        assert_ptr_equal(((struct k_heap **)(void *)block)[-1], &_system_heap);
        assert_true(sys_heap_validate(&_system_heap.heap));
    }
    k_free(block);
    expect_heap(&_system_heap.heap, "F*");
}

static void each_alignment_is_kept(void **state)
{
    const size_t sizes[] = {0, 1, 7, 8, 16, 17, 100};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        void *neighbour = k_malloc(8 * i);

        k_free(neighbour);
        expect_aligned(0, sizes[i]);
        for (size_t align = SIZE_MAX / 2 + 1; align > 0; align /= 2) {
            expect_aligned(align, sizes[i]);
        }
    }
}

/* The pointer costs what it takes and no more: it lies before the boundary, and not behind one. */
static void alignment_does_not_make_the_owner_larger(void **state)
{
    for (size_t align = 2 * OWNER_BYTES; align <= 1024; align *= 2) {
        void *block = k_aligned_alloc(align, align);
        size_t usable = sys_heap_usable_size(&_system_heap.heap, whole(block));

        assert_in_range(usable, align + OWNER_BYTES, align + OWNER_BYTES + 7);
        k_free(block);
    }
}

static void calloc_zeroes_what_was_used(void **state)
{
    unsigned char *block = k_malloc(MOST_BYTES);

    memset(block, 0xff, MOST_BYTES);
    k_free(block);
    block = k_calloc(7, 100);
    assert_true(is_all(block, 0, 700));
    k_free(block);
}

static void calloc_of_too_many_fails(void **state)
{
    const size_t root = (size_t)1 << (sizeof(size_t) * 4);

    assert_null(k_calloc(SIZE_MAX, 2));
    assert_null(k_calloc(2, SIZE_MAX));
    assert_null(k_calloc(SIZE_MAX / 2 + 1, 2)); /* 0 if it wrapped */
    assert_null(k_calloc(root, root));
    assert_null(k_calloc(root + 1, root));
    assert_null(k_calloc(SIZE_MAX, SIZE_MAX)); /* 1 if it wrapped */
    assert_null(k_calloc(SIZE_MAX, 1));
    assert_null(k_calloc(1, SIZE_MAX));
}

static void sizes_next_to_the_largest_fail(void **state)
{
    unsigned char *block = k_malloc(100);

    memset(block, 9, 100);
    for (size_t bytes = SIZE_MAX - BOUNDARY; bytes != 0; bytes++) {
        assert_null(k_malloc(bytes));
        assert_null(k_calloc(1, bytes));
        assert_null(k_realloc(block, bytes));
        assert_null(k_realloc(NULL, bytes));
        for (size_t align = SIZE_MAX / 2 + 1; align > 0; align /= 2) {
            assert_null(k_aligned_alloc(align, bytes));
            assert_null(k_aligned_realloc(block, align, bytes));
        }
    }
    expect_heap(&_system_heap.heap, "U[%zu] F*", 100 + OWNER_BYTES);
    assert_true(is_all(block, 9, 100));
    k_free(block);
}

static void it_is_used_up_and_comes_back(void **state)
{
    unsigned char *blocks[POOL_BYTES / 48];
    size_t count = 0;

    while ((blocks[count] = k_malloc(48)) != NULL) {
        memset(blocks[count], (int)(count % 251), 48);
        count++;
    }
    assert_true(count > POOL_BYTES / 64 * 3 / 4);
    for (size_t i = 0; i < count; i++) {
        assert_true(is_all(blocks[i], (unsigned char)(i % 251), 48));
        k_free(blocks[i]);
    }
}

/* --- Others --- */

static void who_waits_for_memory_gets_what_is_freed(void **state)
{
    struct heap_client client = {
        .heap = &_system_heap, .bytes = POOL_BYTES / 2, .timeout = K_FOREVER};
    void *block = k_malloc(MOST_BYTES);

    heap_client_queue_up(&client, 1);
    k_free(block);
    assert_false(heap_client_end(&client));
    assert_non_null(client.mem);
    k_heap_free(&_system_heap, client.mem);
}

/* A listener is called inside of a call on the heap, on the same thread, as a handler may be. */
static void *block_to_free;
static void *block_to_resize;
static void *got_in_handler[5];

static void interrupt(uintptr_t heap_id, void *mem, size_t bytes)
{
    got_in_handler[0] = k_malloc(8);
    got_in_handler[1] = k_calloc(1, 8);
    got_in_handler[2] = k_aligned_alloc(64, 8);
    got_in_handler[3] = k_realloc(block_to_resize, 400);
    got_in_handler[4] = k_realloc(block_to_resize, 4);
    k_free(block_to_free);
}

static void a_handler_can_free_but_not_allocate(void **state)
{
    HEAP_LISTENER_ALLOC_DEFINE(listener, HEAP_ID_FROM_POINTER(&_system_heap), interrupt);

    block_to_free = k_malloc(50);
    block_to_resize = k_malloc(60);
    memset(block_to_resize, 8, 60);
    memset(got_in_handler, 0xff, sizeof(got_in_handler));
    heap_listener_register(&listener);
    void *block = k_malloc(100);
    heap_listener_unregister(&listener);
    for (size_t i = 0; i < sizeof(got_in_handler) / sizeof(got_in_handler[0]); i++) {
        assert_null(got_in_handler[i]);
    }
    expect_heap(&_system_heap.heap, "F[%zu] U[%zu] U[%zu] F*", 50 + OWNER_BYTES, 60 + OWNER_BYTES,
                100 + OWNER_BYTES);
    assert_true(is_all(block_to_resize, 8, 60));
    k_free(block);
    k_free(block_to_resize);
}

/* Child. */
static void free_and_allocate(void *block)
{
    if (!is_all(block, 9, 100)) {
        _exit(1);
    }
    k_free(block);
    block = k_malloc(MOST_BYTES);
    if (block == NULL) {
        _exit(2);
    }
    k_free(block);
}

static void a_child_has_a_copy(void **state)
{
    unsigned char *block = k_malloc(100);

    memset(block, 9, 100);
    struct death death = death_of(free_and_allocate, block);
    assert_string_equal(death.message, "");
    assert_int_equal(death.signal, 0);
    assert_int_equal(death.exit_code, 0);
    expect_heap(&_system_heap.heap, "U[%zu] F*", 100 + OWNER_BYTES);
    k_free(block);
}

#define TEST(name) cmocka_unit_test_teardown(name, heap_is_whole)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_can_be_used_in_a_constructor),
        TEST(its_size_is_what_can_be_had_in_one_piece),
        TEST(it_has_the_bytes_of_the_definition),
        TEST(statistics_count_the_owner),
        TEST(it_is_a_k_heap_as_others),
        TEST(it_is_listed_with_heaps_and_not_with_the_programs),
        TEST(no_bytes_are_a_block),
        TEST(the_owner_is_below_the_block),
        TEST(blocks_of_each_size_are_aligned_and_apart),
        TEST(each_alignment_is_kept),
        TEST(alignment_does_not_make_the_owner_larger),
        TEST(calloc_zeroes_what_was_used),
        TEST(calloc_of_too_many_fails),
        TEST(sizes_next_to_the_largest_fail),
        TEST(it_is_used_up_and_comes_back),
        TEST(who_waits_for_memory_gets_what_is_freed),
        TEST(a_handler_can_free_but_not_allocate),
        TEST(a_child_has_a_copy),
    };

    alarm(HANG_SECONDS);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
