/* SPDX-License-Identifier: Apache-2.0 */
/* QUARRY_OPTIONS as text: its pairs, the names of all options, numbers, and complaints. What an
 * option means is its reader's business. Allocates nothing, and may be called at any time. */
#ifndef QUARRY_OS_OPTION_TEXT_H
#define QUARRY_OS_OPTION_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* All options that there are, so that no reader calls another one's unknown. In the order of their
 * names. */
enum option {
    OPTION_ARENAS,
    OPTION_EXHAUSTED,
    OPTION_FOREIGN,
    OPTION_FRONTEND,
    OPTION_HUGE,
    OPTION_LARGE_THRESHOLD,
    OPTION_PURGE_DELAY_MS,
    OPTION_RESERVE,
    OPTION_RT,
    OPTION_STATS,
    OPTION_STATS_FORMAT,
    OPTION_STATS_SIGNAL,
    OPTION_SYSTEM_HEAP,
    OPTION_ZERO_ON_FREE,
    OPTION_COUNT
};

/* A part of the variable's text. */
struct option_text {
    const char *start;
    size_t length;
};

bool option_text_is(struct option_text text, const char *word);

/* Digits and at most one of the suffixes k, m and g. False iff it is anything else, or more than a
 * size_t holds. */
bool option_text_size(struct option_text text, size_t *value);

/* Sets an option. False iff the value is none for it: then nothing has changed. */
typedef bool (*option_setter)(struct option_text value);

/* Calls the setters, one for each option that the reader has and else NULL, for the pairs of the
 * text in their order. A value that is refused is reported on standard error, with what there is
 * instead. A name that is none is reported, with the nearest one or all, to the first reader of the
 * process, and whenever that one reads again; a reader is known by its array of setters.
 *
 * False, and nothing is read, if it is too early in the life of the process to know the
 * environment. */
bool option_text_read(const option_setter setters[OPTION_COUNT]);

#endif
