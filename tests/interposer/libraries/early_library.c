/* SPDX-License-Identifier: Apache-2.0 */
/* A library whose constructor allocates and whose destructor frees. */
#include <stdlib.h>
#include <string.h>

#include "early_library.h"

static char *early;

__attribute__((constructor)) static void construct(void)
{
    early = calloc(1, 5000);
    char *resized = realloc(early, 10000);
    early = resized != NULL ? resized : early;
    memset(early, 'e', 5000);
}

__attribute__((destructor)) static void destroy(void)
{
    free(early);
    free(malloc(100));
}

int early_library_is_intact(void)
{
    return early != NULL && early[0] == 'e' && memcmp(early, early + 1, 4999) == 0;
}
