/* SPDX-License-Identifier: Apache-2.0 */
/* A small seeded generator for tests: the same seed gives the same numbers on every machine. Not
 * for secrets. */
#ifndef QUARRY_TESTS_RANDOM_H
#define QUARRY_TESTS_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random {
    uint64_t state;
};

struct random random_from(uint64_t seed);

/* 64 equally likely bits. */
uint64_t random_next(struct random *random);

/* Uniform in 0 .. limit - 1; limit at least 1. */
uint64_t random_below(struct random *random, uint64_t limit);

/* In 1 .. max, every power of two of the range about equally likely to be hit; max at least 1. */
size_t random_log_uniform(struct random *random, size_t max);

/* The N of an argument pair `--seed N` (decimal or 0x...), else one made of the clock and the
 * process id. Prints it on standard output at once, so that a run that dies can be repeated. */
uint64_t random_seed_from_args(int argc, char **argv);

#define UNUSABLE_ARGUMENTS 2

/* The N of an argument pair `NAME N`, else the usual number. Exits with UNUSABLE_ARGUMENTS if N is
 * no number. */
size_t number_from_args(int argc, char **argv, const char *name, size_t usual);

/* The environment's QUARRY_TEST_SCALE, at least 1: slow tools, and builds whose tests are run
 * again, run so many times fewer rounds. */
size_t test_scale(void);

/* count divided by it, at least 1. */
size_t scaled_rounds(size_t count);

#endif
