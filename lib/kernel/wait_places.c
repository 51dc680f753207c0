/* SPDX-License-Identifier: Apache-2.0 */
/* Places for waiters in shared memory.
 *
 *    | object | place 0 | place 1 | ... | place n - 1 | blocks |
 *                 alive: locked by the thread that waits here
 *
 * A lock and not a process id says who is alive: ids are used again, threads end without their
 * process, and the kernel gives a robust lock free in the moment of death. */
#include "kernel/wait_places.h"

#include "os/os.h"

bool wait_places_init(struct waiter *places, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        places[i].waits = places[i].queued = false;
        places[i].served = 0;
        wakeup_init(&places[i].wakeup,
                    true); /* once: a post may come late, for the next who waits */
        if (!lock_init(&places[i].alive, LOCK_RANK_WAITER, LOCK_SHARED)) {
            return false;
        }
    }
    return true;
}

bool wait_place_is_dead(struct waiter *place)
{
    if (!lock_try_shared(&place->alive)) {
        return false;
    }
    lock_release(&place->alive);
    return true;
}

struct waiter *wait_place_take(const struct wait_queue *queue)
{
    for (uint32_t i = 0; i < queue->waiters->shared_places; i++) {
        struct waiter *place = &queue->places[i];

        if (lock_try_shared(&place->alive)) {
            return place;
        }
    }
    return NULL;
}

void wait_place_leave(struct waiter *place)
{
    place->waits = false;
    __atomic_store_n(&place->served, 0, __ATOMIC_RELEASE);
    lock_release(&place->alive);
}

static bool is_earlier(const struct waiter *a, const struct waiter *b)
{
    return a->arrival != b->arrival ? a->arrival < b->arrival : a < b;
}

struct waiter *wait_place_next_arrival(const struct wait_queue *queue, const struct waiter *earlier)
{
    struct waiter *next = NULL;

    for (uint32_t i = 0; i < queue->waiters->shared_places; i++) {
        struct waiter *place = &queue->places[i];

        if (place->waits && place->served == 0 && !wait_place_is_dead(place) &&
            (earlier == NULL || is_earlier(earlier, place)) &&
            (next == NULL || is_earlier(place, next))) {
            next = place;
        }
    }
    return next;
}

bool wait_place_was_told(const struct wait_queue *queue, const void *mem)
{
    for (uint32_t i = 0; i < queue->waiters->shared_places; i++) {
        struct waiter *place = &queue->places[i];

        if (place->served != 0 && wait_queue_at(queue, place->result) == mem &&
            !wait_place_is_dead(place)) {
            return true;
        }
    }
    return false;
}
