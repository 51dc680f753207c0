/* SPDX-License-Identifier: Apache-2.0 */
/* Random order of blocks: all are there, each once, and not in their order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "process/hardened.h"
#include "process/link.h"
#include "process/shuffle.h"

#define BLOCK_BYTES 32
#define BLOCKS      1000

/* As a slab is aligned, so that links within are believed. */
static _Alignas(1 << 16) char memory[BLOCKS * BLOCK_BYTES];

static char *block(size_t i)
{
    return memory + i * BLOCK_BYTES;
}

/* Expects the first `count` blocks, each once; how many are followed by the one behind them. */
static size_t expect_blocks(void *first, size_t count)
{
    bool seen[BLOCKS] = {false};
    size_t found = 0;
    size_t in_order = 0;

    for (char *here = first; here != NULL; here = link_next(here)) {
        size_t i = (size_t)(here - memory) / BLOCK_BYTES;

        assert_true(i < count && here == block(i) && !seen[i]);
        seen[i] = true;
        found++;
        in_order += link_next(here) == here + BLOCK_BYTES;
    }
    assert_int_equal(found, count);
    return in_order;
}

static void test_new_blocks(void **state)
{
    for (uint32_t count = 1; count <= SHUFFLE_MOST_BLOCKS; count++) {
        size_t in_order = expect_blocks(shuffle_link(memory, BLOCK_BYTES, count), count);

        assert_true(count < 30 || in_order < count / 2);
    }
}

static void test_lists(void **state)
{
    assert_null(shuffle_list(NULL));
    for (size_t count = 1; count <= BLOCKS; count += 1 + count / 3) {
        for (size_t i = 0; i < count; i++) {
            link_set(block(i), i + 1 < count ? block(i + 1) : NULL);
        }
        size_t in_order = expect_blocks(shuffle_list(memory), count);

        assert_true(count < 30 || in_order < count / 2);
    }
}

static void test_two_runs_differ(void **state)
{
    char *first[2][64];

    for (int run = 0; run < 2; run++) {
        char *here = shuffle_link(memory, BLOCK_BYTES, 64);

        for (int i = 0; i < 64; i++) {
            first[run][i] = here;
            here = link_next(here);
        }
    }
    assert_memory_not_equal(first[0], first[1], sizeof(first[0]));
}

static void test_links_are_encoded(void **state)
{
    uintptr_t words[2];

    link_set(block(0), block(2));
    link_set(block(1), block(2));
    memcpy(&words[0], block(0), sizeof(words[0]));
    memcpy(&words[1], block(1), sizeof(words[1]));
    assert_ptr_equal(link_next(block(0)), block(2));
    assert_ptr_equal(link_next(block(1)), block(2));
    assert_true(words[0] != (uintptr_t)block(2) && words[0] != words[1]);
}

static int draw_keys(void **state)
{
    hardened_draw_keys();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_blocks),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_two_runs_differ),
        cmocka_unit_test(test_links_are_encoded),
    };

    return cmocka_run_group_tests(tests, draw_keys, NULL);
}
