/* SPDX-License-Identifier: Apache-2.0 */
/* Shared slabs and heaps: what validating takes notice of, and misuse that is reported. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>
#include <zephyr/kernel.h>
#include "core/chunk.h"
#include "core/heap_ledger.h"
#include "core/slab.h"
#include "kernel/shared_heap.h"
#include "kernel/shared_slab.h"
#include "../support/death.h"
#include "../support/shared_objects.h"

#define ANOTHER_NUMBER 0x5555u

static bool slab_is_good(void)
{
    return quarry_shared_slab_validate(shared_slab);
}

static bool heap_is_good(void)
{
    return quarry_shared_heap_validate(&shared_heap);
}

/* --- What validating takes notice of --- */

static int *owner_in_slab(uint32_t block)
{
    struct shared_slab *shared = shared_slab_of(shared_slab);

    return (int *)(void *)((char *)shared + shared->owners_offset) + block;
}

/* Blocks 0 and 2 are in use, 1 is on the stack, 3 is untouched. */
static void use_some_blocks(void)
{
    shared_slab_take();
    char *between = shared_slab_take();
    shared_slab_take();
    k_mem_slab_free(shared_slab, between);
    assert_true(slab_is_good());
}

static void an_owner_too_many_or_too_few_is_noticed(void **state)
{
    use_some_blocks();
    for (uint32_t block = 0; block < SHARED_BLOCKS; block++) {
        int right = *owner_in_slab(block);

        *owner_in_slab(block) = right == 0 ? getpid() : 0;
        assert_false(slab_is_good());
        *owner_in_slab(block) = right;
        assert_true(slab_is_good());
    }
}

static void a_damaged_link_is_noticed(void **state)
{
    use_some_blocks();
    *(uint64_t *)quarry_shared_slab_block(shared_slab, 1) = ANOTHER_NUMBER;
    assert_false(slab_is_good());
    slab_write_link(quarry_shared_slab_block(shared_slab, 1), 1, 3); /* to a block in use */
    assert_false(slab_is_good());
    slab_write_link(quarry_shared_slab_block(shared_slab, 1), 1, 0);
    assert_true(slab_is_good());
}

static void a_damaged_count_is_noticed(void **state)
{
    use_some_blocks();
    shared_slab->info.num_used++;
    assert_false(slab_is_good());
    shared_slab->info.num_used -= 2;
    assert_false(slab_is_good());
    shared_slab->info.num_used++;
    shared_slab->info.touched++;
    assert_false(slab_is_good());
}

static struct heap_ledger *ledger(void)
{
    return (struct heap_ledger *)(void *)((char *)shared_heap.shared +
                                          shared_heap.shared->ledger_offset);
}

static uint64_t *owner_in_heap(const char *mem)
{
    uint32_t unit = (uint32_t)chunk_unit_of(shared_heap.heap.heap, mem);
    size_t end = unit + (size_t)ledger_units_at(ledger(), unit);
    char *address = (char *)shared_heap.heap.heap + end * CHUNK_UNIT_BYTES - CHUNK_TRAILER_BYTES;

    return (uint64_t *)(void *)address - 1;
}

static void a_block_of_the_heap_without_an_owner_is_noticed(void **state)
{
    char *mem = shared_heap_take(40);

    assert_int_equal(*owner_in_heap(mem), getpid());
    *owner_in_heap(mem) = 0;
    assert_false(heap_is_good());
    *owner_in_heap(mem) = (uint64_t)getpid();
    assert_true(heap_is_good());
}

static void a_block_that_only_one_record_has_is_noticed(void **state)
{
    char *mem = shared_heap_take(40);
    uint32_t unit = (uint32_t)chunk_unit_of(shared_heap.heap.heap, mem);
    uint32_t units = ledger_units_at(ledger(), unit);

    ledger_note_free(ledger(), unit);
    assert_false(heap_is_good());
    ledger_note_used(ledger(), unit, units + 1);
    assert_false(heap_is_good());
    ledger_note_resized(ledger(), unit, units);
    assert_true(heap_is_good());
    ledger_note_used(ledger(), unit + units + 1, 4);
    assert_false(heap_is_good());
}

static void a_damaged_word_of_the_heap_is_noticed(void **state)
{
    char *mem = shared_heap_take(40);

    shared_heap_take(8);
    for (int word = 1; word <= 2; word++) {
        uint32_t *header = (uint32_t *)(void *)mem - word;

        *header ^= 4u;
        assert_false(heap_is_good());
        *header ^= 4u;
        assert_true(heap_is_good());
    }
}

/* --- Misuse --- */

static void free_twice_in_slab(void *arg)
{
    char *mem = shared_slab_take();

    shared_slab_take();
    k_mem_slab_free(shared_slab, mem);
    k_mem_slab_free(shared_slab, mem);
}

static void free_untouched_block(void *arg)
{
    k_mem_slab_free(shared_slab, quarry_shared_slab_block(shared_slab, SHARED_BLOCKS - 1));
}

static void free_middle_in_slab(void *arg)
{
    k_mem_slab_free(shared_slab, (char *)shared_slab_take() + 8);
}

static void free_twice_in_heap(void *arg)
{
    char *mem = shared_heap_take(40);

    k_heap_free(&shared_heap, mem);
    k_heap_free(&shared_heap, mem);
}

static void free_middle_in_heap(void *arg)
{
    k_heap_free(&shared_heap, (char *)shared_heap_take(40) + 16);
}

static void misuse_is_reported(void **state)
{
    uint32_t seen = 0;

    expect_death(free_twice_in_slab, NULL, "block of a slab is free already: double free");
    expect_death(free_untouched_block, NULL, "block of a slab was never handed out");
    expect_death(free_middle_in_slab, NULL, "address is no block of the slab");
    expect_death(free_twice_in_heap, NULL,
                 "block of a shared heap is not in use: double free, or not a block");
    expect_death(free_middle_in_heap, NULL,
                 "block of a shared heap is not in use: double free, or not a block");
    assert_true(slab_is_good() && heap_is_good());
    assert_int_equal(quarry_shared_slab_check(shared_slab, &seen), 0); /* died without its lock */
    assert_int_equal(quarry_shared_heap_check(&shared_heap, &seen), -EOWNERDEAD);
}

static void use_in_handler(int number)
{
    (void)number;
    shared_slab_take();
}

static void be_interrupted_inside(void *arg)
{
    const struct wait_queue *queue = arg;
    struct stay stay;

    signal(SIGUSR1, use_in_handler);
    wait_queue_enter(queue, &stay);
    raise(SIGUSR1);
    wait_queue_leave(queue, &stay);
}

static void handlers_inside_of_a_call_are_reported(void **state)
{
    struct wait_queue of_slab = k_mem_slab_queue(shared_slab);
    struct wait_queue of_heap = k_heap_queue(&shared_heap);

    expect_death(be_interrupted_inside, &of_slab, "signal handler uses a shared object");
    expect_death(be_interrupted_inside, &of_heap, "signal handler uses a shared object");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, shared_objects_make)
    const struct CMUnitTest tests[] = {
        TEST(an_owner_too_many_or_too_few_is_noticed),
        TEST(a_damaged_link_is_noticed),
        TEST(a_damaged_count_is_noticed),
        TEST(a_block_of_the_heap_without_an_owner_is_noticed),
        TEST(a_block_that_only_one_record_has_is_noticed),
        TEST(a_damaged_word_of_the_heap_is_noticed),
        TEST(misuse_is_reported),
        TEST(handlers_inside_of_a_call_are_reported),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, shared_objects_drop);
}
