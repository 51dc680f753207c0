/* SPDX-License-Identifier: Apache-2.0 */
/* Taking all memory there is, and giving it back; the blocks themselves hold the list of them. */
#ifndef QUARRY_TESTS_INTERPOSER_EXHAUST_H
#define QUARRY_TESTS_INTERPOSER_EXHAUST_H

#include "../expect.h"

struct link {
    struct link *next;
};

/* Allocates blocks of `bytes` bytes, adding each to *list, until there are no more; returns how
 * many. */
static inline size_t exhaust(struct link **list, size_t bytes)
{
    size_t count = 0;
    errno = 0;
    for (struct link *link = (struct link *)malloc(bytes); link != NULL;
         link = (struct link *)malloc(bytes)) {
        link->next = *list;
        *list = link;
        count++;
    }
    EXPECT(errno == ENOMEM);
    return count;
}

static inline void free_list(struct link **list)
{
    while (*list != NULL) {
        struct link *next = (*list)->next;
        free(*list);
        *list = next;
    }
}

#endif
