/* SPDX-License-Identifier: Apache-2.0 */
/* The test generator: a counter that steps by an odd number, and a mixer that spreads each change
 * of the counter over all 64 bits. Every 64-bit value comes exactly once per period of 2^64. */
#include "random.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* 2^64 divided by the golden ratio, made odd: consecutive counters differ in many bits. */
#define COUNTER_STEP 0x9e3779b97f4a7c15u

struct random random_from(uint64_t seed)
{
    return (struct random){.state = seed};
}

uint64_t random_next(struct random *random)
{
    random->state += COUNTER_STEP;
    uint64_t bits = random->state;
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
    return bits ^ (bits >> 31);
}

uint64_t random_below(struct random *random, uint64_t limit)
{
    /* The bias is below limit / 2^64: no test can notice it. */
    return random_next(random) % limit;
}

size_t random_log_uniform(struct random *random, size_t max)
{
    unsigned int max_bits = 64u - (unsigned int)__builtin_clzll(max);
    unsigned int bits = (unsigned int)random_below(random, max_bits);
    uint64_t low = UINT64_C(1) << bits;
    uint64_t value = low + (random_next(random) & (low - 1u));
    return value > max ? max : (size_t)value;
}

static uint64_t seed_of_this_moment(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct random mixer = random_from((uint64_t)now.tv_sec * 1000000007u + (uint64_t)now.tv_nsec);
    mixer.state ^= (uint64_t)getpid() << 40;
    return random_next(&mixer) >> 32; /* short enough to be typed */
}

uint64_t random_seed_from_args(int argc, char **argv)
{
    uint64_t seed = seed_of_this_moment();
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], "--seed") == 0) {
            seed = strtoull(argv[i + 1], NULL, 0);
        }
    }
    printf("seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    return seed;
}

static size_t number_or_exit(const char *program, const char *text)
{
    char *end;

    errno = 0;
    unsigned long long value = strtoull(text, &end, 0);
    if (*text == '\0' || *end != '\0' || errno != 0) {
        fprintf(stderr, "%s: not a number: %s\n", program, text);
        exit(UNUSABLE_ARGUMENTS);
    }
    return (size_t)value;
}

size_t number_from_args(int argc, char **argv, const char *name, size_t usual)
{
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            return number_or_exit(argv[0], argv[i + 1]);
        }
    }
    return usual;
}

size_t test_scale(void)
{
    const char *text = getenv("QUARRY_TEST_SCALE");
    size_t scale = text == NULL ? 1 : strtoul(text, NULL, 10);

    return scale == 0 ? 1 : scale;
}

size_t scaled_rounds(size_t count)
{
    size_t rounds = count / test_scale();

    return count != 0 && rounds == 0 ? 1 : rounds;
}
