/* SPDX-License-Identifier: Apache-2.0 */
/* Which chunks of a heap are in use, in two bits for each of its units.
 *
 *   unit    0 1 2 3 4 5 6 7 8 9 ...
 *   heap   |chunk 0|  A  | free|B| ...
 *   FIRST           1           1
 *   LAST                1       1
 *
 * The purpose is to be right whatever instruction a process is killed at. Its stores up to there
 * are done, in program order, and all of them are seen by who takes the lock over. So each note has
 * one store that makes it true, and what it stores before or after that changes nothing:
 *
 *   used      set LAST           | set FIRST      without FIRST, LAST means nothing
 *   free      clear FIRST        | clear LAST     the same
 *   grow      set the new LAST   | clear the old  the nearest LAST counts
 *   shrink    set the new LAST   | clear the old  the same
 *
 * Numbered invariants:
 *   1. A chunk in use begins at a mark FIRST and ends at the nearest mark LAST from there on; no
 *      other FIRST lies between.
 *   2. A mark LAST that ends no chunk is stale, and lies in a free chunk or at its end. There is
 *      none when a note begins: otherwise it could come to lie in a chunk that is noted as used, as
 *      its nearest. So each note takes its own away, and ledger_tidy those of the dead.
 *   3. A store changes one bit. Therefore it does not matter if the compiler makes two stores of
 *      one (32-bit machines). It must not move them: each is volatile and fenced. These fences are
 *      for the compiler only; the lock orders what other processors see.
 *
 * The words of both marks of a unit lie side by side: most notes write to one cache line. Searches
 * look at 64 units at a time.
 *
 * Not promised: anything about a ledger that was told lies, or that was written to by others; but
 * heap_rebuild notices a ledger which is no ledger of its heap. */
#include "core/heap_ledger.h"

#include "core/bits.h"
#include "core/check.h"
#include "core/chunk.h"

#define WORD_UNITS 64u

/* Units of the largest heap in a buffer, and of the buffer itself. */
static uint32_t units_of(size_t heap_bytes)
{
    size_t units = heap_bytes / CHUNK_UNIT_BYTES;

    return units < CHUNK_BIG_MAX_UNITS ? (uint32_t)units : CHUNK_BIG_MAX_UNITS;
}

static size_t words_for(uint32_t units)
{
    return ((size_t)units + (WORD_UNITS - 1)) / WORD_UNITS;
}

/* One more than the last unit that the words have bits for; fits, as no heap has 2^31 units. */
static uint32_t limit(const struct heap_ledger *ledger)
{
    return (uint32_t)(words_for(ledger->units) * WORD_UNITS);
}

size_t ledger_bytes(size_t heap_bytes)
{
    return sizeof(struct heap_ledger) +
           words_for(units_of(heap_bytes)) * sizeof(struct ledger_words);
}

void ledger_init(struct heap_ledger *ledger, size_t heap_bytes)
{
    ledger->units = units_of(heap_bytes);
    for (size_t i = 0; i < words_for(ledger->units); i++) {
        ledger->words[i] = (struct ledger_words){{0, 0}};
    }
}

bool ledger_is_for(const struct heap_ledger *ledger, size_t heap_bytes)
{
    return ledger->units == units_of(heap_bytes);
}

/* Number of the lowest bit set; bits must not be 0. In halves, because some 32-bit machines would
 * call a function of the compiler's library. */
static uint32_t lowest_bit_of(uint64_t bits)
{
    uint32_t low = (uint32_t)bits;

    return low != 0 ? lowest_bit(low) : 32u + lowest_bit((uint32_t)(bits >> 32));
}

/* The first unit with a mark in [unit, end), or end; end is at most the limit. */
static uint32_t find(const struct heap_ledger *ledger, enum ledger_mark mark, uint32_t unit,
                     uint32_t end)
{
    while (unit < end) {
        uint64_t bits = ledger->words[unit / WORD_UNITS].marks[mark] >> unit % WORD_UNITS;

        if (bits != 0) {
            unit += lowest_bit_of(bits);
            return unit < end ? unit : end;
        }
        unit += WORD_UNITS - unit % WORD_UNITS;
    }
    return end;
}

/* The one place that changes a ledger. Invariant 3. */
static void put(struct heap_ledger *ledger, enum ledger_mark mark, uint32_t unit, bool on)
{
    volatile uint64_t *word = &ledger->words[unit / WORD_UNITS].marks[mark];
    uint64_t bit = (uint64_t)1 << unit % WORD_UNITS;

    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    *word = on ? *word | bit : *word & ~bit;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* Units of the chunk that starts at `first`, which has its mark; 0 if invariant 1 is broken. */
static uint32_t units_from(const struct heap_ledger *ledger, uint32_t first)
{
    uint32_t last = find(ledger, LEDGER_LAST, first, limit(ledger));

    if (last == limit(ledger) || find(ledger, LEDGER_FIRST, first + 1, last + 1) != last + 1) {
        return 0;
    }
    return last + 1 - first;
}

uint32_t ledger_units_at(const struct heap_ledger *ledger, uint32_t unit)
{
    if (unit >= ledger->units || find(ledger, LEDGER_FIRST, unit, unit + 1) != unit) {
        return 0;
    }
    return units_from(ledger, unit);
}

bool ledger_next(const struct heap_ledger *ledger, uint32_t unit, struct ledger_chunk *chunk)
{
    uint32_t first = find(ledger, LEDGER_FIRST, unit, limit(ledger));

    if (first >= limit(ledger)) {
        return false;
    }
    *chunk = (struct ledger_chunk){first, units_from(ledger, first)};
    return true;
}

/* Whether there are so many units from there on. */
static bool has_units(const struct heap_ledger *ledger, uint32_t unit, uint32_t units)
{
    return unit < ledger->units && units != 0 && units <= ledger->units - unit;
}

/* Whether no unit in [unit, end) has a mark. */
static bool is_blank(const struct heap_ledger *ledger, uint32_t unit, uint32_t end)
{
    return find(ledger, LEDGER_FIRST, unit, end) == end &&
           find(ledger, LEDGER_LAST, unit, end) == end;
}

void ledger_note_used(struct heap_ledger *ledger, uint32_t first_unit, uint32_t units)
{
    REQUIRE(has_units(ledger, first_unit, units), "chunk to note as used is not in the heap", NULL,
            ledger);
    CHECK_ALL(is_blank(ledger, first_unit, first_unit + units),
              "chunk to note as used overlaps one that is, or the ledger is untidy", NULL, ledger);
    put(ledger, LEDGER_LAST, first_unit + units - 1, true);
    put(ledger, LEDGER_FIRST, first_unit, true);
}

void ledger_note_free(struct heap_ledger *ledger, uint32_t first_unit)
{
    uint32_t units = ledger_units_at(ledger, first_unit);

    REQUIRE(units != 0, "chunk to note as free is not in use: double free, or not a block", NULL,
            ledger);
    put(ledger, LEDGER_FIRST, first_unit, false);
    put(ledger, LEDGER_LAST, first_unit + units - 1, false);
}

void ledger_note_resized(struct heap_ledger *ledger, uint32_t first_unit, uint32_t units)
{
    uint32_t old_units = ledger_units_at(ledger, first_unit);

    REQUIRE(old_units != 0, "chunk to note as resized is not in use", NULL, ledger);
    REQUIRE(has_units(ledger, first_unit, units), "chunk is to be noted as larger than the heap",
            NULL, ledger);
    CHECK_ALL(is_blank(ledger, first_unit + old_units, first_unit + units),
              "chunk to note as larger overlaps the next one, or the ledger is untidy", NULL,
              ledger);
    if (units != old_units) {
        put(ledger, LEDGER_LAST, first_unit + units - 1, true);
        put(ledger, LEDGER_LAST, first_unit + old_units - 1, false);
    }
}

static void clear_lasts(struct heap_ledger *ledger, uint32_t unit, uint32_t end)
{
    for (;;) {
        unit = find(ledger, LEDGER_LAST, unit, end);
        if (unit >= end) {
            return;
        }
        put(ledger, LEDGER_LAST, unit, false);
    }
}

void ledger_tidy(struct heap_ledger *ledger)
{
    struct ledger_chunk chunk;
    uint32_t unit = 0; /* every mark to the left of it belongs to a chunk */

    while (ledger_next(ledger, unit, &chunk)) {
        clear_lasts(ledger, unit, chunk.first_unit);
        unit = chunk.first_unit + (chunk.units != 0 ? chunk.units : 1);
    }
    clear_lasts(ledger, unit, limit(ledger));
}
