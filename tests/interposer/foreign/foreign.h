/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses that no malloc handed out. */
#ifndef QUARRY_TESTS_INTERPOSER_FOREIGN_H
#define QUARRY_TESTS_INTERPOSER_FOREIGN_H

#include <sys/mman.h>

#include "../expect.h"

enum { FOREIGN_BYTES = 4096 };

static char foreign_static[FOREIGN_BYTES];

/* A page of the program's own; the page below it cannot be read. */
static inline char *foreign_page(void)
{
    char *pages = (char *)mmap(NULL, 2 * (size_t)FOREIGN_BYTES, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT(pages != MAP_FAILED && mprotect(pages, FOREIGN_BYTES, PROT_NONE) == 0);
    return pages + FOREIGN_BYTES;
}

#endif
