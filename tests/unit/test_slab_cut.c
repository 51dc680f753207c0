/* SPDX-License-Identifier: Apache-2.0 */
/* A signal handler frees a block of a slab while its thread cuts the slab's list: wherever it comes
 * in between, each block is on one list afterwards, and `used` is not too low.
 *
 *     free --> | block | ... | block | block | ... | block |
 *                  what is taken     '---- goes back ----'
 *
 * Two more are in use; the handler frees one of them.
 *
 * It comes after each instruction near the beginning and the end; the many of the walk along the
 * list are alike, so there after every 61st. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "../support/small_blocks.h"
#include "../support/stepping.h"

#define BYTES    16u
#define LISTED   (SLAB_LIST_BLOCKS + 100u)
#define NEAR     80u /* instructions */
#define DISTANCE 61u

static struct slab *slab;
static char *handlers;      /* the block that the handler frees */
static volatile bool freed; /* by the handler */
static bool found[LISTED + 1];

static void free_in_handler(void)
{
    give(handlers);
    freed = true;
}

/* A slab of this thread; the block behind those that are listed stays in use. */
static void begin_slab(void)
{
    slab = slab_make(size_class_of(BYTES));
    assert_non_null(slab);
    slab_set_owner(slab, slab_owner_at(slab_start(slab)));
    handlers = slab_start(slab);
    for (uint32_t i = 0; i < LISTED; i++) {
        char *block = handlers + (LISTED - i) * BYTES;

        link_set(block, slab->free);
        slab->free = block;
    }
    slab->threaded = LISTED + 2;
    slab->used = 2;
}

/* How many there are; each must be seen for the first time. */
static uint32_t count_blocks(char *block)
{
    uint32_t count = 0;

    for (; block != NULL; block = link_next(block)) {
        size_t number = (size_t)(block - handlers) / BYTES;

        assert_true(number <= LISTED && !found[number]);
        found[number] = true;
        count++;
    }
    return count;
}

/* False if the handler would have come later. */
static bool cut_while_stepping(size_t count)
{
    begin_slab();
    memset(found, 0, sizeof(found));
    freed = false;
    stepping_begin(count, free_in_handler);
    struct block_list list = slab_take_some_free(slab);
    bool has_come = stepping_end();
    uint32_t taken = count_blocks(list.first);
    uint32_t left = count_blocks(slab->free);
    uint32_t in_use = taken + (freed ? 1 : 2);

    assert_int_equal(taken + left, LISTED + (freed ? 1 : 0));
    assert_true(taken <= list.count && slab->used >= in_use);
    slab_correct_used(slab);
    assert_int_equal(slab->used, in_use);
    slab->used = 0; /* all are given back, so to speak */
    slab_drop(slab);
    return has_come;
}

static void no_block_is_lost_while_a_list_is_cut(void **state)
{
    size_t last = 1;

    stepping_prepare();
    while (cut_while_stepping(last)) {
        last += last < NEAR ? 1 : DISTANCE;
    }
    assert_true(last > SLAB_LIST_BLOCKS); /* it was cut */
    for (size_t count = last - NEAR; cut_while_stepping(count); count++) {
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_block_is_lost_while_a_list_is_cut),
    };

    return cmocka_run_group_tests(tests, small_blocks_begin, NULL);
}
