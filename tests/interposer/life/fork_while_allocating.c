/* SPDX-License-Identifier: Apache-2.0 */
/* A child forked while other threads allocate can allocate, and can check, resize and free the
 * blocks of its parent, those of threads that it does not have included. */
#include "../children.h"

enum { FORKS = 100, OWN = 200, OTHERS = 160, OTHER_THREADS = 8 };

static struct block own[OWN];
static struct block
    others[OTHERS]; /* made by many threads, hence from all parts of the allocator */

static void *allocate_others(void *first)
{
    uint32_t state = 23;
    for (int i = 0; i < OTHERS / OTHER_THREADS; i++) {
        block_allocate((struct block *)first + i, &state);
    }
    return NULL;
}

static void allocate_others_in_threads(void)
{
    for (int i = 0; i < OTHERS; i += OTHERS / OTHER_THREADS) {
        pthread_t thread;
        EXPECT(pthread_create(&thread, NULL, allocate_others, &others[i]) == 0);
        EXPECT(pthread_join(thread, NULL) == 0);
    }
}

static void run_child(uint32_t seed)
{
    for (int step = 0; step < 200; step++) {
        blocks_step(own, OWN, &seed);
        blocks_step(others, OTHERS, &seed);
    }
    blocks_free(own, OWN);
    blocks_free(others, OTHERS);
    _exit(0);
}

static void test(char **argv)
{
    struct background background;
    uint32_t seed = 21;
    background_start(&background);
    allocate_others_in_threads();
    for (uint32_t i = 1; i <= FORKS; i++) {
        blocks_step(own, OWN, &seed);
        pid_t child = fork_with_alarm();
        if (child == 0) {
            run_child(i);
        }
        expect_exits_0(child);
    }
    background_stop(&background);
    blocks_free(own, OWN);
    blocks_free(others, OTHERS);
}
