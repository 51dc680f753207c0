/* SPDX-License-Identifier: Apache-2.0 */
/* Four threads allocate, free each other's blocks and fork for the given number of seconds (3 if
 * none is given): every child exits with 0, and at the end no byte is live that was not at the
 * start. */
#include <time.h>

#include "../children.h"
#include "../memory_use.h"
#include "../parcels.h"

enum { THREADS = 4, COUNT = 300, STEPS_PER_FORK = 1000, WARM_UP_FORKS = 5 };

static atomic_bool stop;
static int forks_left_per_thread; /* 0 iff the threads run until `stop` */

static void fork_once(struct block *blocks, uint32_t *state)
{
    pid_t child = fork_with_alarm();
    if (child == 0) {
        for (int step = 0; step < 100; step++) {
            blocks_step(blocks, COUNT, state);
        }
        blocks_free(blocks, COUNT);
        parcels_end_all();
        _exit(0);
    }
    int status = 1;
    EXPECT(waitpid(child, &status, 0) == child && status == 0);
}

static void *run_thread(void *seed)
{
    static _Thread_local struct block blocks[COUNT];
    uint32_t state = (uint32_t)(uintptr_t)seed;
    for (int forks = 1; !atomic_load(&stop); forks++) {
        for (int step = 0; step < STEPS_PER_FORK; step++) {
            blocks_step(blocks, COUNT, &state);
            parcels_step(&state);
            if (step % 8 == 0) {
                churn(&state);
            }
        }
        fork_once(blocks, &state);
        if (forks == forks_left_per_thread) {
            break;
        }
    }
    blocks_free(blocks, COUNT);
    return NULL;
}

static void run_threads(int forks_per_thread, int seconds)
{
    pthread_t threads[THREADS];
    forks_left_per_thread = forks_per_thread;
    for (size_t i = 0; i < THREADS; i++) {
        EXPECT(pthread_create(&threads[i], NULL, run_thread, (void *)(i + 1)) == 0);
    }
    struct timespec pause = {.tv_sec = seconds};
    EXPECT(nanosleep(&pause, NULL) == 0);
    atomic_store(&stop, forks_per_thread == 0);
    for (size_t i = 0; i < THREADS; i++) {
        EXPECT(pthread_join(threads[i], NULL) == 0);
    }
    parcels_end_all();
}

/* Asked twice: the first visit frees what had to be left for later while a fork was under way. */
static size_t settled_live_bytes(void)
{
    live_bytes();
    return live_bytes();
}

static void test(char **argv)
{
    const size_t kept_by_glibc = any_malloc_will_do() ? MIB : 0; /* in its thread cache */
    int seconds = argv[1] == NULL ? 3 : atoi(argv[1]);
    alarm((unsigned int)seconds + HANG_SECONDS);
    run_threads(WARM_UP_FORKS, 0);
    size_t before = settled_live_bytes();
    run_threads(0, seconds);
    in_case("live bytes", live_bytes() - before);
    EXPECT(settled_live_bytes() <= before + kept_by_glibc);
}
