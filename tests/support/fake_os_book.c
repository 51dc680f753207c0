/* SPDX-License-Identifier: Apache-2.0 */
/* The fake operating system's memory.
 *
 * The book is an array of ranges in address order. A range is a part of one origin, which is what
 * one call of os_reserve or os_map made; calls split ranges, and equal neighbours of one origin are
 * joined again. Every call looks its addresses up there first and dies if the contract has no
 * meaning for it. While os_decommit runs, its range is leaving, and nobody else may name it. A
 * range that was not taken, because the call is to fail or because the process forked meanwhile, is
 * stale: usable, with old contents; it may be committed or decommitted again or unmapped, nothing
 * else.
 *
 * Real memory follows the book: what is not usable is inaccessible, so a stray access faults. */
#include "fake_os_book.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_RANGES 16384u
#define ROOM_BYTES ((size_t)64 << 20) /* behind every mapping, to grow in place */

enum state { RESERVED = 1, USABLE = 2, STALE = 4, LEAVING = 8 };

struct range {
    uintptr_t start;
    uintptr_t end;
    uintptr_t room_end; /* end of the inaccessible room behind; equal to end if there is none */
    size_t origin;
    enum state state;
    bool mapped; /* its origin is a call of os_map, or of os_move onto it */
};

static struct range ranges[MAX_RANGES];
static size_t range_count;
static size_t origins;
static const char *const call_names[FAKE_OS_CALLS] = {
    "os_reserve",     "os_commit",  "os_make_readable", "os_decommit", "os_discard",
    "os_prefer_huge", "os_map",     "os_unmap",         "os_resize",   "os_move",
    "os_move_out",    "os_at_fork", "os_append",        "os_yield"};

size_t book_page_bytes = 4096;

static _Noreturn void die(const char *what, const void *start, size_t bytes)
{
    dprintf(STDERR_FILENO, "fake os: %s (address %p, %zu bytes)\n", what, start, bytes);
    abort();
}

static _Noreturn void die_of(enum fake_os_call call, const char *what, const void *start,
                             size_t bytes)
{
    char text[256];

    snprintf(text, sizeof(text), "%s: %s", call_names[call], what);
    die(text, start, bytes);
}

/* Number of the first range that ends behind an address. */
static size_t find(uintptr_t address)
{
    size_t low = 0;
    size_t high = range_count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (ranges[middle].end > address) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

static void insert(size_t at, struct range range)
{
    if (range_count == MAX_RANGES) {
        die("the book is full", (void *)range.start, range.end - range.start);
    }
    memmove(&ranges[at + 1], &ranges[at], (range_count - at) * sizeof(ranges[0]));
    ranges[at] = range;
    range_count++;
}

static void erase(size_t at)
{
    range_count--;
    memmove(&ranges[at], &ranges[at + 1], (range_count - at) * sizeof(ranges[0]));
}

static void split_at(uintptr_t address)
{
    size_t at = find(address);

    if (at == range_count || ranges[at].start >= address) {
        return;
    }
    struct range right = ranges[at];
    right.start = address;
    ranges[at].end = address;
    ranges[at].room_end = address;
    insert(at + 1, right);
}

static void join_around(size_t first, size_t last)
{
    for (size_t at = last + 1 < range_count ? last + 1 : range_count - 1; at > 0 && at + 1 > first;
         at--) {
        struct range *left = &ranges[at - 1];
        const struct range *right = &ranges[at];

        if (left->end == right->start && left->origin == right->origin &&
            left->state == right->state) {
            left->end = right->end;
            left->room_end = right->room_end;
            erase(at);
        }
    }
}

static void require_page_multiples(enum fake_os_call call, const void *start, size_t bytes)
{
    if (bytes == 0) {
        die_of(call, "no bytes at all", start, bytes);
    }
    if ((uintptr_t)start % book_page_bytes != 0 || bytes % book_page_bytes != 0) {
        die_of(call, "address or size is not a multiple of the page size", start, bytes);
    }
    if ((uintptr_t)start + bytes < (uintptr_t)start) {
        die_of(call, "range wraps around", start, bytes);
    }
}

/* Dies unless all of the range is one origin's and in one of `states`. Splits the book at both ends
 * and returns the number of the first range; *last is that of the last. */
static size_t look_up(enum fake_os_call call, const void *start, size_t bytes, unsigned int states,
                      size_t *last)
{
    uintptr_t address = (uintptr_t)start;
    uintptr_t end = address + bytes;

    require_page_multiples(call, start, bytes);
    split_at(address);
    split_at(end);
    size_t first = find(address);
    for (size_t at = first; address < end; at++) {
        if (at == range_count || ranges[at].start != address) {
            die_of(call, "space that was not given out, or was given back", start, bytes);
        }
        if (ranges[at].origin != ranges[first].origin) {
            die_of(call, "range reaches into what another call made", start, bytes);
        }
        if ((ranges[at].state & states) == 0) {
            die_of(call, "memory is not in the state that the call is for", start, bytes);
        }
        address = ranges[at].end;
        *last = at;
    }
    return first;
}

static void set_state(size_t first, size_t last, enum state state)
{
    for (size_t at = first; at <= last; at++) {
        ranges[at].state = state;
    }
    join_around(first, last);
}

/* Real memory. Failures here are not part of any script. */

static void protect(const void *start, size_t bytes, int protection)
{
    if (mprotect((void *)(uintptr_t)start, bytes, protection) != 0) {
        die("the real system refuses mprotect", start, bytes);
    }
}

static void make_inaccessible(const void *start, size_t bytes)
{
    if (mmap((void *)(uintptr_t)start, bytes, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED) {
        die("the real system refuses mmap", start, bytes);
    }
}

static void give_back(uintptr_t start, uintptr_t end)
{
    if (end > start && munmap((void *)start, end - start) != 0) {
        die("the real system refuses munmap", (void *)start, end - start);
    }
}

/* Inaccessible address space at an odd multiple of align, with room behind; NULL if there is none.
 */
static void *find_space(size_t bytes, size_t align, size_t room_bytes)
{
    size_t wanted;
    size_t padded;

    if (__builtin_add_overflow(bytes, room_bytes, &wanted) || align > SIZE_MAX / 2 ||
        __builtin_add_overflow(wanted, 2 * align, &padded)) {
        return NULL;
    }
    void *space = mmap(NULL, padded, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (space == MAP_FAILED) {
        return NULL;
    }
    uintptr_t start = ((uintptr_t)space + align - 1) / align * align;
    start += start / align % 2 == 0 ? align : 0;
    give_back((uintptr_t)space, start);
    give_back(start + wanted, (uintptr_t)space + padded);
    return (void *)start;
}

void *book_make(enum fake_os_call call, size_t bytes, size_t align, bool fails)
{
    bool map = call == FAKE_OS_MAP;

    require_page_multiples(call, NULL, bytes);
    if (align < book_page_bytes || (align & (align - 1)) != 0) {
        die_of(call, "alignment is not a power of two of at least a page", NULL, align);
    }
    void *start = fails ? NULL : find_space(bytes, align, map ? ROOM_BYTES : 0);
    if (start == NULL) {
        return NULL;
    }
    uintptr_t end = (uintptr_t)start + bytes;
    insert(find((uintptr_t)start), (struct range){.start = (uintptr_t)start,
                                                  .end = end,
                                                  .room_end = end + (map ? ROOM_BYTES : 0),
                                                  .origin = ++origins,
                                                  .state = map ? USABLE : RESERVED,
                                                  .mapped = map});
    if (map) {
        protect(start, bytes, PROT_READ | PROT_WRITE);
    }
    return start;
}

/* The one range that is exactly this mapping of os_map. */
static struct range *whole_mapping(enum fake_os_call call, const void *start, size_t bytes)
{
    size_t at;
    size_t last;

    require_page_multiples(call, start, bytes);
    at = find((uintptr_t)start);
    if (at == range_count || ranges[at].start != (uintptr_t)start ||
        ranges[at].end != (uintptr_t)start + bytes || !ranges[at].mapped) {
        die_of(call, "not the whole of a mapping made by os_map", start, bytes);
    }
    at = look_up(call, start, bytes, USABLE, &last);
    return &ranges[at];
}

/* What the calls do. */

void book_commit(void *start, size_t bytes, bool fails)
{
    size_t last;
    size_t first = look_up(FAKE_OS_COMMIT, start, bytes, RESERVED | STALE, &last);

    if (!fails) {
        protect(start, bytes, PROT_READ | PROT_WRITE);
        set_state(first, last, USABLE);
    }
}

/* It stays reserved. */
void book_make_readable(void *start, size_t bytes, bool fails)
{
    size_t last;
    size_t first = look_up(FAKE_OS_MAKE_READABLE, start, bytes, RESERVED, &last);

    if (!fails) {
        protect(start, bytes, PROT_READ);
    }
    join_around(first, last);
}

void book_begin_decommit(void *start, size_t bytes)
{
    size_t last;
    size_t first = look_up(FAKE_OS_DECOMMIT, start, bytes, USABLE | STALE, &last);

    set_state(first, last, LEAVING);
}

void book_decommit(void *start, size_t bytes, bool fails)
{
    size_t last;
    size_t first = look_up(FAKE_OS_DECOMMIT, start, bytes, LEAVING | STALE, &last);

    if (!fails) {
        make_inaccessible(start, bytes);
    }
    set_state(first, last, fails ? STALE : RESERVED);
}

void book_unmap(void *start, size_t bytes, bool fails)
{
    size_t last;
    size_t first = look_up(FAKE_OS_UNMAP, start, bytes, RESERVED | USABLE | STALE, &last);

    if (fails) {
        join_around(first, last);
        return;
    }
    for (size_t at = last + 1; at-- > first;) {
        give_back(ranges[at].start, ranges[at].room_end);
        erase(at);
    }
}

bool book_resize(void *start, size_t old_bytes, size_t new_bytes, bool fails)
{
    struct range *range = whole_mapping(FAKE_OS_RESIZE, start, old_bytes);
    uintptr_t new_end = (uintptr_t)start + new_bytes;

    require_page_multiples(FAKE_OS_RESIZE, start, new_bytes);
    if (fails || new_end > range->room_end) {
        return false;
    }
    if (new_bytes > old_bytes) {
        protect((void *)range->end, new_end - range->end, PROT_READ | PROT_WRITE);
    } else if (new_bytes < old_bytes) {
        make_inaccessible((void *)new_end, range->end - new_end);
    }
    range->end = new_end;
    return true;
}

/* Where pages are to go. */
static size_t look_up_target(enum fake_os_call call, void *target, size_t old_bytes,
                             size_t new_bytes)
{
    size_t last;
    size_t to = look_up(call, target, new_bytes, RESERVED, &last);

    if (to != last || new_bytes < old_bytes) {
        die_of(call, "target is smaller than the mapping", target, new_bytes);
    }
    return to;
}

static void become_mapping(size_t to, const void *start, size_t old_bytes)
{
    void *target = (void *)ranges[to].start;

    ranges[to].state = USABLE;
    ranges[to].mapped = true;
    protect(target, ranges[to].end - ranges[to].start, PROT_READ | PROT_WRITE);
    memcpy(target, start, old_bytes);
}

void book_move(void *start, size_t old_bytes, void *target, size_t new_bytes, bool fails)
{
    size_t to = look_up_target(FAKE_OS_MOVE, target, old_bytes, new_bytes);

    whole_mapping(FAKE_OS_MOVE, start, old_bytes);
    if (!fails) {
        become_mapping(to, start, old_bytes);
        book_unmap(start, old_bytes, false);
    }
}

void book_move_out(void *start, size_t old_bytes, void *target, size_t new_bytes, bool fails)
{
    size_t last;
    size_t first = look_up(FAKE_OS_MOVE_OUT, start, old_bytes, USABLE, &last);

    join_around(first, last);
    size_t to = look_up_target(FAKE_OS_MOVE_OUT, target, old_bytes, new_bytes);
    if (!fails) {
        become_mapping(to, start, old_bytes);
        if (madvise(start, old_bytes, MADV_DONTNEED) != 0) {
            die("the real system refuses madvise", start, old_bytes);
        }
    }
}

void book_discard(void *start, size_t bytes, bool fails)
{
    size_t last;
    size_t first = look_up(FAKE_OS_DISCARD, start, bytes, USABLE, &last);

    if (!fails && madvise(start, bytes, MADV_DONTNEED) != 0) {
        die("the real system refuses madvise", start, bytes);
    }
    join_around(first, last);
}

void book_require_known(void *start, size_t bytes)
{
    size_t at = find((uintptr_t)start);

    if (at == range_count || ranges[at].start > (uintptr_t)start) {
        die("os_name: space that was not given out", start, bytes);
    }
}

void book_after_fork_in_child(void)
{
    for (size_t at = 0; at < range_count; at++) {
        ranges[at].state = ranges[at].state == LEAVING ? STALE : ranges[at].state;
    }
}

static size_t bytes_in(unsigned int states)
{
    size_t bytes = 0;

    for (size_t at = 0; at < range_count; at++) {
        bytes += (ranges[at].state & states) != 0 ? ranges[at].end - ranges[at].start : 0;
    }
    return bytes;
}

size_t book_reserved_bytes(void)
{
    return bytes_in(RESERVED);
}

size_t book_usable_bytes(void)
{
    return bytes_in(USABLE | STALE | LEAVING);
}

bool book_is_usable(uintptr_t address, uintptr_t end)
{
    for (size_t at = find(address); address < end; at++) {
        if (at == range_count || ranges[at].start > address || ranges[at].state != USABLE) {
            return false;
        }
        address = ranges[at].end;
    }
    return true;
}
