/* SPDX-License-Identifier: Apache-2.0 */
/* Every sequence of calls on heaps of a few units, up to a depth.
 *
 *     exhaustive_sys_heap [--units N,N,...] [--depth N] [--seconds N] [--states N]
 *                         [--policy zephyr|fine|all]
 *
 * For each of the sizes (units of 8 bytes that a fresh heap has to give), at each of two addresses
 * (0 and 8 modulo 64, as alignments depend on it), and for each policy: all states that the heap
 * can get into, and all calls in each of them, checked against the reference model and the
 * contract. See exhaustive_search.c for what is asserted, and why no sequence is left out. Stops at
 * a depth (0: none), after so many seconds in all, or after so many states of one heap; says for
 * each heap how far it got. The environment's QUARRY_TEST_SCALE divides the number of states. Exit:
 * 0 no problem, 1 a problem, 2 unusable arguments or out of memory. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "../support/heap_policies.h"
#include "../support/random.h"
#include "exhaustive_search.h"

#define SIZES_MAX   16u
#define SHIFT_STEP  8u
#define SHIFT_COUNT 2u

struct arguments {
    unsigned int units[SIZES_MAX];
    size_t size_count;
    struct search_limits limits; /* seconds: of the whole run */
    unsigned int first_policy;
    unsigned int end_policy;
};

static _Noreturn void refuse(const char *problem, const char *subject)
{
    fprintf(stderr, "exhaustive_sys_heap: %s: %s\n", problem, subject);
    exit(UNUSABLE_ARGUMENTS);
}

/* Reads a number; *end is set behind it. */
static size_t number_until(const char *text, char **end)
{
    errno = 0;
    unsigned long long value = strtoull(text, end, 0);
    if (*end == text || errno != 0) {
        refuse("not a number", text);
    }
    return (size_t)value;
}

static size_t number(const char *text)
{
    char *end;
    size_t value = number_until(text, &end);
    if (*end != '\0') {
        refuse("not a number", text);
    }
    return value;
}

static void take_sizes(struct arguments *arguments, const char *text)
{
    arguments->size_count = 0;
    for (char *end; arguments->size_count < SIZES_MAX; text = end + 1) {
        size_t units = number_until(text, &end);
        if (units < 2 || units > TINY_UNITS_MAX) {
            refuse("not a number of units from 2 to 32", text);
        }
        arguments->units[arguments->size_count++] = (unsigned int)units;
        if (*end != ',') {
            return;
        }
    }
}

static void take_policy(struct arguments *arguments, const char *name)
{
    arguments->first_policy = 0;
    arguments->end_policy = HEAP_POLICIES;
    if (strcmp(name, "all") == 0) {
        return;
    }
    for (unsigned int policy = 0; policy < HEAP_POLICIES; policy++) {
        if (strcmp(name, heap_policy_name((enum quarry_heap_buckets)policy)) == 0) {
            arguments->first_policy = policy;
            arguments->end_policy = policy + 1;
            return;
        }
    }
    refuse("no such policy in this build", name);
}

static void take_option(struct arguments *arguments, const char *name, const char *value)
{
    if (value == NULL) {
        refuse("unknown option, or its value is missing", name);
    }
    if (strcmp(name, "--units") == 0) {
        take_sizes(arguments, value);
    } else if (strcmp(name, "--depth") == 0) {
        arguments->limits.depth = (unsigned int)number(value);
    } else if (strcmp(name, "--seconds") == 0) {
        arguments->limits.seconds = (double)number(value);
    } else if (strcmp(name, "--states") == 0) {
        arguments->limits.states = number(value);
    } else if (strcmp(name, "--policy") == 0) {
        take_policy(arguments, value);
    } else {
        refuse("unknown option", name);
    }
}

static struct arguments parse(int argc, char **argv)
{
    struct arguments arguments = {.units = {4, 6, 8, 10}, .size_count = 4};
    arguments.end_policy = HEAP_POLICIES;
    arguments.limits = (struct search_limits){.seconds = 3600, .states = 5000000};
    for (int i = 1; i < argc; i += 2) {
        take_option(&arguments, argv[i], i + 1 < argc ? argv[i + 1] : NULL);
    }
    arguments.limits.states = scaled_rounds(arguments.limits.states);
    return arguments;
}

static bool search_heap(const struct tiny_settings *settings, const struct search_limits *limits,
                        double *seconds_left)
{
    struct search_limits here = *limits;
    struct search_result result;
    here.seconds = *seconds_left;
    bool sound = exhaustive_search(settings, &here, &result, stdout);
    *seconds_left -= result.seconds;
    printf("%s buckets, %2u units at %u: %9zu states, %11zu calls, ",
           heap_policy_name(settings->policy), settings->units, settings->shift, result.states,
           result.calls);
    if (!sound) {
        printf("PROBLEM");
    } else if (result.complete) {
        printf("complete: sequences of every length (%.1e of %u calls)", result.sequences,
               result.depth);
    } else {
        printf("all %.1e sequences of up to %u calls", result.sequences, result.depth);
    }
    printf(", %.1f s\n", result.seconds);
    fflush(stdout);
    return sound;
}

int main(int argc, char **argv)
{
    struct arguments arguments = parse(argc, argv);
    double seconds_left = arguments.limits.seconds;
    size_t policies = arguments.end_policy - arguments.first_policy;
    size_t heaps_per_size = SHIFT_COUNT * policies;
    bool sound = true;
    for (size_t heap = 0; sound && heap < arguments.size_count * heaps_per_size; heap++) {
        size_t policy = arguments.first_policy + heap / SHIFT_COUNT % policies;
        struct tiny_settings settings = {
            .units = arguments.units[heap / heaps_per_size],
            .shift = (unsigned int)(heap % SHIFT_COUNT) * SHIFT_STEP,
            .policy = (enum quarry_heap_buckets)policy,
            .modelled = true,
        };
        sound = search_heap(&settings, &arguments.limits, &seconds_left);
    }
    return sound ? EXIT_SUCCESS : EXIT_FAILURE;
}
