/* SPDX-License-Identifier: Apache-2.0 */
/* Property test of sys_heap: random calls on many heaps, compared with the reference model.
 *
 *     property_sys_heap [--seed N] [--ops N] [--heaps N] [--validate-every N]
 *                       [--save FILE] [--replay FILE] [--sabotage]
 *
 * Runs N calls spread over N heaps. Prints the seed first. Heap number i is made of the seed and i
 * alone. --save keeps the bytes of the first heap that shows a disagreement; --replay runs the heap
 * that a file of bytes describes (a saved one, or what a fuzzer found). --sabotage gives the model
 * a wrong search depth, so that the test must fail. The environment's QUARRY_TEST_SCALE divides the
 * number of calls and of heaps. Exit: 0 agreed, 1 disagreed, 2 unusable arguments. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <quarry/config.h>

#include "../support/random.h"
#include "heap_ops.h"
#include "heap_trial.h"

#define OPS_PER_HEAP 5000u
#define WRONG_TRIES  (QUARRY_HEAP_ALLOC_LOOPS + 1u)
#define REPLAY_MAX   ((size_t)64 << 20)
/* Hardening level 4 walks the whole heap in every call. */
#define OPS_DIVISOR (QUARRY_HEAP_HARDENING >= 4 ? 10u : 1u)

struct arguments {
    uint64_t seed;
    size_t ops;
    size_t heaps;
    size_t validate_every;
    const char *save;
    const char *replay;
    unsigned int tries; /* 0: the right one */
};

static _Noreturn void refuse(const char *problem, const char *subject)
{
    fprintf(stderr, "property_sys_heap: %s: %s\n", problem, subject);
    exit(UNUSABLE_ARGUMENTS);
}

static size_t number(const char *text)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 0);
    if (*text == '\0' || *end != '\0' || errno != 0) {
        refuse("not a number", text);
    }
    return (size_t)value;
}

/* Handles one option; returns how many words it takes. */
static int take_option(struct arguments *arguments, const char *name, const char *value)
{
    if (strcmp(name, "--sabotage") == 0) {
        arguments->tries = WRONG_TRIES;
        return 1;
    }
    if (value == NULL) {
        refuse("unknown option, or its value is missing", name);
    }
    if (strcmp(name, "--seed") == 0) {
        (void)number(value); /* random_seed_from_args() reads it */
    } else if (strcmp(name, "--ops") == 0) {
        arguments->ops = number(value);
    } else if (strcmp(name, "--heaps") == 0) {
        arguments->heaps = number(value);
    } else if (strcmp(name, "--validate-every") == 0) {
        arguments->validate_every = number(value);
    } else if (strcmp(name, "--save") == 0) {
        arguments->save = value;
    } else if (strcmp(name, "--replay") == 0) {
        arguments->replay = value;
    } else {
        refuse("unknown option", name);
    }
    return 2;
}

static struct arguments parse(int argc, char **argv)
{
    struct arguments arguments = {.ops = 1000000, .validate_every = 16};
    for (int i = 1; i < argc;) {
        i += take_option(&arguments, argv[i], i + 1 < argc ? argv[i + 1] : NULL);
    }
    if (arguments.replay == NULL) {
        arguments.seed = random_seed_from_args(argc, argv);
    }
    if (arguments.heaps == 0) {
        arguments.heaps = arguments.ops / OPS_PER_HEAP + 1;
    }
    arguments.ops = scaled_rounds(arguments.ops / OPS_DIVISOR);
    arguments.heaps = scaled_rounds(arguments.heaps / OPS_DIVISOR);
    return arguments;
}

static uint8_t *allocate_bytes(size_t bytes)
{
    uint8_t *mem = malloc(bytes);
    if (mem == NULL) {
        refuse("out of memory", strerror(errno));
    }
    return mem;
}

static void save_bytes(const char *path, const uint8_t *bytes, size_t length)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, length, file) != length || fclose(file) != 0) {
        refuse(path, strerror(errno));
    }
}

static bool replay(const struct arguments *arguments, const struct heap_trial_settings *settings,
                   struct heap_trial_counts *counts)
{
    FILE *file = fopen(arguments->replay, "rb");
    if (file == NULL) {
        refuse(arguments->replay, strerror(errno));
    }
    uint8_t *bytes = allocate_bytes(REPLAY_MAX);
    size_t length = fread(bytes, 1, REPLAY_MAX, file);
    fclose(file);
    bool agreed = heap_trial(bytes, length, settings, counts);
    free(bytes);
    return agreed;
}

static void make_bytes(uint64_t seed, size_t heap, uint8_t *bytes, size_t length)
{
    struct random random = random_from(seed);
    random.state ^= random_next(&random) * (heap + 1);
    for (size_t i = 0; i < length; i += sizeof(uint64_t)) {
        uint64_t word = random_next(&random);
        memcpy(bytes + i, &word, sizeof word);
    }
}

static void tell_how_to_repeat(const struct arguments *arguments, size_t heap, const uint8_t *bytes,
                               size_t length)
{
    printf(
        "  repeat:  --seed %llu --ops %zu --heaps %zu (it is heap %zu; --save FILE keeps its bytes "
        "for --replay)\n",
        (unsigned long long)arguments->seed, arguments->ops, arguments->heaps, heap);
    if (arguments->save != NULL) {
        save_bytes(arguments->save, bytes, length);
    }
}

static bool run_random(const struct arguments *arguments,
                       const struct heap_trial_settings *settings, struct heap_trial_counts *counts)
{
    size_t ops_per_heap = (arguments->ops + arguments->heaps - 1) / arguments->heaps;
    size_t length = (1 + ops_per_heap) * HEAP_OP_BYTES;
    uint8_t *bytes = allocate_bytes(length);
    bool agreed = true;
    for (size_t heap = 0; agreed && heap < arguments->heaps; heap++) {
        make_bytes(arguments->seed, heap, bytes, length);
        agreed = heap_trial(bytes, length, settings, counts);
        if (!agreed) {
            tell_how_to_repeat(arguments, heap, bytes, length);
        }
    }
    free(bytes);
    return agreed;
}

int main(int argc, char **argv)
{
    struct arguments arguments = parse(argc, argv);
    struct heap_trial_settings settings = {
        .validate_every = arguments.validate_every, .tries = arguments.tries, .report = stdout};
    struct heap_trial_counts counts = {.ops = 0};
    struct timespec start;
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    bool agreed = arguments.replay != NULL ? replay(&arguments, &settings, &counts)
                                           : run_random(&arguments, &settings, &counts);
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%s: %zu calls on %zu heaps, %zu served, %zu refused, %zu moved, %zu whole-heap checks, "
           "%ld s\n",
           agreed ? "agreed" : "DISAGREED", counts.ops, counts.heaps, counts.served, counts.refused,
           counts.moved, counts.checks, (long)(end.tv_sec - start.tv_sec));
    return agreed ? EXIT_SUCCESS : EXIT_FAILURE;
}
