/* SPDX-License-Identifier: Apache-2.0 */
/* Two independent ways to notice that blocks overlap: a map of owned units, which sees it when the
 * block is handed out, and contents of each block's own, which see it when a write went astray. */
#include "block_book.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNIT_BYTES 8u

static void *zeroed(size_t count, size_t element_bytes)
{
    void *mem = calloc(count, element_bytes);
    if (mem == NULL) {
        perror("block_book");
        exit(1);
    }
    return mem;
}

void book_open(struct block_book *book, uint8_t *base, size_t bytes, size_t capacity)
{
    *book = (struct block_book){.base = base, .capacity = capacity};
    book->owners = zeroed(bytes / UNIT_BYTES + 1, 1);
    book->blocks = zeroed(capacity, sizeof book->blocks[0]);
}

void book_close(struct block_book *book)
{
    free(book->owners);
    free(book->blocks);
}

/* Units that a block touches: [first, end). */
static size_t first_unit(const struct block_book *book, const struct block *block)
{
    return (size_t)(block->mem - book->base) / UNIT_BYTES;
}

static size_t end_unit(const struct block_book *book, const struct block *block)
{
    return ((size_t)(block->mem - book->base) + block->usable + UNIT_BYTES - 1) / UNIT_BYTES;
}

/* Number index of the words that a block is filled with. */
static uint64_t word_of(uint64_t tag, size_t index)
{
    return (tag + index) * UINT64_C(0xd6e8feb86659fd93);
}

static void fill(const struct block *block)
{
    size_t words = block->usable / sizeof(uint64_t);
    for (size_t i = 0; i < words; i++) {
        uint64_t word = word_of(block->tag, i);
        memcpy(block->mem + i * sizeof word, &word, sizeof word);
    }
    uint64_t last = word_of(block->tag, words);
    memcpy(block->mem + words * sizeof last, &last, block->usable % sizeof last);
}

bool contents_are(const uint8_t *mem, uint64_t tag, size_t bytes)
{
    size_t words = bytes / sizeof(uint64_t);
    uint64_t difference = 0;
    for (size_t i = 0; i < words; i++) {
        uint64_t word;
        memcpy(&word, mem + i * sizeof word, sizeof word);
        difference |= word ^ word_of(tag, i);
    }
    uint64_t last = word_of(tag, words);
    return difference == 0 && memcmp(mem + words * sizeof last, &last, bytes % sizeof last) == 0;
}

bool book_add(struct block_book *book, struct block block)
{
    size_t first = first_unit(book, &block);
    size_t units = end_unit(book, &block) - first;
    if (memchr(book->owners + first, 1, units) != NULL) {
        return false;
    }
    memset(book->owners + first, 1, units);
    fill(&block);
    book->blocks[book->count++] = block;
    return true;
}

void book_drop(struct block_book *book, size_t index)
{
    const struct block *block = &book->blocks[index];
    size_t first = first_unit(book, block);
    memset(book->owners + first, 0, end_unit(book, block) - first);
    book->blocks[index] = book->blocks[--book->count];
}
