/* SPDX-License-Identifier: Apache-2.0 */
/* Proves that the exhaustive search can fail: makes heaps with one defect each, and demands that
 * the search finds it, calls it by its name, and shows the calls that lead to it. Exit: 0 if every
 * defect was found. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <quarry/config.h>
#include "exhaustive_search.h"

#define UNITS  12u
#define DEPTH  6u
#define STATES 200000u

struct sabotage {
    enum tiny_sabotage kind;
    bool modelled;
    const char *found_as; /* part of the report */
};

static const struct sabotage sabotages[] = {
    {SABOTAGE_OVERLAP, false, "overlaps another"},
    {SABOTAGE_OVERLAP, true, "predicts another address"},
    {SABOTAGE_MISALIGNED, false, "not aligned as asked"},
    {SABOTAGE_STRAY, false, "contents of a block changed"},
    {SABOTAGE_OUTSIDE, false, "outside of the buffer changed"},
    {SABOTAGE_FLIP, false, "validator says no"},
    {SABOTAGE_LEAK, false, "no live block"},
    {SABOTAGE_REFUSAL, false, "although there is room"},
    {SABOTAGE_REFUSAL, true, "predicts another address"},
#if QUARRY_HEAP_ALLOC_LOOPS > 1
    {SABOTAGE_MODEL, true, "predicts another address"},
#endif
    {SABOTAGE_STALE, false, "PROBLEM: "}, /* which rule it breaks first depends on the format */
};

static bool is_found(const struct sabotage *sabotage)
{
    struct tiny_settings settings = {.units = UNITS, .shift = 8, .sabotage = sabotage->kind};
    struct search_limits limits = {.depth = DEPTH, .seconds = 600, .states = STATES};
    struct search_result result;
    char *text = NULL;
    size_t length = 0;
    settings.modelled = sabotage->modelled;
    FILE *report = open_memstream(&text, &length);
    if (report == NULL) {
        perror("open_memstream");
        return false;
    }
    bool sound = exhaustive_search(&settings, &limits, &result, report);
    fclose(report);
    bool found = !sound && strstr(text, sabotage->found_as) != NULL &&
                 strstr(text, "PROBLEM: ") != NULL && strstr(text, "the calls:\n    ") != NULL;
    printf("sabotage %d%s: %s after %zu calls\n", (int)sabotage->kind,
           sabotage->modelled ? ", with the model" : "", found ? "found" : "NOT FOUND",
           result.calls);
    if (!found) {
        printf("%s", text);
    }
    free(text);
    return found;
}

/* The heap itself must be sound, or finding a problem would mean nothing. */
static bool is_sound_without(bool modelled)
{
    struct tiny_settings settings = {.units = UNITS, .shift = 8, .modelled = modelled};
    struct search_limits limits = {.depth = DEPTH, .seconds = 600, .states = STATES};
    struct search_result result;
    return exhaustive_search(&settings, &limits, &result, stdout);
}

int main(void)
{
    bool all = is_sound_without(false) && is_sound_without(true);
    for (size_t i = 0; i < sizeof sabotages / sizeof sabotages[0]; i++) {
        all = is_found(&sabotages[i]) && all;
    }
    return all ? EXIT_SUCCESS : EXIT_FAILURE;
}
