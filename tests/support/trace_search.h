/* SPDX-License-Identifier: Apache-2.0 */
/* Looking for one record of heaptrace. */
#ifndef QUARRY_TESTS_TRACE_SEARCH_H
#define QUARRY_TESTS_TRACE_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <zephyr/sys/heaptrace.h>

struct search {
    const void *ptr;
    struct heaptrace_record found;
    size_t visited;
};

static inline bool look_for(const struct heaptrace_record *record, void *user_data)
{
    struct search *search = user_data;

    search->visited++;
    if (record->ptr == search->ptr) {
        search->found = *record;
    }
    return true;
}

static inline struct search search_for(const void *ptr)
{
    struct search search = {.ptr = ptr};

    heaptrace_foreach_record(look_for, &search);
    return search;
}

static inline bool is_recorded(const void *ptr)
{
    return search_for(ptr).found.ptr == ptr;
}

#endif
