/* SPDX-License-Identifier: Apache-2.0 */
/* The same with four threads that allocate, each interrupted by a handler that allocates and frees
 * on a table of its thread's own and on slots common to all. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "../blocks.h"

enum { THREADS = 4, BLOCKS = 100, SLOTS = 16, BURSTS = 2000 };

static _Thread_local struct block in_handler[BLOCKS];
static _Thread_local uint32_t handler_state = 47;
static _Atomic(void *) slots[SLOTS];
static atomic_bool stop;

static void exchange(uint32_t *state)
{
    size_t bytes = random_size(state);
    free(atomic_exchange(&slots[next_random(state) % SLOTS], malloc(bytes)));
}

static void handle(int number)
{
    (void)number;
    int saved = errno;
    for (int i = 0; i < 16; i++) {
        blocks_step(in_handler, BLOCKS, &handler_state);
        exchange(&handler_state);
    }
    errno = saved;
}

static void *run_thread(void *seed)
{
    struct block blocks[BLOCKS] = {{NULL, 0, 0}};
    uint32_t state = (uint32_t)(uintptr_t)seed;
    while (!atomic_load(&stop)) {
        blocks_step(blocks, BLOCKS, &state);
        exchange(&state);
        churn(&state);
    }
    blocks_free(blocks, BLOCKS);
    blocks_free(in_handler, BLOCKS);
    return NULL;
}

static void test(char **argv)
{
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    pthread_t threads[THREADS];
    EXPECT(sigaction(SIGUSR1, &action, NULL) == 0);
    for (size_t i = 0; i < THREADS; i++) {
        EXPECT(pthread_create(&threads[i], NULL, run_thread, (void *)(i + 1)) == 0);
    }
    for (int i = 0; i < BURSTS * THREADS; i++) {
        EXPECT(pthread_kill(threads[i % THREADS], SIGUSR1) == 0);
        if (i % THREADS == THREADS - 1) {
            usleep(300);
        }
    }
    atomic_store(&stop, 1);
    for (size_t i = 0; i < THREADS; i++) {
        EXPECT(pthread_join(threads[i], NULL) == 0);
    }
}
