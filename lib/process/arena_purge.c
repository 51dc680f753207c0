/* SPDX-License-Identifier: Apache-2.0 */
/* Giving memory back to the kernel.
 *
 * Every CHECK_INTERVAL frees, and when a region becomes empty, an arena looks for free memory at
 * its regions' ends. What stays free for the purge delay goes back, an empty region as a whole
 * unless it is the arena's last. malloc_trim and running out of memory do the same at once, and
 * more of it.
 *
 * System calls run without the lock. An empty region is first taken out of the arena; a free tail
 * is first taken out of its heap, and until the kernel has it the region does not grow. Only what
 * malloc_trim does to the pages inside of free chunks needs the lock, because the chunks stay
 * listed. */
#include "process/arena_purge.h"

#include "os/os.h"
#include "process/arena_entry.h"
#include "process/options.h"

/* Frees between two looks at the tails: seldom enough to cost nothing. */
#define CHECK_INTERVAL 64u

/* How much a purge leaves behind. */
struct purge_limits {
    size_t keep_bytes;  /* at each region's end */
    size_t worth_bytes; /* a tail that is larger by less stays */
    bool keep_last;     /* an arena keeps its last region, even if that is empty */
};

/* A commit step is kept, and less than one is not worth a system call. */
static const struct purge_limits usual_limits = {(size_t)1 << 20, (size_t)1 << 20, true};

static bool is_worth_trimming(const struct region *region, const struct purge_limits *limits)
{
    size_t tail_bytes = region_tail_bytes(region);

    return tail_bytes >= limits->worth_bytes &&
           tail_bytes - limits->worth_bytes >= limits->keep_bytes;
}

/* Whether a region can go as a whole. */
static bool is_to_go(const struct region *region, const struct purge_limits *limits)
{
    bool is_last = region->next == region;

    return region->live_blocks == 0 && !region_is_being_trimmed(region) &&
           !(is_last && limits->keep_last);
}

static bool has_unused_memory(const struct arena *arena)
{
    const struct region *region = arena->current;

    while (region != NULL && !is_to_go(region, &usual_limits) &&
           !is_worth_trimming(region, &usual_limits)) {
        region = arena_next_region(arena, region);
    }
    return region != NULL;
}

bool arena_purge_is_due(struct arena *arena, const struct region *region)
{
    if (region->live_blocks != 0 && arena->frees % CHECK_INTERVAL != 0) {
        return false;
    }
    if (!has_unused_memory(arena)) {
        arena->purge_at_ns = 0;
        return false;
    }
    uint64_t now_ns = os_now_ns();
    if (arena->purge_at_ns == 0) {
        arena->purge_at_ns = now_ns + options_purge_delay_ns();
    }
    if (now_ns < arena->purge_at_ns) {
        return false;
    }
    arena->purge_at_ns = 0;
    return true;
}

static void remove_region(struct arena *arena, struct region *region)
{
    struct region *previous = region;

    while (previous->next != region) {
        previous = previous->next;
    }
    previous->next = region->next;
    arena->current = previous != region ? previous : NULL;
}

/* Takes one empty region out of the arena, or returns NULL. Entered. */
static struct region *take_empty_region(struct arena *arena, const struct purge_limits *limits)
{
    struct region *region = arena->current;

    while (region != NULL && !is_to_go(region, limits)) {
        region = arena_next_region(arena, region);
    }
    if (region != NULL) {
        remove_region(arena, region);
    }
    return region;
}

/* Finds one region worth trimming and takes the tail out of its heap; NULL if there is none.
 * Entered. */
static struct region *take_tail(const struct arena *arena, const struct purge_limits *limits,
                                struct range *tail)
{
    struct region *region = arena->current;

    while (region != NULL && !is_worth_trimming(region, limits)) {
        region = arena_next_region(arena, region);
    }
    if (region != NULL) {
        *tail = region_begin_trim(region, limits->keep_bytes, arena_this_thread());
    }
    return region;
}

/* Gives one piece of unused memory back. Returns its size, or 0 if there was none. Not
 * entered. */
static size_t purge_one(struct arena *arena, const struct purge_limits *limits)
{
    struct range tail = {NULL, 0};
    struct region *trimmed = NULL;

    if (!arena_enter(arena)) {
        return 0;
    }
    struct region *empty = take_empty_region(arena, limits);
    if (empty == NULL) {
        trimmed = take_tail(arena, limits, &tail);
    }
    arena_leave(arena);

    if (empty != NULL) {
        size_t bytes = empty->committed_bytes;
        region_destroy(empty);
        return bytes;
    }
    if (trimmed == NULL) {
        return 0;
    }
    os_decommit(tail.start, tail.bytes); /* if refused, the range stays committed and unused */
    region_end_trim(trimmed);
    return tail.bytes;
}

static size_t purge(struct arena *arena, const struct purge_limits *limits)
{
    size_t total_bytes = 0;
    size_t bytes;

    while ((bytes = purge_one(arena, limits)) != 0) {
        total_bytes += bytes;
    }
    return total_bytes;
}

void arena_purge(struct arena *arena)
{
    purge(arena, &usual_limits);
}

/* Entered. */
static size_t discard_free(const struct arena *arena)
{
    size_t total_bytes = 0;

    for (struct region *r = arena->current; r != NULL; r = arena_next_region(arena, r)) {
        total_bytes += region_discard_free(r);
    }
    return total_bytes;
}

size_t arena_trim(size_t keep_bytes)
{
    struct purge_limits limits = {keep_bytes, os_page_bytes(), true};
    size_t total_bytes = 0;

    for (unsigned int i = 0; i < ARENA_MAX; i++) {
        total_bytes += purge(&arenas[i], &limits);
        if (arena_enter(&arenas[i])) {
            total_bytes += discard_free(&arenas[i]);
            arena_leave(&arenas[i]);
        }
    }
    return total_bytes;
}

size_t arena_reclaim(void)
{
    struct purge_limits limits = {0, os_page_bytes(), false};
    size_t total_bytes = 0;

    for (unsigned int i = 0; i < ARENA_MAX; i++) {
        total_bytes += purge(&arenas[i], &limits);
    }
    return total_bytes;
}
