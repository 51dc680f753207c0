/* SPDX-License-Identifier: Apache-2.0 */
/* A signal handler may allocate, and may free its own blocks and those of the thread it
 * interrupted, even if it interrupted malloc or free: no deadlock, no damage. */
#include <signal.h>
#include <time.h>

#include "../blocks.h"
#include "../memory_use.h"
#include "../interrupt.h"

enum { HANDLER_BLOCKS = 30, INTERVAL_NS = 100000, SECONDS = 1 };

static struct block in_handler[HANDLER_BLOCKS];
static struct block handed_over; /* valid iff `is_handed_over` */
static volatile sig_atomic_t is_handed_over;
static volatile sig_atomic_t signals;

static void handle(int number)
{
    static uint32_t state = 41;
    (void)number;
    int saved = errno;
    for (int step = 0; step < 4; step++) {
        blocks_step(in_handler, HANDLER_BLOCKS, &state);
    }
    if (is_handed_over) {
        block_free(&handed_over); /* sets the start to NULL */
        is_handed_over = 0;
    }
    signals++;
    errno = saved;
}

static void test(char **argv)
{
    static struct block blocks[300];
    uint32_t state = 43;
    time_t end = time(NULL) + SECONDS + 1;
    free(malloc(1));
    size_t before = live_bytes();
    interrupt_every(INTERVAL_NS, handle);
    while (time(NULL) < end || signals < 100) {
        for (int step = 0; step < 100; step++) {
            blocks_step(blocks, 300, &state);
        }
        churn(&state);
        if (!is_handed_over) {
            block_allocate(&handed_over, &state);
            is_handed_over = 1;
        }
    }
    signal(SIGUSR1, SIG_IGN);
    blocks_free(blocks, 300);
    blocks_free(in_handler, HANDLER_BLOCKS);
    block_free(&handed_over);
    live_bytes(); /* visits all parts, which frees what a handler had to leave for later */
    in_case("live bytes", live_bytes() - before);
    EXPECT(live_bytes() == before);
}
