/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of the higher hardening levels, out of the way of those who have not chosen them, and
 * the report of a failed one. */
#include "core/harden.h"

#include "core/note.h"
#include "core/sys_heap_walk.h"

/* Where the base is not drawn: any constant that user data seldom looks like. */
#define CANARY_CONSTANT 0x5a6b7c8d9eafb0c1u

static size_t bytes_of(uint32_t units)
{
    return (size_t)units * CHUNK_UNIT_BYTES;
}

_Noreturn void harden_fault(const char *phrase, const struct z_heap *h, chunk_id c)
{
    bool inside = c.unit < h->end_chunk; /* a damaged link may lead anywhere */
    uint32_t units = inside ? chunk_size(h, c) : 0;
    bool ends_inside = inside && units <= h->end_chunk - c.unit;
    uint32_t said = ends_inside ? chunk_left_size(h, chunk_after(c, units)) : units;
    struct quarry_fault report = {
        .what = phrase,
        .heap = h,
        .address = chunk_mem(h, c),
        .size_bytes = bytes_of(units),
        .neighbour_size = said != units ? bytes_of(said) : 0,
    };

    note_leave();
    fault_report(&report);
}

_Noreturn void harden_refuse(const char *phrase, const struct z_heap *h, const void *mem)
{
    note_leave();
    fault(phrase, h, mem);
}

#if QUARRY_HEAP_HARDENING >= 3 && QUARRY_HEAP_CANARIES_RANDOM
void harden_draw_base(struct z_heap *h)
{
    uint64_t bits = harden_random();

    h->canary_base[0] = (uint32_t)bits;
    h->canary_base[1] = (uint32_t)(bits >> 32);
}

static uint64_t canary_base(const struct z_heap *h)
{
    return (uint64_t)h->canary_base[1] << 32 | h->canary_base[0];
}
#else
void harden_draw_base(struct z_heap *h)
{
    (void)h;
}

static uint64_t canary_base(const struct z_heap *h)
{
    (void)h;
    return CANARY_CONSTANT;
}
#endif

static uint64_t canary(const struct z_heap *h, chunk_id c, uint32_t units)
{
    return canary_base(h) ^ ((uint64_t)c.unit << 32 | units);
}

void harden_write_canary(struct z_heap *h, chunk_id c, uint32_t units)
{
    *chunk_trailer(h, c, units) = canary(h, c, units);
}

bool harden_canary_is_right(const struct z_heap *h, chunk_id c)
{
    uint32_t units = chunk_size(h, c);

    return !harden_has(HARDEN_FULL) || (units != 0 && units <= h->end_chunk - c.unit &&
                                        *chunk_trailer(h, c, units) == canary(h, c, units));
}

void harden_check_canary(const struct z_heap *h, chunk_id c)
{
    if (harden_canary_is_right(h, c)) {
        return;
    }
    HARDEN(HARDEN_FULL, *chunk_trailer(h, c, chunk_size(h, c)) != HARDEN_FREED,
           "canary of a freed block: double free", h, c);
    harden_fault("canary is damaged: written past the end of the block", h, c);
}

void harden_check_free_chunk(const struct z_heap *h, chunk_id c, bool left_is_trusted)
{
    HARDEN(HARDEN_MODERATE, !chunk_used(h, c),
           "free chunk is marked used: written after free, or past the end of the block before it",
           h, c);
    HARDEN(HARDEN_MODERATE,
           chunk_size(h, c) != 0 && harden_right_agrees(h, c) && harden_left_agrees(h, c),
           "free chunk is damaged: written after free, or past the end of a block", h, c);
    if (harden_has(HARDEN_FULL) && !left_is_trusted) {
        harden_check_canary(h, chunk_left(h, c));
    }
}

void harden_check_used_chunk(const struct z_heap *h, chunk_id c)
{
    HARDEN(HARDEN_MODERATE, harden_left_agrees(h, c),
           "block's left neighbour does not match: written before its start, or past the end of "
           "the block before it",
           h, c);
    if (harden_has(HARDEN_FULL)) {
        harden_check_canary(h, c);
        if (chunk_used(h, chunk_left(h, c))) {
            harden_check_canary(h, chunk_left(h, c));
        }
    }
}

void harden_check_heap(const struct z_heap *h)
{
    HARDEN_CALL(heap_is_sound(h),
                "heap is damaged: written outside of a block, or a defect of Quarry", h, NULL);
}
