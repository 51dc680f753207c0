/* SPDX-License-Identifier: Apache-2.0 */
/* Child processes that a test waits for, and threads that allocate meanwhile. */
#ifndef QUARRY_TESTS_INTERPOSER_CHILDREN_H
#define QUARRY_TESTS_INTERPOSER_CHILDREN_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "blocks.h"

/* Waits for a child and requires that it exited with 0: a hanging one was ended by its alarm. */
static inline void expect_exits_0(pid_t child)
{
    int status = 0;
    EXPECT(child > 0);
    pid_t waited = waitpid(child, &status, 0);
    while (waited < 0 && errno == EINTR) {
        waited = waitpid(child, &status, 0);
    }
    in_case("wait status", (size_t)status);
    EXPECT(waited == child && status == 0);
}

/* fork; the child gets an alarm of its own, as a fork does not inherit one. */
static inline pid_t fork_with_alarm(void)
{
    pid_t child = fork();
    EXPECT(child >= 0);
    if (child == 0) {
        alarm(HANG_SECONDS / 2);
    }
    return child;
}

enum { BACKGROUND_THREADS = 3, BACKGROUND_BLOCKS = 100 };

struct background {
    atomic_bool stop;
    pthread_t threads[BACKGROUND_THREADS];
};

static inline void *background_run(void *context)
{
    struct background *background = (struct background *)context;
    struct block blocks[BACKGROUND_BLOCKS] = {{NULL, 0, 0}};
    uint32_t state = (uint32_t)(uintptr_t)&blocks | 1;
    while (!atomic_load_explicit(&background->stop, memory_order_relaxed)) {
        blocks_step(blocks, BACKGROUND_BLOCKS, &state);
        churn(&state);
    }
    blocks_free(blocks, BACKGROUND_BLOCKS);
    return NULL;
}

/* Starts threads that allocate and free until background_stop. */
static inline void background_start(struct background *background)
{
    atomic_init(&background->stop, 0);
    for (int i = 0; i < BACKGROUND_THREADS; i++) {
        EXPECT(pthread_create(&background->threads[i], NULL, background_run, background) == 0);
    }
}

static inline void background_stop(struct background *background)
{
    atomic_store(&background->stop, 1);
    for (int i = 0; i < BACKGROUND_THREADS; i++) {
        EXPECT(pthread_join(background->threads[i], NULL) == 0);
    }
}

#endif
