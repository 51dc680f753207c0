/* SPDX-License-Identifier: Apache-2.0 */
/* Any calls on a good heap, against the reference model.
 *
 * The bytes are a life of a heap as tests/property/heap_ops.h decodes it, and the checks are those
 * of heap_trial.h; so a file that a fuzzer finds can be replayed by `property_sys_heap --replay`,
 * and one that property_sys_heap saves can be put into the corpus. */
#include <stdio.h>
#include <stdlib.h>
#include "../property/heap_trial.h"
#include "fuzz_target.h"

/* A whole-heap comparison takes as long as some calls. */
#define VALIDATE_EVERY 4u

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    const struct heap_trial_settings settings = {.validate_every = VALIDATE_EVERY,
                                                 .report = stderr};
    struct heap_trial_counts counts = {.ops = 0};
    if (!heap_trial(bytes, length, &settings, &counts)) {
        abort();
    }
    return 0;
}
