/* SPDX-License-Identifier: Apache-2.0 */
/* The table of records: chains by hash, links are indices.
 *
 *    heads                      records
 *    +---+---+---+---+-- --+    +--------+--------+--------+--------+--
 *    | 3 | 0 | 1 | 0 | ... |    | A, 0   | (free) | B, 1   |  never used
 *    +---+---+---+---+-- --+    +--------+--------+--------+--------+--
 *      |                          ^ |                 | ^             ^
 *      +--------------------------|-|-----------------|-+             begun
 *          3 = 1 + index of B     +-------------------+
 *
 * Both arrays are one mapping of zeros, of which a page takes memory once it is written to. Records
 * are taken from the front, so that few records take few pages.
 *
 * Invariants, after every single store in the order of the program, so that a copy of the process
 * can be mended whenever it was made:
 *   1. Chains end, and link only records that are complete.
 *   2. A record that is on no chain is not there, whatever its mem says; mend() clears that. */
#include "debug/record_table.h"

#include <stdatomic.h>
#include <string.h>

#include "core/bits.h"
#include "os/os.h"

/* Keeps the stores before it before those after it, as far as the compiler goes. */
static void order_stores(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

static struct record *record_of(const struct record_table *table, uint32_t link)
{
    return (struct record *)(void *)(table->records + (size_t)(link - 1) * table->record_bytes);
}

static uint32_t link_of(const struct record_table *table, const struct record *record)
{
    return 1 + (uint32_t)((size_t)((const char *)record - table->records) / table->record_bytes);
}

/* The head of the chain that a block belongs to. Multiplying by an odd number near 2^64 divided by
 * the golden ratio spreads addresses, which differ in the middle bits, over the upper ones. */
static uint32_t *head_of(const struct record_table *table, const void *mem)
{
    uint64_t mixed = (uint64_t)(uintptr_t)mem * 0x9e3779b97f4a7c15u;

    return &table->heads[mixed >> (64 - table->hash_bits)];
}

bool record_table_make(struct record_table *table, size_t record_bytes, uint32_t capacity,
                       const char *name)
{
    const size_t page_bytes = os_page_bytes();
    unsigned int hash_bits = floor_log2(capacity) + 1; /* chains of one record or less on average */
    size_t heads_bytes = sizeof(uint32_t) << hash_bits;
    size_t bytes;

    if (!size_multiply(record_bytes, capacity, &bytes) || !size_add(bytes, heads_bytes, &bytes) ||
        !size_round_up(bytes, page_bytes, &bytes)) {
        return false;
    }
    char *start = os_map(bytes, page_bytes);
    if (start == NULL) {
        return false;
    }
    os_name(start, bytes, name);
    *table = (struct record_table){
        .heads = (uint32_t *)(void *)start,
        .records = start + heads_bytes, /* a power of two of 8 or more: aligned for any record */
        .record_bytes = record_bytes,
        .capacity = capacity,
        .hash_bits = hash_bits,
    };
    return true;
}

struct record *record_find(const struct record_table *table, const void *mem)
{
    uint32_t link = *head_of(table, mem);

    while (link != 0) {
        struct record *record = record_of(table, link);

        if (record->mem == mem) {
            return record;
        }
        link = record->next;
    }
    return NULL;
}

/* A record that is not in use, or NULL. */
static struct record *take_free(struct record_table *table)
{
    if (table->free != 0) {
        struct record *record = record_of(table, table->free);

        table->free = record->next;
        return record;
    }
    if (table->begun == table->capacity) {
        return NULL;
    }
    table->begun++;
    return record_of(table, table->begun);
}

struct record *record_add(struct record_table *table, const void *mem, const void *content)
{
    struct record *record = take_free(table);
    uint32_t *head = head_of(table, mem);

    if (record == NULL) {
        return NULL;
    }
    memcpy(record + 1, (const struct record *)content + 1, table->record_bytes - sizeof(*record));
    record->next = *head;
    record->mem = mem;
    order_stores();
    *head = link_of(table, record);
    table->live++;
    return record;
}

void record_remove(struct record_table *table, struct record *record)
{
    uint32_t wanted = link_of(table, record);
    uint32_t *link = head_of(table, record->mem);

    while (*link != wanted) {
        link = &record_of(table, *link)->next;
    }
    *link = record->next;
    order_stores();
    record->mem = NULL;
    record->next = table->free;
    table->free = wanted;
    table->live--;
}

void record_table_clear(struct record_table *table)
{
    for (size_t i = 0; i < (size_t)1 << table->hash_bits; i++) {
        __atomic_store_n(&table->heads[i], 0, __ATOMIC_RELAXED); /* memset may tear a link */
    }
    order_stores();
    for (uint32_t link = 1; link <= table->begun; link++) {
        record_of(table, link)->mem = NULL;
    }
    table->begun = 0;
    table->free = 0;
    table->live = 0;
}

struct record *record_at(const struct record_table *table, uint32_t index)
{
    struct record *record = record_of(table, index + 1);

    return index < table->begun && record->mem != NULL ? record : NULL;
}

void record_table_mend(struct record_table *table)
{
    for (uint32_t link = 1; link <= table->begun; link++) {
        struct record *record = record_of(table, link);

        if (record->mem != NULL && record_find(table, record->mem) != record) {
            record->mem = NULL;
        }
    }
    table->free = 0;
    table->live = 0;
    for (uint32_t link = table->begun; link > 0; link--) {
        struct record *record = record_of(table, link);

        if (record->mem != NULL) {
            table->live++;
        } else {
            record->next = table->free;
            table->free = link;
        }
    }
}
