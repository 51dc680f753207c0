/* SPDX-License-Identifier: Apache-2.0 */
/* A limit that is set while the program runs, and that what it has exceeds already, makes requests
 * fail and nothing else; without the limit they succeed again. */
#include <sys/resource.h>

#include "../blocks.h"

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
    EXPECT(malloc(64 * MIB) == NULL && errno == ENOMEM);
    EXPECT(calloc(64 * MIB, 8) == NULL && aligned_alloc(64 * MIB, 64 * MIB) == NULL);
    for (int i = 0; i < 1000; i++) {
        if (blocks[i].start != NULL) {
            EXPECT(realloc(blocks[i].start, 64 * MIB) == NULL && errno == ENOMEM);
        }
    }
    blocks_free(blocks, 1000);
    limit_address_space(RLIM_INFINITY);
    void *large = malloc(64 * MIB);
    EXPECT(large != NULL);
    free(large);
}
