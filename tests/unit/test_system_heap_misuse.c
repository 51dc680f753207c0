/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks that are none, given to k_free and its kin: one line, and the end. */
#define CONFIG_HEAP_MEM_POOL_SIZE 65536 /* as a build of a program would say it */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <zephyr/kernel.h>
#include "../support/death.h"
#include "../support/heap_client.h"
#include "../support/sanitizers.h"

#define NO_OWNER  "block has no owner: double free, not of k_malloc, or damaged"
#define UNALIGNED "address is not aligned as k_malloc aligns: not a block"
#define ALIGNMENT "alignment of a block with an owner is not a power of two"
#define HEAPS     100 /* more than the library remembers */
#define BYTES     512u

static _Alignas(8) char buffers[HEAPS][BYTES];
static struct k_heap heaps[HEAPS];

/* Through a pointer that the compiler cannot follow. */
static void *hidden(void *address)
{
    void *volatile hides = address;

    return hides;
}

static void *block_between_others(void)
{
    void *blocks[3] = {k_malloc(40), k_malloc(40), k_malloc(40)};

    memset(blocks[1], 0x5a, 40);
    return blocks[1];
}

static void free_twice(void *arg)
{
    void *block = block_between_others();

    k_free(block);
    k_free(hidden(block));
}

static void free_twice_after_merge(void *arg)
{
    void *left = k_malloc(40);
    void *block = k_malloc(40);

    k_free(left);
    k_free(block);
    k_free(hidden(block));
}

static void realloc_after_free(void *arg)
{
    void *block = block_between_others();

    k_free(block);
    k_realloc(hidden(block), 10);
}

static void realloc_old_place(void *arg)
{
    void *block = block_between_others();
    void *moved = k_realloc(block, 400);

    k_free(moved);
    k_free(hidden(block));
}

static void a_second_free_is_noticed(void **state)
{
    expect_death(free_twice, NULL, NO_OWNER);
    expect_death(free_twice_after_merge, NULL, NO_OWNER);
    expect_death(realloc_after_free, NULL, NO_OWNER);
}

/* A move leaves the word where it was, unless links of the free list were written over it. */
static void the_old_place_of_a_moved_block_is_none(void **state)
{
    struct death death = death_of(realloc_old_place, NULL);

    assert_true(death_matches(&death, NO_OWNER) ||
                death_matches(&death, "block is not in use: double free, or not a block"));
}

static void free_interior(void *arg)
{
    k_free((char *)block_between_others() + 16);
}

static void free_unaligned(void *arg)
{
    k_free((char *)block_between_others() + 1);
}

static void realloc_unaligned(void *arg)
{
    k_realloc((char *)block_between_others() + 2, 10);
}

static void free_block_of_malloc(void *arg)
{
    void *block = malloc(40);

    k_free(hidden(block));
}

static void free_on_stack(void *arg)
{
    uintptr_t words[4] = {1, 2, 3, 4};

    k_free(hidden(&words[2]));
}

static void free_block_of_k_heap(void *arg)
{
    k_heap_init(&heaps[0], buffers[0], BYTES);
    k_free(k_heap_alloc(&heaps[0], 40, K_NO_WAIT));
}

static void what_is_no_block_is_noticed(void **state)
{
    expect_death(free_interior, NULL, NO_OWNER);
    expect_death(free_unaligned, NULL, UNALIGNED);
    expect_death(realloc_unaligned, NULL, UNALIGNED);
    if (!UNDER_ASAN && !UNDER_TSAN) { /* whose malloc may have nothing in front of a block */
        expect_death(free_block_of_malloc, NULL, NO_OWNER);
    }
    expect_death(free_on_stack, NULL, NO_OWNER);
    expect_death(free_block_of_k_heap, NULL, NO_OWNER);
}

static void damage(void *owner)
{
    struct k_heap **block = block_between_others();
    struct k_heap **owner_word = hidden(block - 1);

    *owner_word = owner;
    k_free(block);
}

static void a_damaged_owner_is_noticed(void **state)
{
    expect_death(damage, NULL, NO_OWNER);
    expect_death(damage, (char *)&_system_heap + 1, NO_OWNER);
    expect_death(damage, (void *)(uintptr_t)0x5a5a5a5a, NO_OWNER);
    expect_death(damage, &heaps[0], NO_OWNER);
}

static void align_oddly(void *align)
{
    k_aligned_alloc(*(size_t *)align, 8);
}

static void realloc_oddly(void *align)
{
    k_aligned_realloc(k_malloc(8), *(size_t *)align, 8);
}

static void pool_oddly(void *align)
{
    k_thread_system_pool_assign(k_current_get());
    z_thread_aligned_alloc(*(size_t *)align, 8);
}

static void alignments_are_powers_of_two(void **state)
{
    size_t odd[] = {3, 12, 24, 0x18, 0x28, SIZE_MAX};

    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        expect_death(align_oddly, &odd[i], ALIGNMENT);
    }
    expect_death(realloc_oddly, &odd[3], ALIGNMENT);
    expect_death(pool_oddly, &odd[3], ALIGNMENT);
}

/* --- More heaps than are remembered --- */

static void free_null_owner(void *arg)
{
    uintptr_t words[4] = {0};

    k_free(hidden(&words[2]));
}

static void blocks_of_many_heaps_are_freed(void **state)
{
    void *blocks[HEAPS];

    for (size_t i = 0; i < HEAPS; i++) {
        k_heap_init(&heaps[i], buffers[i], BYTES);
        k_thread_heap_assign(k_current_get(), &heaps[i]);
        blocks[i] = z_thread_malloc(40);
        assert_in_range((uintptr_t)blocks[i], (uintptr_t)buffers[i],
                        (uintptr_t)buffers[i] + BYTES - 40);
    }
    for (size_t i = 0; i < HEAPS; i++) {
        assert_ptr_equal(k_realloc(blocks[i], 60), blocks[i]);
        k_free(blocks[i]);
        assert_non_null(blocks[i] = k_heap_alloc(&heaps[i], BYTES / 2, K_NO_WAIT));
    }
    k_thread_heap_assign(k_current_get(), NULL);
    expect_death(free_null_owner, NULL, NO_OWNER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_free_is_noticed),
        cmocka_unit_test(the_old_place_of_a_moved_block_is_none),
        cmocka_unit_test(what_is_no_block_is_noticed),
        cmocka_unit_test(a_damaged_owner_is_noticed),
        cmocka_unit_test(alignments_are_powers_of_two),
        cmocka_unit_test(blocks_of_many_heaps_are_freed), /* the last: they stay remembered */
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
