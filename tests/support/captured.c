/* SPDX-License-Identifier: Apache-2.0 */
/* stdout is a variable in the C libraries that the tests run on: for a while it is a stream in
 * memory. */
#include "captured.h"

#include <stdio.h>
#include <stdlib.h>

char *captured(void (*print)(void *arg), void *arg)
{
    FILE *real = stdout;
    char *text = NULL;
    size_t bytes = 0;
    FILE *stream = open_memstream(&text, &bytes);

    if (stream == NULL) {
        perror("open_memstream");
        exit(1);
    }
    stdout = stream;
    print(arg);
    stdout = real;
    fclose(stream);
    return text;
}
