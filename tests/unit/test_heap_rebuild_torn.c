/* SPDX-License-Identifier: Apache-2.0 */
/* A heap is made anew after a call was interrupted: of the bytes that the call changes, some are as
 * before and some as after it. Any choice of them is tried, also ones that no processor would
 * leave; and with each, the ledger before, between and after the stores of the call's note.
 *
 *     before  | hdr | block | hdr | free ........................... |
 *     after   | hdr | block | hdr | new block | hdr | free ......... |
 *     torn    | hdr | block | hdr?| ???       | ??? | free ......... |   ledger: with it or without
 *
 * Then the heap must be consistent, have the ledger's chunks in use and no others, and each block
 * its address and size; and its bytes, but for those that the call gave away or was given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <core/heap_ledger.h>
#include "../support/noted_heap.h"

#define SMALL_HEAP 5000u

static struct noted_heap noted;
static struct noted_image before, after; /* the call in question */
static struct heap_ledger *ledger;       /* of `noted` */
static struct random random;

static size_t below(size_t limit)
{
    return (size_t)random_below(&random, limit);
}

/* Takes bytes from before and after the call, in aligned runs of that length: after it in [from,
 * to) and by chance elsewhere, before it else. */
static void tear(size_t run, size_t from, size_t to, size_t chance)
{
    for (size_t i = 0; i < noted.bytes; i += run) {
        size_t bytes = i + run < noted.bytes ? run : noted.bytes - i;
        bool done = (i >= from && i < to) || below(16) < chance;
        memcpy(noted.now.buffer + i, (done ? &after : &before)->buffer + i, bytes);
    }
}

/* The ledger between the two stores of a note: mark LAST is set before FIRST, and cleared later. */
static void interrupt_note(void)
{
    for (size_t i = 0; i < (ledger->units + 63u) / 64u; i++) {
        const uint64_t *old = noted_ledger(&before)->words[i].marks;
        const uint64_t *new = noted_ledger(&after)->words[i].marks;
        ledger->words[i].marks[LEDGER_FIRST] = old[LEDGER_FIRST] & new[LEDGER_FIRST];
        ledger->words[i].marks[LEDGER_LAST] = old[LEDGER_LAST] | new[LEDGER_LAST];
    }
}

/* Which of the states of block i the ledger has. */
static const struct noted_block *noted_state(size_t i)
{
    const struct noted_block *block =
        before.blocks[i].mem != NULL ? &before.blocks[i] : &after.blocks[i];
    if (block->mem == NULL) {
        return block;
    }
    uint32_t unit = noted_unit_of(&noted, block);
    uint32_t units = ledger_units_at(ledger, unit);
    bool is_old = units == ledger_units_at(noted_ledger(&before), unit);
    return is_old ? &before.blocks[i] : &after.blocks[i];
}

static void tear_ledger(void)
{
    switch (below(3)) {
    case 0:
        noted_load_ledger(&noted, &before);
        break;
    case 1:
        noted_load_ledger(&noted, &after);
        break;
    default:
        interrupt_note();
    }
}

/* A state that the call on block i may have been left in, or one that is worse. */
static void tear_call(size_t i)
{
    size_t cut = below(noted.bytes);
    bool from_cut = below(2) == 0;

    tear((size_t)1 << below(4), from_cut ? cut : 0, from_cut ? noted.bytes : cut, below(17));
    tear_ledger();
    noted.now.blocks[i] = *noted_state(i);
}

/* What all states of block i have in common is intact, and all other blocks are. */
static void expect_contents_but(size_t i)
{
    struct noted_block *block = &noted.now.blocks[i];
    struct noted_block whole = *block;
    size_t least = before.blocks[i].bytes < after.blocks[i].bytes ? before.blocks[i].bytes
                                                                  : after.blocks[i].bytes;
    block->mem = NULL;
    noted_expect_contents(&noted);
    *block = whole;
    if (before.blocks[i].mem != NULL && after.blocks[i].mem != NULL) {
        noted_expect_bytes(block, least);
    }
}

static void survive_torn_call(size_t i)
{
    tear_call(i);
    if (below(2) == 0) {
        ledger_tidy(ledger);
    }
    assert_true(noted_rebuild(&noted));
    noted_expect_blocks(&noted);
    expect_contents_but(i);
}

/* One call, interrupted in several ways. It goes on from the last of these, or from the end of the
 * call. */
static void make_torn_call(void)
{
    noted_save(&noted, &before);
    struct noted_block *block = noted_change(&noted);
    size_t i = (size_t)(block - noted.now.blocks);
    noted_save(&noted, &after);
    for (int ways = 0; ways < 4; ways++) {
        survive_torn_call(i);
    }
    if (below(2) == 0) {
        noted_load(&noted, &after);
    }
    ledger_tidy(ledger);
    noted_fill(&noted, block);
}

static void survives_torn_calls(void **state)
{
    for (size_t more = 0; more < 4; more++) {
        assert_true(noted_begin(&noted, SMALL_HEAP + 2 * more));
        for (size_t calls = scaled_rounds(600); calls > 0; calls--) {
            make_torn_call();
        }
        noted_make_calls(&noted, 20);
        noted_expect_contents(&noted);
        noted_free_all(&noted);
    }
}

static int with_zephyr_buckets(void **state)
{
    noted.policy = QUARRY_HEAP_ZEPHYR_BUCKETS;
    return 0;
}

static int with_fine_buckets(void **state)
{
    noted.policy = QUARRY_HEAP_FINE_BUCKETS;
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(survives_torn_calls, with_zephyr_buckets),
        cmocka_unit_test_setup(survives_torn_calls, with_fine_buckets),
    };

    random = random_from(random_seed_from_args(argc, argv));
    noted.random = &random;
    ledger = noted_ledger(&noted.now);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
