/* SPDX-License-Identifier: Apache-2.0 */
/* A program of one thread may fork in a signal handler that interrupted malloc or free: neither
 * process deadlocks, and the child may even allocate ("allocate"). */
#include <signal.h>
#include <time.h>

#include "../children.h"
#include "../interrupt.h"

enum { FORKS = 300, INTERVAL_NS = 700000 };

static volatile sig_atomic_t forks;
static int child_allocates;

static void fork_here(int number)
{
    (void)number;
    int saved = errno;
    pid_t child = fork();
    if (child == 0) {
        alarm(HANG_SECONDS / 2);
        if (child_allocates) {
            free(realloc(malloc(100), 5000));
        }
        _exit(0);
    }
    expect_exits_0(child);
    forks++;
    errno = saved;
}

static void test(char **argv)
{
    static struct block blocks[200];
    uint32_t state = 33;
    child_allocates = argv[1] != NULL && strcmp(argv[1], "allocate") == 0;
    interrupt_every(INTERVAL_NS, fork_here);
    while (forks < FORKS) {
        blocks_step(blocks, 200, &state);
        churn(&state);
    }
    signal(SIGUSR1, SIG_IGN);
    blocks_free(blocks, 200);
}
