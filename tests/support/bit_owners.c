/* SPDX-License-Identifier: Apache-2.0 */
/* A flag for each bit, which changes hands by atomic exchanges. */
#include "bit_owners.h"

#include <string.h>
#include <quarry/bitarray.h>

static bool owned[BIT_OWNERS_MAX]; /* atomic */
static bool wrong;                 /* atomic */

static void note(bool is_wrong)
{
    if (is_wrong) {
        __atomic_store_n(&wrong, true, __ATOMIC_RELAXED);
    }
}

void bit_owners_begin(void)
{
    memset(owned, 0, sizeof(owned));
    wrong = false;
}

struct bit_run bit_owners_take(sys_bitarray_t *bitarray, size_t length)
{
    struct bit_run run = {length, 0};

    if (sys_bitarray_alloc(bitarray, length, &run.offset) != 0) {
        return (struct bit_run){0, 0};
    }
    for (size_t bit = run.offset; bit < run.offset + length; bit++) {
        note(__atomic_exchange_n(&owned[bit], true, __ATOMIC_RELAXED));
    }
    return run;
}

void bit_owners_give(sys_bitarray_t *bitarray, struct bit_run *run)
{
    if (run->length == 0) {
        return;
    }
    for (size_t bit = run->offset; bit < run->offset + run->length; bit++) {
        note(!__atomic_exchange_n(&owned[bit], false, __ATOMIC_RELAXED));
    }
    note(sys_bitarray_free(bitarray, run->length, run->offset) != 0);
    run->length = 0;
}

bool bit_owners_were_right(void)
{
    return !__atomic_load_n(&wrong, __ATOMIC_RELAXED);
}

bool bit_owners_find_all(sys_bitarray_t *bitarray)
{
    size_t set, offset;

    if (!quarry_bitarray_validate(bitarray)) {
        return false;
    }
    while (sys_bitarray_alloc(bitarray, 1, &offset) == 0) {
    }
    sys_bitarray_popcount_region(bitarray, bitarray->num_bits, 0, &set);
    return set == bitarray->num_bits;
}
