/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of one slice that a thread has freed and keeps for its next ones. */
#ifndef QUARRY_PROCESS_KEPT_RUNS_H
#define QUARRY_PROCESS_KEPT_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEPT_RUNS_MOST 8u

/* Owner thread and its signal handlers only, but for the number. Zeros at first. */
struct kept_runs {
    uint32_t slices[KEPT_RUNS_MOST]; /* 1 more than a slice's number; 0: none */
    uint32_t needed_from;            /* places below were not needed since the last look */
    volatile bool are_some;          /* false: there are none */
};

/* The slice is kept, whose memory may go to the next block. False if there is no place, or nothing
 * is to be kept. */
bool kept_runs_add(struct kept_runs *kept, size_t slice);

/* A slice that was kept, which is the caller's then; SLICE_NONE if there is none. */
size_t kept_runs_take(struct kept_runs *kept);

/* Now and then: gives back those that were not needed since the last time. */
void kept_runs_look(struct kept_runs *kept);

/* Gives all back. Also somebody else's, if its thread has ended. */
void kept_runs_give(struct kept_runs *kept);

/* How many there are. Any thread. */
size_t kept_runs_count(const struct kept_runs *kept);

#endif
