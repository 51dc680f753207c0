/* SPDX-License-Identifier: Apache-2.0 */
/* A limit that is set while the program runs, and that what it has exceeds already, makes requests
 * for more address space fail and nothing else; without the limit they succeed again. What is
 * smaller may be served out of address space that was reserved before. */
#include <sys/resource.h>

#include "../blocks.h"

enum { TOO_MUCH = 320 * MIB };

static void limit_address_space(rlim_t bytes)
{
    struct rlimit limit;
    EXPECT(getrlimit(RLIMIT_AS, &limit) == 0);
    limit.rlim_cur = bytes;
    EXPECT(setrlimit(RLIMIT_AS, &limit) == 0);
}

static void test(char **argv)
{
    static struct block blocks[1000];
    uint32_t state = 67;
    for (int step = 0; step < 20000; step++) {
        blocks_step(blocks, 1000, &state);
    }
    limit_address_space(MIB);
    errno = 0;
    EXPECT(malloc(TOO_MUCH) == NULL && errno == ENOMEM);
    EXPECT(calloc(TOO_MUCH / 8, 8) == NULL && aligned_alloc(64 * MIB, TOO_MUCH) == NULL);
    for (int i = 0; i < 1000; i++) {
        if (blocks[i].start != NULL) {
            EXPECT(realloc(blocks[i].start, TOO_MUCH) == NULL && errno == ENOMEM);
        }
    }
    blocks_free(blocks, 1000);
    limit_address_space(RLIM_INFINITY);
    void *large = malloc(TOO_MUCH);
    EXPECT(large != NULL);
    free(large);
}
