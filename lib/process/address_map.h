/* SPDX-License-Identifier: Apache-2.0 */
/* Who owns an address: the one look-up between a pointer that somebody gives to free and any belief
 * about the memory around it. Right for every pointer value, reads nothing but the map itself. */
#ifndef QUARRY_PROCESS_ADDRESS_MAP_H
#define QUARRY_PROCESS_ADDRESS_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct region;

/* Regions start and end at multiples of this. */
#define ADDRESS_MAP_SPAN_BYTES ((size_t)16 << 20)

enum address_kind {
    ADDRESS_FOREIGN,     /* not ours */
    ADDRESS_REGION,      /* in a region's address space */
    ADDRESS_LARGE,       /* the first byte of a large block */
    ADDRESS_LARGE_FREED, /* was the first byte of a large block, and of none since */
};

struct address_owner {
    enum address_kind kind;
    struct region *region; /* ADDRESS_REGION */
    size_t large_bytes;    /* ADDRESS_LARGE: size of the mapping */
};

struct address_owner address_map_find(const void *address);

/* Whether an address that address_map_find calls foreign lies inside a live large block, as far as
 * can be told in bounded time: looks 1 GiB back at most. For reports; not for the way of an
 * allocation. */
bool address_map_is_inside_large(const void *address);

/* Enters a region, `bytes` a multiple of the span. False if the map could not grow. */
bool address_map_add_region(struct region *region, const void *start, size_t bytes);
void address_map_remove_region(const void *start, size_t bytes);

/* Enters a large block at a page boundary. False if the map could not grow. */
bool address_map_add_large(const void *start, size_t bytes);
/* Marks a large block as freed. False iff it is not one (any more): of two threads that free the
 * same block, one gets true. */
bool address_map_remove_large(const void *start, size_t bytes);
/* A live large block has another size now. */
void address_map_resize_large(const void *start, size_t bytes);

#endif
