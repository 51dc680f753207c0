/* SPDX-License-Identifier: Apache-2.0 */
/* With the option foreign=abort, giving an address that is not from this allocator to free ends the
 * program; argv[1] says which address. */
#include "foreign.h"

static void test(char **argv)
{
    char on_stack[FOREIGN_BYTES] = "";
    const char *which = argv[1];
    if (strcmp(which, "mapped") == 0) {
        free(hidden(foreign_page()));
    } else if (strcmp(which, "static") == 0) {
        free(hidden(foreign_static + 32));
    } else if (strcmp(which, "stack") == 0) {
        free(hidden(on_stack + 32));
    } else {
        free(hidden((void *)(uintptr_t)16));
    }
}
