/* SPDX-License-Identifier: Apache-2.0 */
/* Both kinds of threads do the same. */
#include "slab_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "os/os.h"
#include "slab_queue.h"

static void take(struct slab_client *client)
{
    uint64_t before_ns = os_now_ns();

    client->mem = client;
    client->result = k_mem_slab_alloc(client->slab, &client->mem, client->timeout);
    client->waited_ns = os_now_ns() - before_ns;
    if (client->result == 0 && client->next_place != NULL) {
        client->place = (*client->next_place)++;
        k_mem_slab_free(client->slab, client->mem);
    }
}

static void run(void *client, void *p2, void *p3)
{
    (void)p2;
    (void)p3;
    take((struct slab_client *)client);
}

static void *run_posix(void *arg)
{
    struct slab_client *client = arg;

    if (client->priority != CLIENT_NO_PRIORITY) {
        k_thread_priority_set(k_current_get(), client->priority);
    } else {
        client->priority = k_thread_priority_get(k_current_get());
    }
    take(client);
    return NULL;
}

void client_begin(struct slab_client *client)
{
    if (client->made_by_pthread) {
        assert_int_equal(pthread_create(&client->posix_thread, NULL, run_posix, client), 0);
    } else {
        assert_non_null(k_thread_create(&client->thread, NULL, 0, run, client, NULL, NULL,
                                        client->priority, 0, K_NO_WAIT));
    }
}

void client_queue_up(struct slab_client *client, size_t count)
{
    client_begin(client);
    await_slab_waiters(client->slab, count);
}

void client_end(struct slab_client *client)
{
    if (client->made_by_pthread) {
        pthread_join(client->posix_thread, NULL);
    } else {
        assert_int_equal(k_thread_join(&client->thread, K_FOREVER), 0);
    }
}
