/* SPDX-License-Identifier: Apache-2.0 */
/* Row 5: realloc stays where it is if it can.
 *
 * It grows into a free chunk at its right, moves if a block is in the way, shrinks in place, and
 * does not move to grow within the bytes that it has. A block that begins within a unit, as one
 * with a rewind bit may, can be resized like others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <zephyr/sys/sys_heap.h>

#define HEAP_BYTES 2048u
#define REWIND     (32u | sizeof(void *)) /* a pointer's size below a multiple of 32 */

static _Alignas(64) char memory[HEAP_BYTES];
static struct sys_heap heap;

static int fresh_heap(void **state)
{
    sys_heap_init(&heap, memory, HEAP_BYTES);
    return heap.heap == NULL;
}

static char *allocate(size_t bytes)
{
    char *mem = sys_heap_alloc(&heap, bytes);

    assert_non_null(mem);
    memset(mem, (int)bytes, bytes);
    return mem;
}

/* Whether the first count bytes are those that allocate(bytes) put there. */
static bool holds(const char *mem, size_t count, size_t bytes)
{
    size_t i = 0;

    while (i < count && mem[i] == (char)bytes) {
        i++;
    }
    return i == count;
}

static char *resized(void *mem, size_t align, size_t bytes)
{
    char *moved = align == 0 ? sys_heap_realloc(&heap, mem, bytes)
                             : sys_heap_aligned_realloc(&heap, mem, align, bytes);

    assert_true(sys_heap_validate(&heap));
    return moved;
}

static void it_grows_in_place(void **state)
{
    char *mem = allocate(64);

    assert_ptr_equal(resized(mem, 0, 400), mem);
    assert_true(sys_heap_usable_size(&heap, mem) >= 400);
    assert_true(holds(mem, 64, 64));
}

static void it_moves_when_a_block_is_in_the_way(void **state)
{
    char *mem = allocate(64);
    char *obstacle = allocate(64);
    char *moved = resized(mem, 0, 400);

    assert_non_null(moved);
    assert_ptr_not_equal(moved, mem);
    assert_true(holds(moved, 64, 64));
    assert_true(holds(obstacle, 64, 64));
    assert_ptr_equal(allocate(64), mem); /* its old place is free */
}

static void it_shrinks_in_place_and_frees_the_rest(void **state)
{
    char *mem = allocate(400);
    char *obstacle = allocate(64);

    assert_ptr_equal(resized(mem, 0, 64), mem);
    assert_true(holds(mem, 64, 400));
    char *inside = allocate(64);
    assert_true(inside > mem && inside < obstacle);
}

static void it_grows_within_what_it_has(void **state)
{
    char *mem = allocate(1);
    size_t usable = sys_heap_usable_size(&heap, mem);

    allocate(64);
    assert_ptr_equal(resized(mem, 0, usable), mem);
    assert_int_equal(sys_heap_usable_size(&heap, mem), usable);
}

static void a_block_that_begins_within_a_unit(void **state)
{
    char *mem = sys_heap_aligned_alloc(&heap, REWIND, 24);

    assert_int_equal(((uintptr_t)mem + sizeof(void *)) % 32, 0);
    assert_ptr_equal(resized(mem, 0, 100), mem);
    assert_true(sys_heap_usable_size(&heap, mem) >= 100);
    assert_ptr_equal(resized(mem, 0, 8), mem);
    sys_heap_free(&heap, mem);
    assert_true(sys_heap_validate(&heap));
}

static void an_aligned_block_stays_if_it_is_aligned(void **state)
{
    char *mem = sys_heap_aligned_alloc(&heap, 64, 40);

    assert_ptr_equal(resized(mem, 64, 200), mem);
    assert_ptr_equal(resized(mem, 64, 20), mem);
    assert_ptr_equal(resized(mem, 8, 40), mem);
}

/* Also to shrink: an address that is not aligned cannot be returned. */
static void an_unaligned_block_moves_to_become_aligned(void **state)
{
    char *mem = allocate(104);

    while ((uintptr_t)mem % 128 == 0) {
        mem = allocate(104);
    }
    char *moved = resized(mem, 128, 50);
    assert_ptr_not_equal(moved, mem);
    assert_int_equal((uintptr_t)moved % 128, 0);
    assert_true(holds(moved, 50, 104));
}

static void null_and_zero_allocate_and_free(void **state)
{
    char *mem = resized(NULL, 0, 100);

    assert_non_null(mem);
    assert_null(resized(mem, 0, 0));
    assert_ptr_equal(allocate(100), mem); /* so it was freed */
    assert_null(resized(NULL, 0, 0));
    char *aligned = resized(NULL, 64, 100);
    assert_non_null(aligned);
    assert_int_equal((uintptr_t)aligned % 64, 0);
    assert_null(resized(aligned, 64, 0));
    assert_null(resized(NULL, 64, 0));
}

static void a_failure_leaves_the_block_alone(void **state)
{
    char *mem = allocate(100);

    assert_null(resized(mem, 0, HEAP_BYTES));
    assert_null(resized(mem, 0, SIZE_MAX));
    assert_null(resized(mem, 64, SIZE_MAX));
    assert_true(holds(mem, 100, 100));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(it_grows_in_place, fresh_heap),
        cmocka_unit_test_setup(it_moves_when_a_block_is_in_the_way, fresh_heap),
        cmocka_unit_test_setup(it_shrinks_in_place_and_frees_the_rest, fresh_heap),
        cmocka_unit_test_setup(it_grows_within_what_it_has, fresh_heap),
        cmocka_unit_test_setup(a_block_that_begins_within_a_unit, fresh_heap),
        cmocka_unit_test_setup(an_aligned_block_stays_if_it_is_aligned, fresh_heap),
        cmocka_unit_test_setup(an_unaligned_block_moves_to_become_aligned, fresh_heap),
        cmocka_unit_test_setup(null_and_zero_allocate_and_free, fresh_heap),
        cmocka_unit_test_setup(a_failure_leaves_the_block_alone, fresh_heap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
