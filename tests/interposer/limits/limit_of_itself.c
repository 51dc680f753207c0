/* SPDX-License-Identifier: Apache-2.0 */
/* A process that limits its address space while it runs can use all of it: threads start, others
 * map memory, and blocks come until the limit is reached, and again when they were freed. */
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "../blocks.h"
#include "exhaust.h"

enum { LIMIT = 384 * MIB, MAPPED = 128 * MIB, LEAST = 96 * MIB, BLOCKS = 1000 };

static size_t exhaust_and_free(size_t bytes)
{
    struct link *list = NULL;
    size_t count = exhaust(&list, bytes);
    free_list(&list);
    return count * bytes;
}

static void *in_thread(void *arg)
{
    uint32_t state = 71;
    struct block *blocks = (struct block *)arg;
    for (int step = 0; step < 20000; step++) {
        blocks_step(blocks, BLOCKS, &state);
    }
    return NULL;
}

static void test(char **argv)
{
    static struct block blocks[BLOCKS];
    const struct rlimit limit = {LIMIT, RLIM_INFINITY};
    pthread_t thread;
    in_thread(blocks);
    EXPECT(prlimit(0, RLIMIT_AS, &limit, NULL) == 0);
    void *mapped = mmap(NULL, MAPPED, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT(mapped != MAP_FAILED);
    EXPECT(pthread_create(&thread, NULL, in_thread, blocks) == 0);
    EXPECT(pthread_join(thread, NULL) == 0);
    EXPECT(exhaust_and_free(MIB) > LEAST);
    EXPECT(exhaust_and_free(1000) > LEAST);
    EXPECT(munmap(mapped, MAPPED) == 0);
    blocks_free(blocks, BLOCKS);
}
