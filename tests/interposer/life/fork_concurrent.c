/* SPDX-License-Identifier: Apache-2.0 */
/* Several threads fork at the same time; every child can allocate. */
#include "../children.h"
#include "../parcels.h"

enum { THREADS = 4, FORKS = 40 };

static void *fork_often(void *seed)
{
    struct block blocks[50] = {{NULL, 0, 0}};
    uint32_t state = (uint32_t)(uintptr_t)seed;
    for (int i = 0; i < FORKS; i++) {
        blocks_step(blocks, 50, &state);
        for (int step = 0; step < 50; step++) {
            parcels_step(&state);
            churn(&state);
        }
        pid_t child = fork_with_alarm();
        if (child == 0) {
            blocks_free(blocks, 50);
            parcels_end_all();
            block_allocate(&blocks[0], &state);
            _exit(0);
        }
        blocks_step(blocks, 50, &state);
        int status = 1;
        EXPECT(waitpid(child, &status, 0) == child && status == 0);
    }
    blocks_free(blocks, 50);
    return NULL;
}

static void test(char **argv)
{
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        EXPECT(pthread_create(&threads[i], NULL, fork_often, (void *)(i + 1)) == 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        EXPECT(pthread_join(threads[i], NULL) == 0);
    }
    parcels_end_all();
}
