/* SPDX-License-Identifier: Apache-2.0 */
/* Plays in which a process dies in the middle of a call on a shared slab or heap:
 *
 *   the parent      has blocks of its own, and looks after everything in the end
 *   the victim      makes the call of a scene, is stepped through it, and killed
 *   waiters         sleep for a block meanwhile, and are stopped while the victim lives
 *   a giver         gives a block back once the victim waits
 *   somebody dead   has left blocks, which the victim gives back */
#ifndef QUARRY_TESTS_TORN_PLAY_H
#define QUARRY_TESTS_TORN_PLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <quarry/shared.h>

#define TORN_BLOCKS      4u
#define TORN_BLOCK_BYTES 32u
#define TORN_HEAP_BYTES  800u
#define TORN_WAITERS     4u
#define TORN_HALF_BYTES  16384u /* of the shared memory: the slab's, and the heap's */

/* In shared memory, at the same address in all processes. */
struct torn_stage {
    _Alignas(64) char slab[TORN_HALF_BYTES];
    _Alignas(64) char heap[TORN_HALF_BYTES];
    uint32_t stop; /* atomic: the giver is not needed any more */
};

extern struct torn_stage *torn_stage;
extern struct k_mem_slab *torn_slab;
extern struct k_heap torn_heap;
extern pid_t torn_dead; /* who has left blocks */

/* What processes do, each in one of its own; NULL: there is no such process. */
struct torn_scene {
    const char *name;
    void (*arrange)(void); /* the victim, before it is stepped through ... */
    void (*call)(void);    /* ... this */
    void (*wait)(void);    /* each of the waiters; takes one block */
    size_t waiters;
    void (*give)(void);  /* the giver; calls torn_await_cue */
    void (*leave)(void); /* somebody who is dead before the others come */
};

struct torn_play {
    const struct torn_scene *scene;
    pid_t victim;
    pid_t giver; /* or one that is no process */
    pid_t waiters[TORN_WAITERS];
    bool slab_died; /* the victim had that lock when it died */
    bool heap_died;
};

/* Maps the stage. False if there is no memory. */
bool torn_begin(void);

/* Makes the objects anew, and lets all processes come: the victim stands before its call. Skips the
 * running test where no process may be traced. */
void torn_open(struct torn_play *play, const struct torn_scene *scene);
/* Another victim, which has no blocks and makes this call. */
pid_t torn_victim(const struct torn_scene *scene);
/* Lets a victim take one step. False iff it has ended. */
bool torn_step(pid_t victim);
/* Kills a victim that has not ended. */
void torn_kill(struct torn_play *play);
/* Fails the running test unless all is as it must be once the victim is dead: the check says
 * whether it had the lock, slab and heap are in order, and once the blocks of the dead were given
 * back, every waiter has one block, and else there are those of the parent, with what the parent
 * wrote. */
void torn_close(const struct torn_play *play);

/* For a giver that has taken its block: returns true once has_waiter does, false if the play is
 * over. */
bool torn_await_cue(bool (*has_waiter)(void));

#endif
