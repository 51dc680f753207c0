/* SPDX-License-Identifier: Apache-2.0 */
/* What a user may set: by QUARRY_OPTIONS in the environment, or while the program runs. */
#ifndef QUARRY_PROCESS_OPTIONS_H
#define QUARRY_PROCESS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <quarry/malloc.h>

/* Reads QUARRY_OPTIONS. Called by the thread that sets the allocator up. False if it is too early
 * in the life of the process to know the environment: then all options have their usual values, and
 * the call is to be made again. */
bool options_read(void);

/* Bytes from which a block is large. */
size_t options_large_threshold(void);
/* Number of arenas that threads are spread over, 1 to ARENA_MAX. */
unsigned int options_arenas(void);
/* How long unused memory is kept. */
uint64_t options_purge_delay_ns(void);
/* Whether an address that is not ours is a reason to abort. */
bool options_foreign_aborts(void);
/* Whether what a block held is overwritten when it is freed. */
bool options_zero_on_free(void);
/* Whether small blocks come from slabs: as was asked for; else unless a tool of Valgrind runs. */
bool options_slabs(void);
/* Whether the real-time mode is on: as was asked for, and not with chunk heaps. */
bool options_rt(void);
/* Its memory; and whether it is on and does without any other when that does not suffice. */
size_t options_reserve_bytes(void);
bool options_exhausted_fails(void);
/* Whether slices are to be in huge pages. */
bool options_huge(void);
/* File to append the counters to at exit, and whether there is one. */
const char *options_stats_path(void);
bool options_has_stats_path(void);

/* How reports are written: a line or a table. */
enum quarry_malloc_report_form options_stats_form(void);
/* Number of the signal that asks for a report; 0: none does. */
int options_stats_signal(void);

/* Each returns false if the value is out of range, and then changes nothing. */
bool options_set_large_threshold(size_t bytes);
bool options_set_arenas(size_t count);
bool options_set_purge_delay_ms(size_t ms);

#endif
