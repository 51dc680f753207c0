/* SPDX-License-Identifier: Apache-2.0 */
/* Under a limit set by the runner, blocks of argv[1] bytes are to be had for a good part of it
 * (argv[2] MiB at least); then malloc fails with ENOMEM, and after all is freed nearly as much can
 * be had again. */
#include "exhaust.h"

static void test(char **argv)
{
    struct link *list = NULL;
    size_t bytes = strtoul(argv[1], NULL, 10);
    size_t count = exhaust(&list, bytes);
    in_case("blocks", count);
    EXPECT(count * bytes >= strtoul(argv[2], NULL, 10) * MIB);
    void *large = malloc(100 * MIB);
    EXPECT(large == NULL && errno == ENOMEM);
    free_list(&list);
    for (int again = 0; again < 2; again++) {
        size_t next_count = exhaust(&list, bytes);
        in_case("blocks of next round", next_count);
        free_list(&list);
        EXPECT(next_count >= count - count / 5);
    }
}
