/* SPDX-License-Identifier: Apache-2.0 */
/* The summary of a bit array: which units are full, so that nobody need look at them.
 *
 *    bundles   |full|full|full|    |full|full|full|full|   ...          64 bits are a unit
 *    level 0   |    1    |    0    |    1    |    1    |   ...          a bit for each unit
 *    level 1   |                  0                    |   ...          a bit for each word of 0
 *    ...       up to a level of at most Z_BITARRAY_TOP_WORDS words
 *
 * The levels follow each other in memory. Bits behind the last one of a level read as set.
 *
 * A set bit says "full"; whoever believes it passes over what is below. A clear bit says nothing:
 * who finds that what is below is full sets the bit, and goes on. So
 *
 *   1. while nobody is inside of a call, a bit is set only if all of what is below it is set.
 *
 * Who clears a bit of the array clears the bits above it afterwards, from below, each if it is set.
 * Who has filled a unit sets the bit above, looks at the unit again, and if it is not full any
 * more, clears the bit again. Each of these steps is in one order for all threads (SEQ_CST), so
 * either the first sees the bit that is set, or the second sees the unit that is not full: rule 1.
 * That the second may clear a bit which a third has set rightly in between loses a hint, and
 * nothing else.
 *
 * Not promised: rule 1 in the child of a fork, for of two such parties one may be gone. So the
 * child mends the summary before it uses it. */
#include "core/bitarray_summary.h"

#include <stdint.h>

#include "core/bitarray_words.h"

/* The memory may have been declared as words of another size. */
typedef uintptr_t summary_word __attribute__((may_alias));

#define WORD_BITS ((unsigned int)Z_BITARRAY_WORD_BITS)
#define WORD_FULL UINTPTR_MAX
/* Levels of the largest array. */
#define MAX_LEVELS (WORD_BITS == 64 ? 4u : 5u)

struct level {
    summary_word *words;
    size_t bits; /* how many of them mean something, at least 1 */
};

static struct level lowest_level(const sys_bitarray_t *bitarray)
{
    return (struct level){(summary_word *)bitarray->summary, unit_count(bitarray)};
}

static size_t words_of(const struct level *level)
{
    return (level->bits - 1) / WORD_BITS + 1;
}

static bool is_top(const struct level *level)
{
    return words_of(level) <= Z_BITARRAY_TOP_WORDS;
}

static struct level level_above(const struct level *level)
{
    return (struct level){level->words + words_of(level), words_of(level)};
}

/* Its value, with the bits that the level does not have set. */
static inline uintptr_t complete(const struct level *level, size_t word, uintptr_t value)
{
    size_t bits = level->bits - word * WORD_BITS;

    return bits < WORD_BITS ? value | WORD_FULL << bits : value;
}

static inline uintptr_t load(const struct level *level, size_t word)
{
    return complete(level, word, __atomic_load_n(&level->words[word], __ATOMIC_SEQ_CST));
}

/* The bits from `first` to `last` of the level that are in the word, of which there are some. */
static inline uintptr_t mask_in(size_t word, size_t first, size_t last)
{
    uintptr_t mask = WORD_FULL;

    if (word == first / WORD_BITS) {
        mask <<= first % WORD_BITS;
    }
    if (word == last / WORD_BITS) {
        mask &= WORD_FULL >> (WORD_BITS - 1 - last % WORD_BITS);
    }
    return mask;
}

static inline unsigned int lowest_in(uintptr_t value)
{
    return (unsigned int)__builtin_ctzl(value);
}

/* Whether all is full below a bit of a level. `below` has no words for level 0. */
static inline bool is_full_below(const sys_bitarray_t *bitarray, const struct level *below,
                                 size_t bit)
{
    return below->words == NULL ? unit_load(bitarray, bit) == UNIT_FULL
                                : load(below, bit) == WORD_FULL;
}

/* --- Notes of one unit --- */

static void clear_one(struct level level, size_t bit)
{
    for (;;) {
        size_t word = bit / WORD_BITS;
        uintptr_t mask = (uintptr_t)1 << bit % WORD_BITS;

        if ((__atomic_load_n(&level.words[word], __ATOMIC_SEQ_CST) & mask) != 0) {
            __atomic_fetch_and(&level.words[word], ~mask, __ATOMIC_SEQ_CST);
        }
        if (is_top(&level)) {
            return;
        }
        level = level_above(&level);
        bit = word;
    }
}

/* Sets the bit, which is clear most likely, if all is full below; and so on above. */
static void set_one(const sys_bitarray_t *bitarray, struct level below, struct level level,
                    size_t bit)
{
    bool goes_on = is_full_below(bitarray, &below, bit);

    while (goes_on) {
        size_t word = bit / WORD_BITS;
        uintptr_t mask = (uintptr_t)1 << bit % WORD_BITS;
        uintptr_t before = __atomic_fetch_or(&level.words[word], mask, __ATOMIC_SEQ_CST);

        if (__builtin_expect(!is_full_below(bitarray, &below, bit), 0)) {
            clear_one(level, bit);
            return;
        }
        goes_on = complete(&level, word, before | mask) == WORD_FULL && !is_top(&level);
        below = level;
        level = level_above(&level);
        bit = word;
    }
}

/* --- Notes of several --- */

static void clear_range(struct level level, size_t first, size_t last)
{
    for (;;) {
        for (size_t word = first / WORD_BITS; word <= last / WORD_BITS; word++) {
            uintptr_t mask = mask_in(word, first, last);

            if ((__atomic_load_n(&level.words[word], __ATOMIC_SEQ_CST) & mask) != 0) {
                __atomic_fetch_and(&level.words[word], ~mask, __ATOMIC_SEQ_CST);
            }
        }
        if (is_top(&level)) {
            return;
        }
        first /= WORD_BITS;
        last /= WORD_BITS;
        level = level_above(&level);
    }
}

/* Those of the bits in `mask` below which all is full. */
static uintptr_t full_below(const sys_bitarray_t *bitarray, const struct level *below, size_t word,
                            uintptr_t mask)
{
    uintptr_t full = 0;

    for (uintptr_t left = mask; left != 0; left &= left - 1) {
        if (is_full_below(bitarray, below, word * WORD_BITS + lowest_in(left))) {
            full |= left & (0 - left);
        }
    }
    return full;
}

/* Sets those of the bits in `mask` below which all is full. Returns whether the word is full. */
static bool set_full(const sys_bitarray_t *bitarray, const struct level *below,
                     const struct level *level, size_t word, uintptr_t mask)
{
    uintptr_t full = full_below(bitarray, below, word, mask);

    if (full == 0) {
        return false;
    }
    uintptr_t before = __atomic_fetch_or(&level->words[word], full, __ATOMIC_SEQ_CST);
    uintptr_t wrong = full & ~full_below(bitarray, below, word, full);
    if (__builtin_expect(wrong != 0, 0)) {
        clear_range(*level, word * WORD_BITS + lowest_in(wrong), word * WORD_BITS + WORD_BITS - 1);
        return false;
    }
    return complete(level, word, before | full) == WORD_FULL;
}

static void set_range(const sys_bitarray_t *bitarray, struct level level, size_t first, size_t last)
{
    struct level below = {NULL, 0};
    bool goes_on = true;

    while (goes_on) {
        bool any_is_full = false;

        for (size_t word = first / WORD_BITS; word <= last / WORD_BITS; word++) {
            any_is_full |= set_full(bitarray, &below, &level, word, mask_in(word, first, last));
        }
        goes_on = any_is_full && !is_top(&level);
        below = level;
        level = level_above(&level);
        first /= WORD_BITS;
        last /= WORD_BITS;
    }
}

void summary_clear(sys_bitarray_t *bitarray, size_t first_unit, size_t last_unit)
{
    if (first_unit == last_unit) {
        clear_one(lowest_level(bitarray), first_unit);
    } else {
        clear_range(lowest_level(bitarray), first_unit, last_unit);
    }
}

void summary_set(sys_bitarray_t *bitarray, size_t first_unit, size_t last_unit)
{
    if (first_unit == last_unit) {
        set_one(bitarray, (struct level){NULL, 0}, lowest_level(bitarray), first_unit);
    } else {
        set_range(bitarray, lowest_level(bitarray), first_unit, last_unit);
    }
}

/* --- To search --- */

/* The lowest clear bit of a word from bit `first` on, counted in the level; SIZE_MAX if all are
 * set. */
static inline size_t lowest_clear(const struct level *level, size_t first)
{
    uintptr_t value = load(level, first / WORD_BITS);
    uintptr_t open = ~value & WORD_FULL << first % WORD_BITS;

    return open == 0 ? SIZE_MAX : first / WORD_BITS * WORD_BITS + lowest_in(open);
}

/* The same in all words of a level from there on. */
static size_t lowest_clear_from(const struct level *level, size_t first)
{
    while (first < level->bits) {
        size_t found = lowest_clear(level, first);

        if (found != SIZE_MAX) {
            return found;
        }
        first = (first / WORD_BITS + 1) * WORD_BITS;
    }
    return SIZE_MAX;
}

/* A bit of levels[depth] that says nothing, of what is at or behind item `first` of level 0; goes
 * up only as far as is needed. */
static size_t climb(struct level *levels, unsigned int *depth, size_t first)
{
    unsigned int at = 0;

    for (;;) {
        *depth = at;
        if (is_top(&levels[at])) {
            return lowest_clear_from(&levels[at], first);
        }
        size_t found = first < levels[at].bits ? lowest_clear(&levels[at], first) : SIZE_MAX;
        if (found != SIZE_MAX || first >= levels[at].bits) {
            return found;
        }
        first = first / WORD_BITS + 1;
        levels[at + 1] = level_above(&levels[at]);
        at++;
    }
}

size_t summary_next_open(sys_bitarray_t *bitarray, size_t unit)
{
    struct level levels[MAX_LEVELS];

    levels[0] = lowest_level(bitarray);
    for (;;) {
        unsigned int depth;
        size_t found = climb(levels, &depth, unit);

        while (found != SIZE_MAX && depth > 0) {
            size_t below = lowest_clear(&levels[depth - 1], found * WORD_BITS);

            if (below == SIZE_MAX) {
                set_one(bitarray, levels[depth - 1], levels[depth], found); /* now it says so */
                break;
            }
            found = below;
            depth--;
        }
        if (found == SIZE_MAX) {
            return levels[0].bits;
        }
        if (depth == 0) {
            return found;
        }
    }
}

/* --- All of it --- */

/* Looks at each word of a level, and clears the bits that are wrong if it may. */
static bool check_level(const sys_bitarray_t *bitarray, const struct level *below,
                        const struct level *level, bool may_mend)
{
    bool is_right = true;

    for (size_t word = 0; word < words_of(level); word++) {
        uintptr_t mask = mask_in(word, 0, level->bits - 1);
        uintptr_t set = __atomic_load_n(&level->words[word], __ATOMIC_SEQ_CST) & mask;
        uintptr_t wrong = set & ~full_below(bitarray, below, word, set);

        is_right = is_right && wrong == 0;
        if (wrong != 0 && may_mend) {
            __atomic_fetch_and(&level->words[word], ~wrong, __ATOMIC_SEQ_CST);
        }
    }
    return is_right;
}

static bool check(const sys_bitarray_t *bitarray, bool may_mend)
{
    bool is_right = true;

    if (bitarray->summary == NULL) {
        return true;
    }
    struct level level = lowest_level(bitarray);
    is_right = check_level(bitarray, &(struct level){NULL, 0}, &level, may_mend);
    while (!is_top(&level)) {
        struct level above = level_above(&level);

        is_right = check_level(bitarray, &level, &above, may_mend) && is_right;
        level = above;
    }
    return is_right;
}

bool summary_is_right(const sys_bitarray_t *bitarray)
{
    return check(bitarray, false);
}

void summary_mend(sys_bitarray_t *bitarray)
{
    check(bitarray, true);
}
