/* SPDX-License-Identifier: Apache-2.0 */
/* A table of what is known about blocks, found by the block's address. It lies outside of all
 * heaps, never grows, and has no lock: its owner has. */
#ifndef QUARRY_DEBUG_RECORD_TABLE_H
#define QUARRY_DEBUG_RECORD_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What every record begins with; its owner's fields follow. */
struct record {
    const void *mem; /* the block; NULL: no record is here */
    uint32_t next;   /* the next in the same chain or among the free, as 1 + index; 0: none */
};

/* Zero before record_table_make. */
struct record_table {
    uint32_t *heads;     /* of the chains, as `next`; as many as hash_bits can tell apart */
    char *records;       /* an array */
    size_t record_bytes; /* of each, struct record included */
    uint32_t capacity;
    uint32_t begun; /* records that were ever used: those in front */
    uint32_t free;  /* those of them that are free, as `next` */
    uint32_t live;  /* records that are there */
    unsigned int hash_bits;
};

/* Maps memory for `capacity` records (1 to 2^24), of which pages that are not used take none.
 * False, and no table, if there is no address space. */
bool record_table_make(struct record_table *table, size_t record_bytes, uint32_t capacity,
                       const char *name);

/* The record of a block, or NULL. O(1) expected. */
struct record *record_find(const struct record_table *table, const void *mem);

/* Adds a record of a block (not NULL) that has none: a copy of record_bytes bytes at `content`, but
 * for its struct record. NULL if the table is full. O(1). */
struct record *record_add(struct record_table *table, const void *mem, const void *content);

/* O(1) expected. */
void record_remove(struct record_table *table, struct record *record);

void record_table_clear(struct record_table *table);

/* The record at an index, or NULL if none is there; for walking over all, 0 <= index < begun. */
struct record *record_at(const struct record_table *table, uint32_t index);

/* Makes the table sound again after a thread's stores ended in the middle of a function above. What
 * that function was adding or removing may be there or not. O(begun) expected. */
void record_table_mend(struct record_table *table);

#endif
