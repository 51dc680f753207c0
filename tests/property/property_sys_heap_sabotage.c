/* SPDX-License-Identifier: Apache-2.0 */
/* Proves that the property test can fail: gives the model a search depth that is wrong by one, in
 * both directions, and demands that the comparison with the library notices and says what it saw.
 * Takes `--seed N`. Exit: 0 if every sabotage was noticed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <quarry/config.h>
#include "../support/random.h"
#include "heap_ops.h"
#include "heap_trial.h"

#define OPS_PER_HEAP 2000u
#define HEAPS_MAX    1000u
#define RIGHT_TRIES  ((unsigned int)QUARRY_HEAP_ALLOC_LOOPS)
#define DEEP_SEARCH  8u /* lists longer than this are too rare to tell deeper searches apart */

/* One heap full of random calls; true iff the trial agreed. */
static bool trial_agrees(struct random *random, unsigned int tries, FILE *report)
{
    static uint64_t words[1 + OPS_PER_HEAP];
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        words[i] = random_next(random);
    }
    struct heap_trial_settings settings = {.validate_every = 64, .tries = tries, .report = report};
    struct heap_trial_counts counts = {.ops = 0};
    return heap_trial((const uint8_t *)words, sizeof words, &settings, &counts);
}

/* True iff the line that starts with title holds a picture. */
static bool shows_picture(const char *report, const char *title)
{
    const char *line = strstr(report, title);
    return line != NULL && strchr("UFS", line[strlen(title)]) != NULL;
}

static bool report_is_complete(const char *report)
{
    return strstr(report, "DISAGREEMENT at call") != NULL && strstr(report, "problem: ") != NULL &&
           shows_picture(report, "library: ") && shows_picture(report, "model:   ");
}

static bool sabotage_is_noticed(struct random *random, unsigned int tries)
{
    char *text = NULL;
    size_t length = 0;
    FILE *report = open_memstream(&text, &length);
    if (report == NULL) {
        perror("open_memstream");
        return false;
    }
    size_t heaps = 0;
    bool noticed = false;
    while (!noticed && heaps < HEAPS_MAX) {
        noticed = !trial_agrees(random, tries, report);
        heaps++;
    }
    fclose(report);
    bool complete = report_is_complete(text);
    printf("model tries %u chunks: %s after %zu heaps, report is %s\n", tries,
           noticed ? "noticed" : "NOT NOTICED", heaps, complete ? "complete" : "INCOMPLETE");
    if (noticed && !complete) {
        printf("%s", text);
    }
    free(text);
    return noticed && complete;
}

int main(int argc, char **argv)
{
    struct random random = random_from(random_seed_from_args(argc, argv));
    bool noticed = true;
    if (RIGHT_TRIES <= DEEP_SEARCH) {
        noticed = sabotage_is_noticed(&random, RIGHT_TRIES + 1u);
    }
    if (RIGHT_TRIES > 1u) {
        unsigned int fewer = RIGHT_TRIES > DEEP_SEARCH ? DEEP_SEARCH : RIGHT_TRIES - 1u;
        noticed = sabotage_is_noticed(&random, fewer) && noticed;
    }
    return noticed ? EXIT_SUCCESS : EXIT_FAILURE;
}
