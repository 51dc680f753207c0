/* SPDX-License-Identifier: Apache-2.0 */
/* The main thread may end before the others; the last thread ends the process, and exit handlers
 * free what the main thread made. */
#include "../children.h"

static struct block blocks[100];
static pthread_t main_thread;

static void free_blocks(void)
{
    blocks_free(blocks, 100);
}

static void *outlive_main(void *unused)
{
    uint32_t state = 53;
    EXPECT(pthread_join(main_thread, NULL) == 0);
    for (int step = 0; step < 10000; step++) {
        blocks_step(blocks, 100, &state);
    }
    return unused;
}

static void test(char **argv)
{
    pthread_t thread;
    uint32_t state = 55;
    main_thread = pthread_self();
    EXPECT(atexit(free_blocks) == 0);
    for (int i = 0; i < 100; i++) {
        block_allocate(&blocks[i], &state);
    }
    EXPECT(pthread_create(&thread, NULL, outlive_main, NULL) == 0);
    pthread_exit(NULL);
}
