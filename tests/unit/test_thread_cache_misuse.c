/* SPDX-License-Identifier: Apache-2.0 */
/* What is noticed of misuse of small blocks, where it costs nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "../support/death.h"
#include "../support/small_blocks.h"

static void free_elsewhere(void *arg)
{
    give(arg);
}

static void what_is_in_no_slab_dies(void **state)
{
    char *block = take(SIZE_CLASS_MOST_BYTES);
    size_t last = slice_range_known - 1;

    expect_death(free_elsewhere, slice_start(last), "block is not in use: its slab was given back");
    expect_death(free_elsewhere, block + SLICE_BYTES + 8,
                 "address is not aligned as a block of a slab is");
    give(block);
}

static void free_twice_in_another_thread(void *arg)
{
    void *block = take(SIZE_CLASS_MOST_BYTES / 2 + 1);
    struct slab *slab = slab_of_taken(block);

    slab->used = 1; /* as if it were the only one in use */
    slab_give_chain(slab, block, block, 1);
    slab_give_chain(slab, block, block, 1);
}

static void free_twice(void *arg)
{
    void *block = take(SIZE_CLASS_MOST_BYTES / 2 + 1);
    struct slab *slab = slab_of_taken(block);

    slab->used = 0;
    give(block);
    slab_take_free(slab);
}

static void more_frees_than_blocks_die(void **state)
{
    expect_death(free_twice_in_another_thread, NULL,
                 "block of a slab came back that was free already");
    expect_death(free_twice, NULL, "more blocks of a slab were freed than were in use");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_in_no_slab_dies),
        cmocka_unit_test(more_frees_than_blocks_die),
    };

    return cmocka_run_group_tests(tests, small_blocks_begin, NULL);
}
