/* SPDX-License-Identifier: Apache-2.0 */
/* A set of 64-bit digests. */
#ifndef QUARRY_TESTS_DIGEST_SET_H
#define QUARRY_TESTS_DIGEST_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct digest_set {
    uint64_t *slots; /* 0: empty */
    size_t capacity; /* a power of two */
    size_t count;
};

/* The functions end the program if memory runs out. */
void digest_set_open(struct digest_set *set);
void digest_set_close(struct digest_set *set);

/* Inserts a digest; true iff it was not there. (0 and 1 are taken for the same.) */
bool digest_set_insert(struct digest_set *set, uint64_t digest);

#endif
