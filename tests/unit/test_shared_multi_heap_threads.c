/* SPDX-License-Identifier: Apache-2.0 */
/* shared_multi_heap, used by several threads and by handlers that interrupt each of them at any
 * moment: nothing is lost, and no two have the same bytes. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include <zephyr/multi_heap/shared_multi_heap.h>
#include "../support/heap_client.h"
#include "../support/race_detector.h"
#include "../support/random.h"
#include "../support/shared_regions.h"
#include "../support/signal_timer.h"

#define HAMMERS      4u
#define SLOTS        16u
#define MOST_BYTES   1000u
#define ROUNDS       100000u
#define PAUSE_NS     100000 /* between the end of a handler and the next one */
#define HANG_SECONDS 300u

/* What a block begins with; the rest is filled with its tag. */
struct head {
    size_t bytes;
    unsigned int tag;
};

static size_t hammer_count = HAMMERS;

/* Blocks on their way from one thread to another; race detectors do not see an order in atomic
 * exchanges. */
static void *slots[SLOTS];
static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER;

/* Leaves one block and takes the other. */
static void *exchange(size_t slot, void *block)
{
    pthread_mutex_lock(&slots_lock);
    void *taken = slots[slot];
    slots[slot] = block;
    pthread_mutex_unlock(&slots_lock);
    return taken;
}

struct hammer {
    pthread_t thread;
    timer_t timer;
    struct random random;
    void *for_handler; /* atomic: a block of the thread, for its handler to free */
    size_t damaged;    /* of the thread and its handler, which are one thread */
    size_t refused;
    size_t resized;
    size_t moved_on; /* to another region */
    size_t handled;
    size_t made; /* by the handler */
};

static struct hammer hammers[HAMMERS];
static _Thread_local struct hammer *own_hammer;

static enum shared_multi_heap_attr any_kind(struct hammer *hammer)
{
    return (enum shared_multi_heap_attr)random_below(&hammer->random, SMH_REG_ATTR_NUM);
}

static void fill(struct head *head, size_t bytes, unsigned int tag)
{
    *head = (struct head){bytes, tag};
    heap_block_fill(head + 1, bytes - sizeof(*head), tag);
}

static bool is_filled(const struct head *head, size_t bytes)
{
    return heap_block_is_filled(head + 1, bytes - sizeof(*head), head->tag);
}

static void check_and_free(struct hammer *hammer, struct head *head)
{
    if (head != NULL) {
        hammer->damaged += !is_filled(head, head->bytes);
        shared_multi_heap_free(head);
    }
}

static struct head *make(struct hammer *hammer, enum shared_multi_heap_attr kind, size_t bytes)
{
    struct head *head = shared_multi_heap_alloc(kind, bytes);

    if (head != NULL) {
        fill(head, bytes, (unsigned int)(hammer - hammers));
    }
    return head;
}

static void resize(struct hammer *hammer, struct head *head)
{
    size_t bytes = sizeof(*head) + (size_t)random_below(&hammer->random, MOST_BYTES);
    size_t old_bytes = head->bytes;
    size_t number = shared_regions_number(head);
    struct head *resized = shared_multi_heap_realloc(any_kind(hammer), head, bytes);

    if (resized == NULL) {
        hammer->refused++;
        check_and_free(hammer, head);
        return;
    }
    hammer->resized++;
    hammer->moved_on += shared_regions_number(resized) != number;
    hammer->damaged += !is_filled(resized, old_bytes < bytes ? old_bytes : bytes);
    fill(resized, bytes, resized->tag);
    check_and_free(hammer, exchange(bytes % SLOTS, resized));
}

/* Takes whatever is in a slot, and frees it, resizes it, or leaves another block there. */
static void hammer_once(struct hammer *hammer)
{
    size_t slot = (size_t)random_below(&hammer->random, SLOTS);
    size_t bytes = sizeof(struct head) + (size_t)random_below(&hammer->random, MOST_BYTES);
    struct head *head = exchange(slot, NULL);

    if (head == NULL) {
        head = make(hammer, any_kind(hammer), bytes);
        hammer->refused += head == NULL;
        check_and_free(hammer, exchange(slot, head));
    } else if (bytes % 2 == 0) {
        resize(hammer, head);
    } else {
        check_and_free(hammer, head);
    }
}

static void *hammer_pool(void *arg)
{
    size_t rounds = scaled_rounds(ROUNDS);

    for (size_t i = 0; i < rounds; i++) {
        hammer_once(arg);
    }
    return NULL;
}

static void begin_hammers(void *(*run)(void *))
{
    for (size_t i = 0; i < hammer_count; i++) {
        hammers[i] = (struct hammer){.random = random_from(i)};
        assert_int_equal(pthread_create(&hammers[i].thread, NULL, run, &hammers[i]), 0);
    }
}

/* Nothing is lost: once all blocks are given back, all heaps are empty. */
static void end_hammers(void)
{
    for (size_t i = 0; i < hammer_count; i++) {
        pthread_join(hammers[i].thread, NULL);
    }
    for (size_t i = 0; i < SLOTS; i++) {
        check_and_free(&hammers[0], exchange(i, NULL));
    }
    for (size_t i = 0; i < hammer_count; i++) {
        print_message("resized %zu, of these to another region %zu; refused %zu; handlers %zu, "
                      "which made %zu\n",
                      hammers[i].resized, hammers[i].moved_on, hammers[i].refused,
                      hammers[i].handled, hammers[i].made);
        assert_int_equal(hammers[i].damaged, 0);
    }
    assert_true(shared_regions_are_empty());
}

static void nothing_is_lost_between_threads(void **state)
{
    begin_hammers(hammer_pool);
    end_hammers();
}

static void hammer_in_handler(int number)
{
    struct hammer *hammer = own_hammer;
    enum shared_multi_heap_attr kind =
        (enum shared_multi_heap_attr)(hammer->handled++ % SMH_REG_ATTR_NUM);

    (void)number;
    check_and_free(hammer, __atomic_exchange_n(&hammer->for_handler, NULL, __ATOMIC_RELAXED));
    struct head *head = make(hammer, kind, sizeof(*head) + 8);
    if (head != NULL) {
        hammer->made++;
        check_and_free(hammer, head);
    }
    signal_timer_set(hammer->timer, PAUSE_NS);
}

static void *hammer_interrupted(void *arg)
{
    struct hammer *hammer = arg;
    size_t rounds = scaled_rounds(ROUNDS);

    own_hammer = hammer;
    hammer->timer = signal_timer_make(SIGUSR2);
    signal_timer_set(hammer->timer, PAUSE_NS);
    for (size_t i = 0; i < rounds || hammer->handled < SLOTS; i++) {
        struct head *head = make(hammer, SMH_REG_ATTR_CACHEABLE, sizeof(*head) + i % MOST_BYTES);

        check_and_free(hammer, __atomic_exchange_n(&hammer->for_handler, head, __ATOMIC_RELAXED));
        hammer_once(hammer);
    }
    timer_delete(hammer->timer);
    check_and_free(hammer, __atomic_exchange_n(&hammer->for_handler, NULL, __ATOMIC_RELAXED));
    return NULL;
}

static void nothing_is_lost_between_threads_and_their_handlers(void **state)
{
    /* Race detectors do not see the order between a handler that has no lock and the thread that
     * has. */
    hammer_count = race_detector_announce() ? 1 : HAMMERS / 2;
    signal(SIGUSR2, hammer_in_handler);
    begin_hammers(hammer_interrupted);
    end_hammers();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_between_threads),
        cmocka_unit_test(nothing_is_lost_between_threads_and_their_handlers),
    };

    race_detector_announce();
    shared_regions_add();
    alarm(HANG_SECONDS);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
