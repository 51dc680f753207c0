/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers for workloads: the same on every machine, and cheap beside a call of malloc. */
#ifndef QUARRY_WORKLOADS_RANDOM_H
#define QUARRY_WORKLOADS_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random {
    uint64_t state; /* never 0 */
};

/* A number whose every bit depends on every bit of `value`; no two values share one. */
static inline uint64_t random_mix(uint64_t value)
{
    value += UINT64_C(0x9E3779B97F4A7C15); /* 2^64 / golden ratio: or else 0 would stay 0 */
    value = (value ^ (value >> 33)) * UINT64_C(0xFF51AFD7ED558CCD);
    value = (value ^ (value >> 33)) * UINT64_C(0xC4CEB9FE1A85EC53);
    return value ^ (value >> 33);
}

/* A sequence of its own for each pair of numbers. */
static inline struct random random_of(uint64_t seed, uint64_t stream)
{
    return (struct random){random_mix(random_mix(seed) ^ stream) | 1};
}

/* xorshift64, whose low bits a product spreads upwards. */
static inline uint64_t random_bits(struct random *random)
{
    random->state ^= random->state << 13;
    random->state ^= random->state >> 7;
    random->state ^= random->state << 17;
    return random->state * UINT64_C(0x2545F4914F6CDD1D);
}

/* 0 to limit - 1. `limit` is 1 to 2^32. */
static inline size_t random_below(struct random *random, uint64_t limit)
{
    return (size_t)(((random_bits(random) >> 32) * limit) >> 32);
}

/* least to most, each as likely as any other. */
static inline size_t random_between(struct random *random, size_t least, size_t most)
{
    return least + random_below(random, (uint64_t)(most - least) + 1);
}

/* The logarithm to base 2 in units of 2^-32, with a straight line between powers of two.
 * `value` is 1 to 2^31. */
static inline uint64_t random_logarithm(size_t value)
{
    unsigned int power = 63u - (unsigned int)__builtin_clzll(value);

    return ((uint64_t)power << 32) + (((uint64_t)value << (32 - power)) - (UINT64_C(1) << 32));
}

/* least to most, log-uniform: as many between 8 and 16 as between 16 KiB and 32 KiB. Between powers
 * of two each is as likely as any other, so that no two C libraries round differently.
 * Both are 1 to 2^31. */
static inline size_t random_log_uniform(struct random *random, size_t least, size_t most)
{
    uint64_t low = random_logarithm(least);
    uint64_t range = random_logarithm(most) - low + 1;
    uint64_t place = low + random_bits(random) % range;
    uint64_t mantissa = (UINT64_C(1) << 32) | (place & UINT32_MAX);

    return (size_t)((mantissa << (place >> 32)) >> 32);
}

#endif
