/* SPDX-License-Identifier: Apache-2.0 */
/* k_realloc and k_aligned_realloc: where blocks stay, where they move, and what others get of it.
 */
#define CONFIG_HEAP_MEM_POOL_SIZE 8192 /* as a build of a program would say it */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <zephyr/kernel.h>
#include "../support/heap_client.h"
#include "../support/heap_picture.h"

#define POOL_BYTES   K_HEAP_MEM_POOL_SIZE
#define OWNER_BYTES  sizeof(struct k_heap *)
#define MOST_BYTES   (POOL_BYTES - OWNER_BYTES)
#define HANG_SECONDS 300u

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

static void realloc_of_nothing_and_to_nothing(void **state)
{
    void *block = k_realloc(NULL, 100);

    expect_heap(&_system_heap.heap, "U[%zu] F*", 100 + OWNER_BYTES);
    assert_null(k_realloc(block, 0));
    expect_heap(&_system_heap.heap, "F*");
    block = k_aligned_realloc(NULL, 64, 100);
    assert_int_equal((uintptr_t)block % 64, 0);
    assert_null(k_aligned_realloc(block, 64, 0));
    k_free(NULL);
}

static void realloc_stays_where_it_can(void **state)
{
    unsigned char *block = k_malloc(100);

    memset(block, 3, 100);
    assert_ptr_equal(k_realloc(block, 1000), block);
    expect_heap(&_system_heap.heap, "U[%zu] F*", 1000 + OWNER_BYTES);
    assert_ptr_equal(k_realloc(block, 40), block);
    expect_heap(&_system_heap.heap, "U[%zu] F*", 40 + OWNER_BYTES);
    assert_true(is_all(block, 3, 40));
    k_free(block);
}

static void realloc_moves_where_it_must(void **state)
{
    unsigned char *block = k_malloc(100);
    void *neighbour = k_malloc(8);

    memset(block, 4, 100);
    unsigned char *moved = k_realloc(block, 200);
    assert_true(moved != block && moved != NULL);
    assert_true(is_all(moved, 4, 100));
    assert_ptr_equal(((struct k_heap **)(void *)moved)[-1], &_system_heap);
    assert_null(k_realloc(moved, POOL_BYTES));
    assert_true(is_all(moved, 4, 100));
    k_free(neighbour);
    k_free(moved);
}

static void realloc_of_an_aligned_block_shrinks_in_place(void **state)
{
    unsigned char *block = k_aligned_alloc(512, 1000);

    memset(block, 5, 1000);
    assert_ptr_equal(k_realloc(block, 10), block);
    assert_true(is_all(block, 5, 10));
    k_free(block);
}

static void aligned_realloc_stays_where_it_can(void **state)
{
    unsigned char *block = k_aligned_alloc(256, 100);

    memset(block, 6, 100);
    assert_ptr_equal(k_aligned_realloc(block, 256, 600), block);
    assert_ptr_equal(k_aligned_realloc(block, 64, 20), block);
    assert_ptr_equal(k_aligned_realloc(block, 1, 30), block);
    assert_true(is_all(block, 6, 20));
    k_free(block);
}

static void aligned_realloc_moves_what_is_not_aligned(void **state)
{
    unsigned char *first = k_malloc(100);
    unsigned char *second = k_malloc(100); /* not 128 bytes behind the first */
    unsigned char *block = (uintptr_t)first % 128 != 0 ? first : second;
    unsigned char *other = block == first ? second : first;

    memset(block, 7, 100);
    unsigned char *moved = k_aligned_realloc(block, 128, 90);
    assert_true(moved != block && moved != NULL);
    assert_int_equal((uintptr_t)moved % 128, 0);
    assert_true(is_all(moved, 7, 90));
    assert_null(k_aligned_realloc(moved, 128, POOL_BYTES));
    assert_null(k_aligned_realloc(moved, SIZE_MAX / 2 + 1, 90));
    assert_true(is_all(moved, 7, 90));
    k_free(other);
    k_free(moved);
}

static void who_waits_for_memory_gets_what_a_realloc_leaves(void **state)
{
    struct heap_client client = {
        .heap = &_system_heap, .bytes = POOL_BYTES / 2, .timeout = K_FOREVER};
    void *block = k_malloc(MOST_BYTES);

    heap_client_queue_up(&client, 1);
    block = k_realloc(block, 100);
    assert_non_null(block);
    assert_false(heap_client_end(&client));
    assert_non_null(client.mem);
    k_heap_free(&_system_heap, client.mem);
    k_free(block);
}

#define TEST(name) cmocka_unit_test_teardown(name, heap_is_whole)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(realloc_of_nothing_and_to_nothing),
        TEST(realloc_stays_where_it_can),
        TEST(realloc_moves_where_it_must),
        TEST(realloc_of_an_aligned_block_shrinks_in_place),
        TEST(aligned_realloc_stays_where_it_can),
        TEST(aligned_realloc_moves_what_is_not_aligned),
        TEST(who_waits_for_memory_gets_what_a_realloc_leaves),
    };

    alarm(HANG_SECONDS);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
