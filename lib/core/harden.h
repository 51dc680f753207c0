/* SPDX-License-Identifier: Apache-2.0 */
/* Hardening: what a heap checks before it believes its own words. Levels are Zephyr's, and each has
 * the checks of those before it:
 *
 *   0 none      nothing
 *   1 basic     free, realloc: the block lies in the heap and is in use, and its right neighbour
 *               knows its size (invariant 2)
 *   2 moderate  free, realloc: its left neighbour knows where it is. A free chunk that is taken,
 *               merged or absorbed is not marked used, and both neighbours agree with it. A list's
 *               links agree in both directions where it is changed
 *   3 full      a canary in the trailer of every used chunk, written when the chunk's extent is
 *               settled; verified on free, realloc and usable_size, and in the left neighbour of
 *               every chunk that is freed, and of every free chunk that is taken or merged
 *   4 extreme   a walk over the whole heap in every call that changes it
 *
 * A canary is made of the chunk's unit and size and of the heap's base. The unit, not the address
 * as in Zephyr: so a heap may be copied, or mapped at several addresses. */
#ifndef QUARRY_CORE_HARDEN_H
#define QUARRY_CORE_HARDEN_H

#include "core/check.h"
#include "core/chunk.h"

enum harden_level { HARDEN_NONE, HARDEN_BASIC, HARDEN_MODERATE, HARDEN_FULL, HARDEN_EXTREME };

/* Overwrites the canary of a freed block, so that a second free of it is told from damage. */
#define HARDEN_FREED 0xdeadbeefdeadbeefu

/* Whether the build has the checks of a level. */
static inline bool harden_has(enum harden_level level)
{
    return QUARRY_HEAP_HARDENING >= (int)level;
}

/* A check of a level; c is the chunk that is in question. */
#define HARDEN(level, condition, phrase, h, c)                                                     \
    do {                                                                                           \
        if (harden_has(level) && __builtin_expect(!(condition), 0)) {                              \
            harden_fault((phrase), (h), (c));                                                      \
        }                                                                                          \
    } while (0)

/* A check of what a user passed, whatever the level; `mem` is the address in question. */
#define HARDEN_CALL(condition, phrase, h, mem)                                                     \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0)) {                                                   \
            harden_refuse((phrase), (h), (mem));                                                   \
        }                                                                                          \
    } while (0)

/* Random bits for the base of a heap's canaries. lib/os defines it; a freestanding user of core
 * defines its own. */
uint64_t harden_random(void);

/* Reports a fault at chunk c with the sizes that the heap knows of it. */
_Noreturn void harden_fault(const char *phrase, const struct z_heap *h, chunk_id c);

/* Reports a call that cannot be about a block of this heap. */
_Noreturn void harden_refuse(const char *phrase, const struct z_heap *h, const void *mem);

/* Verifies the canary of c, in use. */
void harden_check_canary(const struct z_heap *h, chunk_id c);
/* Draws the heap's base; before any canary is written. */
void harden_draw_base(struct z_heap *h);
void harden_write_canary(struct z_heap *h, chunk_id c, uint32_t units);
bool harden_canary_is_right(const struct z_heap *h, chunk_id c);
/* The checks behind the two functions below. */
void harden_check_free_chunk(const struct z_heap *h, chunk_id c, bool left_is_trusted);
void harden_check_used_chunk(const struct z_heap *h, chunk_id c);

/* The checks of a free chunk that is about to be taken off its list, merged or absorbed. If the
 * chunk to its left has just been checked itself, it is not looked into. */
static inline void harden_check_free(const struct z_heap *h, chunk_id c, bool left_is_trusted)
{
    if (harden_has(HARDEN_MODERATE)) {
        harden_check_free_chunk(h, c, left_is_trusted);
    }
}

/* The checks of a block that is about to change, beyond those of level basic. */
static inline void harden_check_used(const struct z_heap *h, chunk_id c)
{
    if (harden_has(HARDEN_MODERATE)) {
        harden_check_used_chunk(h, c);
    }
}

/* Walks over the whole heap. */
void harden_check_heap(const struct z_heap *h);

/* Whether c is a chunk of the heap as far as its bounds go. */
static inline bool harden_inside(const struct z_heap *h, chunk_id c)
{
    uint32_t first = chunk_first(h).unit;

    return c.unit - first < h->end_chunk - first;
}

/* Whether the chunk to the right of c is in the heap and knows its size. */
static inline bool harden_right_agrees(const struct z_heap *h, chunk_id c)
{
    uint32_t units = chunk_size(h, c);

    return units <= h->end_chunk - c.unit && chunk_left_size(h, chunk_after(c, units)) == units;
}

/* Whether the chunk that c says is to its left ends where c starts. */
static inline bool harden_left_agrees(const struct z_heap *h, chunk_id c)
{
    uint32_t units = chunk_left_size(h, c);

    return units <= c.unit && chunk_size(h, chunk_left(h, c)) == units;
}

/* c is in use from now on, with these units. */
static inline void harden_occupy(struct z_heap *h, chunk_id c, uint32_t units)
{
    if (harden_has(HARDEN_FULL)) {
        harden_write_canary(h, c, units);
    }
}

/* c is free from now on. */
static inline void harden_vacate(struct z_heap *h, chunk_id c, uint32_t units)
{
    if (harden_has(HARDEN_FULL)) {
        *chunk_trailer(h, c, units) = HARDEN_FREED;
    }
}

#endif
