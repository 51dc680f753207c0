/* SPDX-License-Identifier: Apache-2.0 */
/* A library that is opened with RTLD_DEEPBIND: malloc and free mean libc's here, whereas strdup,
 * which is inside libc, allocates with the malloc of the program. */
#include <stdlib.h>
#include <string.h>

#include "deepbound.h"

void *make_here(size_t bytes)
{
    return malloc(bytes);
}

void free_here(void *block)
{
    free(block);
}

void copy_and_free(const char *text)
{
    free(strdup(text));
}
