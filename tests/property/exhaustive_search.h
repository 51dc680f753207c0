/* SPDX-License-Identifier: Apache-2.0 */
/* Every state that a tiny heap can get into, and every call in each of them. */
#ifndef QUARRY_TESTS_EXHAUSTIVE_SEARCH_H
#define QUARRY_TESTS_EXHAUSTIVE_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include "tiny_heap.h"

struct search_limits {
    unsigned int depth; /* calls; 0: no limit */
    double seconds;
    size_t states;
};

struct search_result {
    size_t states;      /* different ones that were reached */
    size_t calls;       /* calls that were made and checked, each state's every call once */
    unsigned int depth; /* every sequence of that many calls is covered */
    bool complete;      /* ... and every longer one as well */
    double sequences;   /* about how many sequences of that length there are */
    double seconds;
};

/* Searches until a problem, a limit or the end of the states. Returns true iff there was no
 * problem; else `report` holds the calls that lead to it. The settings must give a heap. */
bool exhaustive_search(const struct tiny_settings *settings, const struct search_limits *limits,
                       struct search_result *result, FILE *report);

#endif
