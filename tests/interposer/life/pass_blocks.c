/* SPDX-License-Identifier: Apache-2.0 */
/* Threads free and resize each other's blocks, taken from common slots, while generations of
 * threads come and go. */
#include <pthread.h>

#include "../blocks.h"

enum { SLOTS = 256, THREADS = 4, GENERATIONS = 60, STEPS = 3000 };

struct parcel {
    size_t bytes;
    unsigned char mark;
    unsigned char content[];
};

static struct parcel *slots[SLOTS];

static struct parcel *send_parcel(uint32_t *state)
{
    size_t bytes = random_size(state);
    struct parcel *parcel = malloc(sizeof(*parcel) + bytes);
    EXPECT(parcel != NULL);
    parcel->bytes = bytes;
    parcel->mark = (unsigned char)next_random(state);
    memset(parcel->content, parcel->mark, bytes);
    return parcel;
}

static void receive_parcel(struct parcel *parcel, int resize)
{
    if (parcel == NULL) {
        return;
    }
    EXPECT(is_filled(parcel->content, parcel->mark, parcel->bytes));
    if (resize) {
        parcel = realloc(parcel, sizeof(*parcel) + parcel->bytes / 2);
        EXPECT(parcel != NULL && is_filled(parcel->content, parcel->mark, parcel->bytes / 2));
    }
    free(parcel);
}

static void *exchange_parcels(void *seed)
{
    uint32_t state = (uint32_t)(uintptr_t)seed;
    for (int step = 0; step < STEPS; step++) {
        struct parcel **slot = &slots[next_random(&state) % SLOTS];
        struct parcel *mine = step % 8 == 7 ? NULL : send_parcel(&state);
        receive_parcel(__atomic_exchange_n(slot, mine, __ATOMIC_ACQ_REL), step % 4 == 0);
    }
    return NULL;
}

static void test(char **argv)
{
    pthread_t threads[THREADS] = {0};
    for (uintptr_t i = 0; i < THREADS * GENERATIONS; i++) {
        pthread_t *thread = &threads[i % THREADS];
        EXPECT(i < THREADS || pthread_join(*thread, NULL) == 0);
        EXPECT(pthread_create(thread, NULL, exchange_parcels, (void *)(i + 1)) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        EXPECT(pthread_join(threads[i], NULL) == 0);
    }
    for (int i = 0; i < SLOTS; i++) {
        receive_parcel(slots[i], 0);
    }
}
