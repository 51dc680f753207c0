/* SPDX-License-Identifier: Apache-2.0 */
/* A slab and a heap that processes share, each of which sees them at another address, and processes
 * that do something with them. What the tests' processes tell each other lies in `notes`. */
#ifndef QUARRY_TESTS_SHARED_OBJECTS_H
#define QUARRY_TESTS_SHARED_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <quarry/shared.h>

#define SHARED_BLOCKS      4u
#define SHARED_BLOCK_BYTES 32u
#define SHARED_HEAP_BYTES  2048u
#define SHARED_WAITERS     3u
#define SHARED_NOTES       16u

/* As the calling process sees them. */
extern struct k_mem_slab *shared_slab;
extern struct k_heap shared_heap;
extern char *shared_memory; /* what both lie in */

/* At the same address in all processes; atomic. */
extern uint64_t *shared_notes;

/* Makes both anew, and zeroes the notes. 0, or -1 if there is no memory. For cmocka. */
int shared_objects_make(void **state);
int shared_objects_drop(void **state);

/* Runs body(arg) in a child process that sees the objects at another address. Its exit code is 0
 * if body returns true. The child does not outlive its parent. */
pid_t shared_process(bool (*body)(void *arg), void *arg);
/* Waits for the process. Fails the running test unless its exit code is 0; kills one that hangs. */
void shared_process_end(pid_t process);
/* Kills the process, and waits for it. */
void shared_process_kill(pid_t process);

/* A process that dies with the lock, after it has called act. */
void shared_slab_die_inside(void (*act)(void));
void shared_heap_die_inside(void (*act)(void));

/* Living threads of all processes that wait and were not served. Puts things in order. */
size_t waiters_of_shared_slab(void);
size_t waiters_of_shared_heap(void);
/* Returns once so many wait. Fails the running test if that takes too long. */
void shared_await(size_t (*waiters)(void), size_t count);

/* A block, or NULL. */
void *shared_slab_take(void);
void *shared_heap_take(size_t bytes);

/* Takes all blocks, or all memory, so that whoever comes must wait. */
void shared_slab_take_all(void);
void shared_heap_take_all(void);

#endif
