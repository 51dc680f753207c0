/* SPDX-License-Identifier: Apache-2.0 */
/* Property test of sys_bitarray: random calls on pairs of arrays of many sizes, each compared with
 * a model of a byte per bit.
 *
 *     property_bitarray [--seed N] [--ops N]
 *
 * Prints the seed first. Sizes lie around those of bundles, units and summary words, some arrays
 * have no summary though they are large, and most of the time the arrays are nearly full, nearly
 * empty or in pieces. Regions are in the array, reach one bit too far, or wrap around. A trial with
 * a model that is wrong comes first, and must be noticed. Exit: 0 agreed, 1 disagreed. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <quarry/bitarray.h>

#include "../support/random.h"
#include "bit_model.h"

#define OPS_PER_TRIAL 400u
#define LARGEST       300000u
#define UNTOUCHED     ((size_t)0x5a5a5a5a)

struct side {
    sys_bitarray_t array;
    uint32_t *storage;
    size_t words;
    struct bit_model model;
};

struct trial {
    struct random random;
    struct side sides[2];
    size_t bits;
    const char *complaint; /* NULL as long as all agrees */
};

struct region {
    size_t num_bits, offset;
};

static void expect(struct trial *trial, bool holds, const char *complaint)
{
    if (!holds && trial->complaint == NULL) {
        trial->complaint = complaint;
    }
}

static uint64_t below(struct trial *trial, uint64_t limit)
{
    return random_below(&trial->random, limit);
}

/* --- Arguments of calls --- */

static size_t any_length(struct trial *trial)
{
    static const size_t near[] = {1, 2, 3, 31, 32, 33, 63, 64, 65, 66, 127, 128, 129, 4096};

    switch (below(trial, 4)) {
    case 0:
        return near[below(trial, sizeof(near) / sizeof(near[0]))];
    case 1:
        return 1 + (size_t)below(trial, 8);
    default:
        return random_log_uniform(&trial->random, trial->bits);
    }
}

static struct region good_region(struct trial *trial)
{
    struct region region = {any_length(trial), 0};

    if (region.num_bits > trial->bits) {
        region.num_bits = trial->bits;
    }
    region.offset = (size_t)below(trial, trial->bits - region.num_bits + 1);
    return region;
}

static struct region any_region(struct trial *trial)
{
    struct region region = good_region(trial);

    switch (below(trial, 16)) {
    case 0:
        return (struct region){0, region.offset};
    case 1:
        return (struct region){region.num_bits, trial->bits - region.num_bits + 1};
    case 2:
        return (struct region){region.num_bits, 0 - (size_t)below(trial, region.num_bits + 2)};
    case 3:
        return (struct region){0 - (size_t)below(trial, region.offset + 2), region.offset};
    default:
        return region;
    }
}

static size_t any_bit(struct trial *trial)
{
    switch (below(trial, 32)) {
    case 0:
        return trial->bits + (size_t)below(trial, 40);
    case 1:
        return SIZE_MAX - (size_t)below(trial, 40);
    default:
        return (size_t)below(trial, trial->bits);
    }
}

/* --- Calls --- */

static void try_bit(struct trial *trial, struct side *side)
{
    size_t bit = any_bit(trial);
    bool is_there = bit < trial->bits;
    int before = is_there ? side->model.bits[bit] : -1;
    int value = -1, result = 0;
    uint64_t kind = below(trial, 5);

    switch (kind) {
    case 0:
        result = sys_bitarray_test_bit(&side->array, bit, &value);
        break;
    case 1:
        result = sys_bitarray_test_and_set_bit(&side->array, bit, &value);
        break;
    case 2:
        result = sys_bitarray_test_and_clear_bit(&side->array, bit, &value);
        break;
    case 3:
        result = sys_bitarray_set_bit(&side->array, bit);
        break;
    default:
        result = sys_bitarray_clear_bit(&side->array, bit);
    }
    expect(trial, result == (is_there ? 0 : -EINVAL), "result of a call for a bit");
    expect(trial, value == (kind < 3 ? before : -1), "value of a bit");
    if (is_there && kind != 0) {
        side->model.bits[bit] = kind == 1 || kind == 3;
    }
}

static void try_alloc(struct trial *trial, struct side *side)
{
    size_t num_bits = below(trial, 2) == 0 ? 1 : any_length(trial);
    size_t offset = UNTOUCHED;
    int result = sys_bitarray_alloc(&side->array, num_bits, &offset);

    if (num_bits > trial->bits) {
        expect(trial, result == -EINVAL && offset == UNTOUCHED, "more bits than there are");
        return;
    }
    size_t right = bit_model_find_run(&side->model, num_bits);
    if (right == SIZE_MAX) {
        expect(trial, result == -ENOSPC && offset == UNTOUCHED, "a run where none is");
    } else {
        expect(trial, result == 0 && offset == right, "not the lowest run");
        bit_model_fill(&side->model, num_bits, right, 1);
    }
}

static void try_claim(struct trial *trial, struct side *side)
{
    struct region region = any_region(trial);
    uint64_t kind = below(trial, 3);
    int value = kind == 0;
    int refusal = kind == 2 ? -EFAULT : -EEXIST;
    int result = kind == 2 ? sys_bitarray_free(&side->array, region.num_bits, region.offset)
                           : sys_bitarray_test_and_set_region(&side->array, region.num_bits,
                                                              region.offset, kind == 0);

    if (!bit_model_has(&side->model, region.num_bits, region.offset)) {
        expect(trial, result == -EINVAL, "a region that is not there was claimed");
    } else if (bit_model_count(&side->model, region.num_bits, region.offset) !=
               (value ? 0 : region.num_bits)) {
        expect(trial, result == refusal, "a region was claimed that could not be");
    } else {
        expect(trial, result == 0, "a region could not be claimed");
        bit_model_fill(&side->model, region.num_bits, region.offset, value);
    }
}

static void try_fill(struct trial *trial, struct side *side)
{
    struct region region = any_region(trial);
    bool to_set = below(trial, 2) == 0;
    int result = (to_set ? sys_bitarray_set_region
                         : sys_bitarray_clear_region)(&side->array, region.num_bits, region.offset);
    bool is_there = bit_model_has(&side->model, region.num_bits, region.offset);

    expect(trial, result == (is_there ? 0 : -EINVAL), "result of setting a region");
    if (is_there) {
        bit_model_fill(&side->model, region.num_bits, region.offset, to_set);
    }
}

static void try_look(struct trial *trial, struct side *side)
{
    struct region region = any_region(trial);
    bool is_there = bit_model_has(&side->model, region.num_bits, region.offset);
    size_t right = is_there ? bit_model_count(&side->model, region.num_bits, region.offset) : 0;
    size_t count = UNTOUCHED;
    int result = sys_bitarray_popcount_region(&side->array, region.num_bits, region.offset, &count);

    expect(trial, result == (is_there ? 0 : -EINVAL), "result of popcount");
    expect(trial, count == (is_there ? right : UNTOUCHED), "popcount");
    expect(trial,
           sys_bitarray_is_region_set(&side->array, region.num_bits, region.offset) ==
               (is_there && right == region.num_bits),
           "whether a region is set");
    expect(trial,
           sys_bitarray_is_region_cleared(&side->array, region.num_bits, region.offset) ==
               (is_there && right == 0),
           "whether a region is clear");
}

static void try_nth(struct trial *trial, struct side *side)
{
    struct region region = any_region(trial);
    bool is_there = bit_model_has(&side->model, region.num_bits, region.offset);
    size_t count = is_there ? bit_model_count(&side->model, region.num_bits, region.offset) : 0;
    size_t n = (size_t)below(trial, count + 3);
    size_t found = UNTOUCHED;
    int result = sys_bitarray_find_nth_set(&side->array, n, region.num_bits, region.offset, &found);

    if (!is_there || n == 0) {
        expect(trial, result == -EINVAL && found == UNTOUCHED, "n-th bit of nothing");
    } else if (n > count) {
        expect(trial, result == 1 && found == UNTOUCHED, "n-th bit where there are fewer");
    } else {
        expect(trial,
               result == 0 &&
                   found == bit_model_find_nth(&side->model, n, region.num_bits, region.offset),
               "n-th bit");
    }
}

static void try_xor(struct trial *trial, struct side *side)
{
    struct region region = any_region(trial);
    struct side *other = &trial->sides[below(trial, 2)];
    bool is_there = bit_model_has(&side->model, region.num_bits, region.offset);
    int result = sys_bitarray_xor(&side->array, &other->array, region.num_bits, region.offset);

    expect(trial, result == (is_there ? 0 : -EINVAL), "result of xor");
    for (size_t i = 0; is_there && i < region.num_bits; i++) {
        side->model.bits[region.offset + i] ^= other->model.bits[region.offset + i];
    }
}

/* Makes the array nearly full, and so on. */
static void change_much(struct trial *trial, struct side *side)
{
    uint64_t kind = below(trial, 3);

    sys_bitarray_set_region(&side->array, trial->bits, 0);
    bit_model_fill(&side->model, trial->bits, 0, 1);
    if (kind == 0) {
        sys_bitarray_clear_region(&side->array, trial->bits, 0);
        bit_model_fill(&side->model, trial->bits, 0, 0);
    }
    for (uint64_t holes = kind == 2 ? trial->bits / 16 : below(trial, 4); holes > 0; holes--) {
        struct region region = good_region(trial);

        if (kind == 2 && region.num_bits > 64) {
            region.num_bits = 1 + region.num_bits % 64;
        }
        sys_bitarray_clear_region(&side->array, region.num_bits, region.offset);
        bit_model_fill(&side->model, region.num_bits, region.offset, 0);
    }
}

/* --- Trials --- */

static void check(struct trial *trial, struct side *side)
{
    expect(trial, bit_model_agrees(&side->model, side->array.bundles), "bits");
    expect(trial, quarry_bitarray_validate(&side->array), "the summary");
}

static void step(struct trial *trial)
{
    static void (*const calls[])(struct trial *, struct side *) = {
        try_bit,   try_bit,   try_bit,  try_alloc, try_alloc, try_alloc, try_alloc,
        try_claim, try_claim, try_fill, try_look,  try_nth,   try_xor};
    struct side *side = &trial->sides[below(trial, 2)];

    if (below(trial, 64) == 0) {
        change_much(trial, side);
    }
    calls[below(trial, sizeof(calls) / sizeof(calls[0]))](trial, side);
    if (trial->bits < 512 || below(trial, 32) == 0) {
        check(trial, side);
    }
}

static size_t any_size(struct trial *trial)
{
    switch (below(trial, 8)) {
    case 0:
        return (size_t)1 << below(trial, 18);
    case 1:
        return ((size_t)1 << below(trial, 17)) + 1;
    case 2:
        return Z_BITARRAY_DIRECT_BITS - 70 + (size_t)below(trial, 140);
    case 3:
        return random_log_uniform(&trial->random, LARGEST);
    default:
        return 1 + (size_t)below(trial, 300);
    }
}

static void begin_side(struct trial *trial, struct side *side)
{
    side->words = QUARRY_BITARRAY_WORDS(trial->bits);
    side->storage = malloc((side->words + 1) * sizeof(uint32_t));
    if (side->storage == NULL) {
        abort();
    }
    memset(side->storage, 0xa5, (side->words + 1) * sizeof(uint32_t));
    /* At an odd place, too: then the summary begins elsewhere. */
    uint32_t *storage = side->storage + below(trial, 2);
    expect(trial, quarry_bitarray_init(&side->array, trial->bits, storage, side->words) == 0,
           "making an array");
    if (below(trial, 4) == 0) {
        side->array.summary = NULL;
    }
    side->model = bit_model_make(trial->bits);
}

static const char *run_trial(uint64_t seed, size_t wrong_by)
{
    struct trial trial = {.random = random_from(seed)};

    trial.bits = any_size(&trial);
    for (int i = 0; i < 2; i++) {
        begin_side(&trial, &trial.sides[i]);
        trial.sides[i].model.wrong_by = wrong_by;
    }
    for (unsigned int i = 0; i < OPS_PER_TRIAL && trial.complaint == NULL; i++) {
        step(&trial);
    }
    for (int i = 0; i < 2; i++) {
        check(&trial, &trial.sides[i]);
        free(trial.sides[i].storage);
        bit_model_end(&trial.sides[i].model);
    }
    return trial.complaint;
}

int main(int argc, char **argv)
{
    uint64_t seed = random_seed_from_args(argc, argv);
    size_t ops = 100000;

    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], "--ops") == 0) {
            ops = strtoul(argv[i + 1], NULL, 0);
        }
    }
    size_t trials = scaled_rounds(ops) / OPS_PER_TRIAL + 1;
    if (run_trial(seed, 1) == NULL) {
        puts("a wrong model was NOT noticed");
        return 1;
    }
    for (size_t i = 0; i < trials; i++) {
        const char *complaint = run_trial(seed + i, 0);

        if (complaint != NULL) {
            printf("trial %zu (--seed %" PRIu64 " --ops 1): %s\n", i, seed + i, complaint);
            return 1;
        }
    }
    printf("%zu trials agreed\n", trials);
    return 0;
}
