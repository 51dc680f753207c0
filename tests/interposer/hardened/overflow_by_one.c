/* SPDX-License-Identifier: Apache-2.0 */
/* A block of argv[1] bytes of which one more is changed ("other"), or made a string's end ("zero"),
 * as argv[2] says, ends the program when it is freed, resized or asked for its size: argv[3]. */
#include "../expect.h"

static void test(char **argv)
{
    size_t bytes = strtoul(argv[1], NULL, 10);
    char *block = hidden(malloc(bytes));
    EXPECT(block != NULL);
    memset(block, 'b', bytes);
    block[bytes] = strcmp(argv[2], "zero") == 0 ? '\0' : (char)(block[bytes] ^ 1);
    if (strcmp(argv[3], "free") == 0) {
        free(block);
    } else if (strcmp(argv[3], "realloc") == 0) {
        free(realloc(block, bytes + 1));
    } else {
        EXPECT(malloc_usable_size(block) >= bytes);
    }
}
