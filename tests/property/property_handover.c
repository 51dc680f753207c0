/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines and hand-overs that meet, as often as asked for.
 *
 *    property_handover [--meetings N] [--seed S]
 *
 * Four threads want the one block of a slab, each for at most some microseconds, and hold it for
 * about as long. Each attempt that finds no block ends in one of two ways: the deadline passes, or
 * the block is handed over. These meetings are counted. After each, the block is nobody else's; at
 * the end it is there, and nobody waits. */
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <quarry/mem_slab.h>
#include <zephyr/kernel.h>

#include "../support/random.h"

#define THREADS     4u
#define BLOCK_BYTES 64u
#define LONGEST_NS  16384u
#define HOLD_STEPS  2048u

K_MEM_SLAB_DEFINE_STATIC(slab, BLOCK_BYTES, 1, 8);

static uint64_t meetings_wanted = 20000;
static uint64_t meetings;   /* atomic */
static uint64_t deadlines;  /* atomic: meetings that the deadline won */
static uint32_t holder;     /* atomic: number of the thread that has the block, from 1 on */
static uint32_t complaints; /* atomic */

struct player {
    pthread_t thread;
    uint32_t number;
    struct random random;
};

static void complain(const char *what)
{
    fprintf(stderr, "%s\n", what);
    __atomic_add_fetch(&complaints, 1, __ATOMIC_RELAXED);
}

static void hold(struct player *player, void *mem)
{
    uint32_t nobody = 0;
    uint32_t me = player->number;

    if (!__atomic_compare_exchange_n(&holder, &nobody, me, false, __ATOMIC_RELAXED,
                                     __ATOMIC_RELAXED)) {
        complain("two threads have the block");
    }
    memset(mem, (int)me, BLOCK_BYTES);
    for (uint64_t i = random_below(&player->random, HOLD_STEPS); i > 0; i--) {
        __asm__ volatile("");
    }
    __atomic_store_n(&holder, 0, __ATOMIC_RELAXED);
    k_mem_slab_free(&slab, mem);
}

static void attempt(struct player *player)
{
    void *mem = player;

    if (k_mem_slab_alloc(&slab, &mem, K_NO_WAIT) == 0) {
        hold(player, mem);
        return;
    }
    mem = player;
    int result =
        k_mem_slab_alloc(&slab, &mem, K_NSEC(1 + random_below(&player->random, LONGEST_NS)));
    __atomic_add_fetch(&meetings, 1, __ATOMIC_RELAXED);
    if (result == 0) {
        hold(player, mem);
    } else if (result == -EAGAIN && mem == player) {
        __atomic_add_fetch(&deadlines, 1, __ATOMIC_RELAXED);
    } else {
        complain("a deadline has left something else behind");
    }
}

static void *play(void *arg)
{
    while (__atomic_load_n(&meetings, __ATOMIC_RELAXED) < meetings_wanted) {
        attempt((struct player *)arg);
    }
    return arg;
}

static uint64_t read_arguments(int argc, char **argv)
{
    uint64_t seed = (uint64_t)time(NULL);

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--meetings") == 0) {
            meetings_wanted = strtoull(argv[i + 1], NULL, 0);
        } else if (strcmp(argv[i], "--seed") == 0) {
            seed = strtoull(argv[i + 1], NULL, 0);
        } else {
            fprintf(stderr, "usage: property_handover [--meetings N] [--seed S]\n");
            exit(2);
        }
    }
    return seed;
}

int main(int argc, char **argv)
{
    static struct player players[THREADS];
    uint64_t seed = read_arguments(argc, argv);

    printf("seed %" PRIu64 "\n", seed);
    for (uint32_t i = 0; i < THREADS; i++) {
        players[i].number = i + 1;
        players[i].random = random_from(seed + i);
        if (pthread_create(&players[i].thread, NULL, play, &players[i]) != 0) {
            return 2;
        }
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        pthread_join(players[i].thread, NULL);
    }
    printf("%" PRIu64 " meetings, %" PRIu64 " won by the deadline; blocks in use: %" PRIu32 "\n",
           meetings, deadlines, k_mem_slab_num_used_get(&slab));
    bool good = complaints == 0 && k_mem_slab_num_used_get(&slab) == 0 && slab.wait_q.first == 0 &&
                quarry_mem_slab_validate(&slab);
    puts(good ? "agreed" : "NOT agreed");
    return good ? 0 : 1;
}
