/* SPDX-License-Identifier: Apache-2.0 */
/* One heap's life: the same calls on sys_heap and on the reference model, compared at each step. */
#ifndef QUARRY_TESTS_HEAP_TRIAL_H
#define QUARRY_TESTS_HEAP_TRIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct heap_trial_settings {
    size_t validate_every; /* calls between whole-heap comparisons; 0: only at the end */
    unsigned int tries;    /* what the model takes for the search depth; 0: the right value */
    FILE *report;          /* where a disagreement is described */
};

/* What was done, summed over all trials that share the struct. */
struct heap_trial_counts {
    size_t heaps;   /* lives whose buffer was large enough */
    size_t ops;     /* calls, including those on heaps that were too small */
    size_t served;  /* allocations and reallocations that gave a block */
    size_t refused; /* those that gave none although a size above 0 was asked for */
    size_t moved;   /* reallocations that gave another address */
    size_t checks;  /* whole-heap comparisons */
};

/* Runs the life that bytes[length] describes (see heap_ops.h). Returns true iff library and model
 * agreed in everything; else report holds the call, both answers and both pictures. */
bool heap_trial(const uint8_t *bytes, size_t length, const struct heap_trial_settings *settings,
                struct heap_trial_counts *counts);

#endif
