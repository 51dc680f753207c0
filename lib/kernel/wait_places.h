/* SPDX-License-Identifier: Apache-2.0 */
/* The waiters of an object that processes share: an array in the memory behind the object. Whoever
 * holds a place's lock `alive` has the place; the kernel takes the lock from the dead. */
#ifndef QUARRY_KERNEL_WAIT_PLACES_H
#define QUARRY_KERNEL_WAIT_PLACES_H

#include "kernel/wait_queue.h"

/* Makes the places of a new object. False if the system has no such locks. */
bool wait_places_init(struct waiter *places, uint32_t count);

/* With the object's lock held: a place for the calling thread, or NULL if all are taken. */
struct waiter *wait_place_take(const struct wait_queue *queue);
/* The calling thread's place is free again. */
void wait_place_leave(struct waiter *place);

/* With the object's lock held: whether nobody has the place any more. */
bool wait_place_is_dead(struct waiter *place);

/* With the object's lock held: whether a living waiter was told that it has a block. */
bool wait_place_was_told(const struct wait_queue *queue, const void *mem);

/* With the object's lock held: of the living who wait and were not served, the one that queued up
 * next after `earlier`; the first one if that is NULL; NULL if there is none. */
struct waiter *wait_place_next_arrival(const struct wait_queue *queue,
                                       const struct waiter *earlier);

#endif
