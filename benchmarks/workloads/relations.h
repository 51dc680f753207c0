/* SPDX-License-Identifier: Apache-2.0 */
/* Squares modulo a number whose remainders are products of few small primes, and which of them
 * multiply to a square on both sides. Part of the workload `factor`. */
#ifndef QUARRY_WORKLOADS_RELATIONS_H
#define QUARRY_WORKLOADS_RELATIONS_H

#include <stdbool.h>
#include <stdint.h>
#include "number.h"

#define RELATION_MOST_PRIMES 254u
#define RELATION_COLUMNS     (RELATION_MOST_PRIMES + 1) /* column 0 is the sign's */
#define RELATION_WORDS       4u                         /* of 64 bits: one bit for each column */

/* root^2 = (-1)^exponents[0] * product of primes[i - 1]^exponents[i], modulo the number */
struct relation {
    struct number *root;
    unsigned char exponents[RELATION_COLUMNS];
};

/* A product of relations. */
struct relation_row {
    uint64_t parities[RELATION_WORDS]; /* of the exponents */
    uint64_t parts[RELATION_WORDS];    /* which relations */
};

struct relations {
    uint32_t primes[RELATION_MOST_PRIMES];
    size_t primes_count;
    struct relation *kept[RELATION_COLUMNS + 1]; /* each independent of those before */
    struct relation_row *rows[RELATION_COLUMNS]; /* by first odd column; or NULL */
    size_t count;                                /* of those kept */
};

struct relation *relation_new(void);
void relation_free(struct relation *relation);

/* Takes the relation. If it is a product of others but for squares, returns a number that has a
 * common divisor with `number` that may not be trivial; else NULL. */
struct number *relations_add(struct relations *relations, struct relation *relation,
                             const struct number *number);

void relations_end(struct relations *relations);

#endif
