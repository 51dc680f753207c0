/* SPDX-License-Identifier: Apache-2.0 */
/* Random order of blocks: they are put into a hat, and drawn. A list that is longer than a hat has
 * room for is put in order part by part. What is put in order belongs to the caller alone. */
#include "process/shuffle.h"

#include "process/hardened.h"
#include "process/link.h"

static uint64_t runs; /* atomic, relaxed: so that no two runs draw the same numbers */

/* Where a run of numbers begins; never 0. */
static uint64_t begin_run(void)
{
    uintptr_t run = (uintptr_t)__atomic_fetch_add(&runs, 1, __ATOMIC_RELAXED);

    return hardened_word(&hardened_key_of_links, (const void *)run) | 1;
}

/* The next number of a run, below `limit`, by shifts and xor. */
static uint32_t draw_below(uint64_t *state, uint32_t limit)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)((*state >> 32) * limit >> 32);
}

/* Blocks in random order. */
struct hat {
    void *blocks[SHUFFLE_MOST_BLOCKS];
    uint32_t count;
    uint64_t state;
};

/* The new block takes a place, and who was there takes the last one. */
static void put(struct hat *hat, void *block)
{
    uint32_t place = draw_below(&hat->state, hat->count + 1);

    hat->blocks[hat->count] = block;
    hat->blocks[hat->count] = hat->blocks[place];
    hat->blocks[place] = block;
    hat->count++;
}

/* Links all in front of a list; returns its first. */
static void *empty(struct hat *hat, void *list)
{
    for (uint32_t i = 0; i < hat->count; i++) {
        link_set(hat->blocks[i], list);
        list = hat->blocks[i];
    }
    hat->count = 0;
    return list;
}

void *shuffle_link(char *start, size_t block_bytes, uint32_t count)
{
    struct hat hat;

    hat.state = begin_run();
    hat.count = 0;
    for (uint32_t i = 0; i < count; i++) {
        put(&hat, start + i * block_bytes);
    }
    return empty(&hat, NULL);
}

void *shuffle_list(void *first)
{
    struct hat hat;
    void *shuffled = NULL;

    hat.state = begin_run();
    hat.count = 0;
    while (first != NULL) {
        void *next = link_next(first);

        put(&hat, first);
        if (hat.count == SHUFFLE_MOST_BLOCKS || next == NULL) {
            shuffled = empty(&hat, shuffled);
        }
        first = next;
    }
    return shuffled;
}
