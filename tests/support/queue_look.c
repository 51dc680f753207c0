/* SPDX-License-Identifier: Apache-2.0 */
#include "queue_look.h"

#include "os/os.h"

size_t queue_waiters(const struct wait_queue *queue)
{
    struct stay stay;
    size_t count = 0;

    if (wait_queue_enter(queue, &stay)) {
        for (struct waiter *waiter = wait_queue_first(queue); waiter != NULL;
             waiter = wait_queue_after(queue, waiter)) {
            count++;
        }
        wait_queue_leave(queue, &stay);
    }
    return count;
}

void await_queue_waiters(const struct wait_queue *queue, size_t count)
{
    while (queue_waiters(queue) != count) {
        os_yield();
    }
}
