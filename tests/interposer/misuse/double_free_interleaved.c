/* SPDX-License-Identifier: Apache-2.0 */
/* A double free is noticed also if another block of the size was freed between the two. */
#include "../expect.h"

static void test(char **argv)
{
    void *first = malloc(100);
    void *second = malloc(100);
    void *third = malloc(100);
    free(hidden(first));
    free(second);
    free(hidden(first));
    free(third);
}
