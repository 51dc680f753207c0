/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing: a digest is its own hash, and sits in the first free slot from there on. The
 * table doubles when it is two thirds full. */
#include "digest_set.h"

#include <stdio.h>
#include <stdlib.h>

#define FIRST_CAPACITY ((size_t)1 << 16)

static uint64_t *empty_slots(size_t capacity)
{
    uint64_t *slots = calloc(capacity, sizeof slots[0]);
    if (slots == NULL) {
        perror("digest_set");
        exit(2);
    }
    return slots;
}

void digest_set_open(struct digest_set *set)
{
    *set = (struct digest_set){.slots = empty_slots(FIRST_CAPACITY), .capacity = FIRST_CAPACITY};
}

void digest_set_close(struct digest_set *set)
{
    free(set->slots);
}

/* The slot that has the digest, or the one to put it into. */
static uint64_t *slot_for(const struct digest_set *set, uint64_t digest)
{
    size_t mask = set->capacity - 1;
    size_t index = (size_t)digest & mask;
    while (set->slots[index] != 0 && set->slots[index] != digest) {
        index = (index + 1) & mask;
    }
    return &set->slots[index];
}

static void grow(struct digest_set *set)
{
    struct digest_set larger = {.capacity = set->capacity * 2, .count = set->count};
    larger.slots = empty_slots(larger.capacity);
    for (size_t i = 0; i < set->capacity; i++) {
        if (set->slots[i] != 0) {
            *slot_for(&larger, set->slots[i]) = set->slots[i];
        }
    }
    free(set->slots);
    *set = larger;
}

bool digest_set_insert(struct digest_set *set, uint64_t digest)
{
    digest += digest == 0;
    uint64_t *slot = slot_for(set, digest);
    if (*slot == digest) {
        return false;
    }
    *slot = digest;
    set->count++;
    if (set->count > set->capacity / 3 * 2) {
        grow(set);
    }
    return true;
}
