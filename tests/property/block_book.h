/* SPDX-License-Identifier: Apache-2.0 */
/* The live blocks of a heap as their owner sees them: where they are and what is in them. */
#ifndef QUARRY_TESTS_BLOCK_BOOK_H
#define QUARRY_TESTS_BLOCK_BOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct block {
    uint8_t *mem;
    size_t usable; /* bytes */
    uint64_t tag;  /* what its contents are made of */
};

struct block_book {
    uint8_t *base;        /* units are counted from here */
    uint8_t *owners;      /* by 8-byte unit: 1 while a block covers part of the unit */
    struct block *blocks; /* the live ones, in no order */
    size_t count;
    size_t capacity;
};

/* Opens an empty book for blocks in [base, base + bytes). Ends the program if memory runs out. */
void book_open(struct block_book *book, uint8_t *base, size_t bytes, size_t capacity);
void book_close(struct block_book *book);

/* Enters a block and fills it according to its tag; false, and not entered, if it covers a unit of
 * another one. The book must not be full. */
bool book_add(struct block_book *book, struct block block);

/* Strikes out blocks[index]; the last block takes its number. */
void book_drop(struct block_book *book, size_t index);

/* True iff the first bytes bytes at mem are what a block of that tag was filled with. */
bool contents_are(const uint8_t *mem, uint64_t tag, size_t bytes);

#endif
