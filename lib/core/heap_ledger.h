/* SPDX-License-Identifier: Apache-2.0 */
/* A record of which chunks of one sys_heap are in use, kept outside of the heap, from which
 * heap_rebuild makes the heap anew. Whoever owns the heap tells the ledger of its calls, under the
 * lock that guards both:
 *
 *   allocate   sys_heap_alloc, then ledger_note_used
 *   free       ledger_note_free, then sys_heap_free
 *   shrink     heap_resize_in_place, then ledger_note_resized
 *   grow       the same
 *   move       allocate, copy, free
 *
 * A process may be killed anywhere in this. Who comes next, calls ledger_tidy and heap_rebuild, and
 * finds every call done or not done. Of a shrink that is not done, the bytes that were to be given
 * up may be lost; all other bytes of blocks are as they were. Chunk 0 and the end marker are not
 * recorded.
 *
 * A ledger holds no address: it works wherever it is mapped. None of these locks or blocks. */
#ifndef QUARRY_CORE_HEAP_LEDGER_H
#define QUARRY_CORE_HEAP_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A ledger lies at a multiple of this, so that the two words of a unit share a cache line. */
#define LEDGER_ALIGN 16u

/* Marks that a unit of the heap may have. */
enum ledger_mark {
    LEDGER_FIRST, /* a chunk in use starts here */
    LEDGER_LAST,  /* a chunk in use ends with this unit */
    LEDGER_MARKS
};

/* The marks of 64 units, lowest unit in the lowest bit. Guarded by the owner's lock. */
struct ledger_words {
    uint64_t marks[LEDGER_MARKS];
};
_Static_assert(sizeof(struct ledger_words) == LEDGER_ALIGN, "one search step looks at one of them");

struct heap_ledger {
    uint32_t units; /* 8-byte units of the heap's buffer; fixed by ledger_init */
    _Alignas(LEDGER_ALIGN) struct ledger_words words[]; /* as many as hold that many units */
};
_Static_assert(offsetof(struct heap_ledger, words) == LEDGER_ALIGN, "ledger_bytes counts on it");

/* A chunk in use. */
struct ledger_chunk {
    uint32_t first_unit;
    uint32_t units; /* 0: it has no end, or overlaps the next one. No ledger that was only told the
                       truth has such a chunk, wherever it was interrupted */
};

/* Bytes of a ledger for a heap in a buffer of that many bytes. Right for every argument: a buffer
 * larger than any heap gets the ledger of the largest one. */
size_t ledger_bytes(size_t heap_bytes);

/* Makes an empty ledger of ledger_bytes(heap_bytes) bytes, for a fresh heap. */
void ledger_init(struct heap_ledger *ledger, size_t heap_bytes);

/* Whether a ledger is for a heap of that size. */
bool ledger_is_for(const struct heap_ledger *ledger, size_t heap_bytes);

/* A chunk of `units` (at least 1), of which none was in use, is in use from now on. Takes effect
 * with its last store. O(1). */
void ledger_note_used(struct heap_ledger *ledger, uint32_t first_unit, uint32_t units);

/* The chunk that starts there is not in use any more. Takes effect with its first store. Aborts
 * unless a chunk starts there. O(units / 64), as is what follows. */
void ledger_note_free(struct heap_ledger *ledger, uint32_t first_unit);

/* The chunk that starts there has `units` (at least 1) from now on. Takes effect with one store.
 * Aborts unless a chunk starts there. */
void ledger_note_resized(struct heap_ledger *ledger, uint32_t first_unit, uint32_t units);

/* Units of the chunk in use that starts at any `unit` at all; 0 if none does. */
uint32_t ledger_units_at(const struct heap_ledger *ledger, uint32_t unit);

/* Finds the first chunk in use that starts at `unit` or after it. False iff there is none. */
bool ledger_next(const struct heap_ledger *ledger, uint32_t unit, struct ledger_chunk *chunk);

/* Clears what a killed process has left of a note that did not take effect, or of one that did:
 * marks LEDGER_LAST of no chunk. To be called after a death before any other note. May be killed
 * itself, and called again. O(units of the heap / 64 + chunks in use). */
void ledger_tidy(struct heap_ledger *ledger);

#endif
