/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks that go from thread to thread through common slots: each says itself how long it is and
 * what it holds, so that whoever takes it can check it.
 */
#ifndef QUARRY_TESTS_INTERPOSER_PARCELS_H
#define QUARRY_TESTS_INTERPOSER_PARCELS_H

#include "blocks.h"

enum { PARCEL_SLOTS = 256 };

struct parcel {
    size_t bytes;
    unsigned char mark;
    unsigned char content[];
};

static struct parcel *parcel_slots[PARCEL_SLOTS];

static inline struct parcel *parcel_make(uint32_t *state)
{
    size_t bytes = random_size(state);
    struct parcel *parcel = (struct parcel *)malloc(sizeof(*parcel) + bytes);
    EXPECT(parcel != NULL);
    parcel->bytes = bytes;
    parcel->mark = (unsigned char)next_random(state);
    memset(parcel->content, parcel->mark, bytes);
    return parcel;
}

/* Checks a parcel, if there is one, and frees it, possibly after it was made smaller. */
static inline void parcel_end(struct parcel *parcel, int resize)
{
    if (parcel == NULL) {
        return;
    }
    EXPECT(is_filled(parcel->content, parcel->mark, parcel->bytes));
    if (resize) {
        parcel->bytes /= 2;
        parcel = (struct parcel *)realloc(parcel, sizeof(*parcel) + parcel->bytes);
        EXPECT(parcel != NULL && is_filled(parcel->content, parcel->mark, parcel->bytes));
    }
    free(parcel);
}

/* Puts a new parcel, or none, in a random slot, and ends the one that was there. */
static inline void parcels_step(uint32_t *state)
{
    struct parcel **slot = &parcel_slots[next_random(state) % PARCEL_SLOTS];
    struct parcel *mine = next_random(state) % 8 == 0 ? NULL : parcel_make(state);
    parcel_end(__atomic_exchange_n(slot, mine, __ATOMIC_ACQ_REL), next_random(state) % 4 == 0);
}

static inline void parcels_end_all(void)
{
    for (int i = 0; i < PARCEL_SLOTS; i++) {
        parcel_end(__atomic_exchange_n(&parcel_slots[i], NULL, __ATOMIC_ACQ_REL), 0);
    }
}

#endif
