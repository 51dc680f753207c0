/* SPDX-License-Identifier: Apache-2.0 */
/* The search goes breadth first: all states that take one call, then all that take two, ...
 *
 *     states of depth d  -- every call, checked -->  states of depth d + 1 that are new
 *
 * A state is a saved heap (its buffer, the live blocks, the model). Every call that a caller could
 * make - calls() lists them: about ten allocations, and eight ways to resize or free each live
 * block
 * - is made from each state, once, by loading the state and calling.
 *
 * Why a state that was seen before need not be looked at again: what a call does, and what our
 * checks of it say, is a function of the bytes that the heap reads, the live blocks and the model.
 * Two states that agree in these agree after every sequence of calls; so every sequence of d calls,
 * however it winds, is answered for by the shortest way to each of its states. The heap reads live
 * bytes only (see tiny_heap.c), which is not taken for granted: each call is made twice, the second
 * time with the dead bytes overwritten, and must come out in the same state. The contents of blocks
 * are made of their places, so they agree as well. States are told apart by digests of 64 bits: n
 * states give a collision, which would leave a state out, with a chance of n^2 / 2^65; of ten
 * million states that is one in 370000.
 *
 * Going breadth first, a search that runs out of time has covered every sequence up to the last
 * depth it finished, and the first defect it meets is one of the shortest. A heap of few units has
 * so few states that there is often no new one at some depth: then the sequences of any length are
 * covered.
 *
 * From each new state the heap is also drained, and must become what it was at first. */
#include "exhaustive_search.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "../support/heap_picture.h"
#include "../support/random.h"
#include "digest_set.h"

#define ALLOCS_MAX       16u
#define RESIZES_MAX      8u
#define WALKS            2000u
#define ESTIMATE_SEED    1u
#define PICTURE_BYTES    512u
#define DESCRIPTION_SIZE 128u

/* How a state was reached first. */
struct origin {
    uint32_t parent; /* number of a state */
    uint32_t call;
};

struct level {
    uint8_t *records;
    size_t count;
    size_t capacity;
};

struct search {
    struct tiny_heap tiny;
    const struct search_limits *limits;
    struct search_result *result;
    FILE *report;
    struct timespec start;
    struct heap_op allocs[ALLOCS_MAX];
    size_t alloc_count;
    struct heap_op resizes[RESIZES_MAX]; /* target: to be filled in */
    size_t resize_count;

    struct digest_set seen;
    size_t record_bytes;
    struct level now;
    struct level next;
    struct tiny_record *scribbled; /* the state at hand, with other dead bytes */
    struct origin *origins;        /* by number of state: 0 is the fresh heap */
    size_t origin_capacity;
};

/* ---- memory ---- */

static void *grown(void *array, size_t count, size_t *capacity, size_t element_bytes)
{
    if (count < *capacity) {
        return array;
    }
    *capacity = *capacity == 0 ? 1024 : *capacity * 2;
    void *larger = realloc(array, *capacity * element_bytes);
    if (larger == NULL) {
        perror("exhaustive_search");
        exit(2);
    }
    return larger;
}

static struct tiny_record *record_at(const struct search *search, const struct level *level,
                                     size_t index)
{
    return (struct tiny_record *)(void *)(level->records + index * search->record_bytes);
}

/* Adds the heap as it is to the next level. */
static void keep_state(struct search *search, uint32_t parent, uint32_t call)
{
    struct level *next = &search->next;
    struct search_result *result = search->result;
    next->records = grown(next->records, next->count, &next->capacity, search->record_bytes);
    tiny_save(&search->tiny, record_at(search, next, next->count++));
    search->origins =
        grown(search->origins, result->states, &search->origin_capacity, sizeof search->origins[0]);
    search->origins[result->states++] = (struct origin){parent, call};
}

/* ---- the calls ---- */

static void list_calls(struct search *search)
{
    size_t whole = search->tiny.capacity;
    const struct heap_op allocs[] = {
        {.kind = OP_ALLOC, .bytes = 1},
        {.kind = OP_ALLOC, .bytes = 16},
        {.kind = OP_ALLOC, .bytes = 24},
        {.kind = OP_ALLOC, .bytes = whole},
        {.kind = OP_ALLOC, .bytes = whole + 1},
        {.kind = OP_ALLOC, .bytes = SIZE_MAX},
        {.kind = OP_ALIGNED_ALLOC, .align = 16, .bytes = 8},
        {.kind = OP_ALIGNED_ALLOC, .align = 32, .bytes = 17},
        {.kind = OP_ALIGNED_ALLOC, .align = 64, .bytes = 1},
        {.kind = OP_ALIGNED_ALLOC, .align = 16 | 8, .bytes = 8},
        {.kind = OP_ALIGNED_ALLOC, .align = 32 | 4, .bytes = 5},
    };
    const struct heap_op resizes[] = {
        {.kind = OP_FREE},
        {.kind = OP_REALLOC, .bytes = 1},
        {.kind = OP_REALLOC, .bytes = 16},
        {.kind = OP_REALLOC, .bytes = 24},
        {.kind = OP_REALLOC, .bytes = 40},
        {.kind = OP_REALLOC, .bytes = whole},
        {.kind = OP_ALIGNED_REALLOC, .align = 16, .bytes = 24},
        {.kind = OP_ALIGNED_REALLOC, .align = 32, .bytes = 8},
    };
    _Static_assert(sizeof allocs <= sizeof search->allocs, "ALLOCS_MAX");
    _Static_assert(sizeof resizes <= sizeof search->resizes, "RESIZES_MAX");
    memcpy(search->allocs, allocs, sizeof allocs);
    memcpy(search->resizes, resizes, sizeof resizes);
    search->alloc_count = sizeof allocs / sizeof allocs[0];
    search->resize_count = sizeof resizes / sizeof resizes[0];
}

/* How many calls there are in the state at hand. */
static size_t calls(const struct search *search)
{
    return search->alloc_count + search->tiny.books.count * search->resize_count;
}

static struct heap_op call_number(const struct search *search, size_t number)
{
    if (number < search->alloc_count) {
        return search->allocs[number];
    }
    number -= search->alloc_count;
    struct heap_op op = search->resizes[number % search->resize_count];
    op.target = (uint32_t)(number / search->resize_count);
    return op;
}

/* ---- reports ---- */

static void tell_call(struct search *search, const struct heap_op *op, const char *problem)
{
    char text[DESCRIPTION_SIZE];
    char picture[PICTURE_BYTES];
    describe_op(op, text, sizeof text);
    heap_picture(&search->tiny.heap, picture, sizeof picture);
    fprintf(search->report, "    %-48s -> %s%s%s\n", text, picture, problem == NULL ? "" : ": ",
            problem == NULL ? "" : problem);
}

/* Makes the calls again that lead to the state, and the one that went wrong there. */
static void tell_way(struct search *search, uint32_t state, uint32_t last_call, const char *problem)
{
    const struct tiny_settings *settings = &search->tiny.settings;
    uint32_t way[UINT8_MAX];
    size_t length = 0;
    way[length++] = last_call;
    for (; state != 0 && length < UINT8_MAX; state = search->origins[state].parent) {
        way[length++] = search->origins[state].call;
    }
    fprintf(search->report,
            "PROBLEM: %s\n  heap of %zu bytes at address %% 64 = %u, %s buckets; the calls:\n",
            problem, search->tiny.bytes, settings->shift,
            settings->policy == QUARRY_HEAP_ZEPHYR_BUCKETS ? "Zephyr's" : "fine");
    struct tiny_settings again = *settings;
    tiny_close(&search->tiny);
    if (!tiny_open(&search->tiny, &again)) {
        exit(2);
    }
    while (length > 0) {
        struct heap_op op = call_number(search, way[--length]);
        const char *found = tiny_call(&search->tiny, &op);
        tell_call(search, &op, found);
    }
}

/* ---- the search ---- */

static bool failed(struct search *search, uint32_t state, uint32_t call, const char *problem)
{
    if (problem != NULL) {
        tell_way(search, state, call, problem);
    }
    return problem != NULL;
}

/* The same call, with other bytes where nobody may look. NULL if the heap gets into that state. */
static const char *call_again(struct search *search, const struct heap_op *op, uint64_t digest)
{
    struct tiny_heap *tiny = &search->tiny;
    tiny_load(tiny, search->scribbled);
    bool same = tiny_call(tiny, op) == NULL && tiny_read_chain(tiny) && tiny_digest(tiny) == digest;
    return same ? NULL : "the call depends on what lies in free memory";
}

/* Makes one call from a state; true iff all was well. */
static bool try_call(struct search *search, const struct tiny_record *record, uint32_t state,
                     uint32_t call)
{
    struct tiny_heap *tiny = &search->tiny;
    struct heap_op op = call_number(search, call);
    tiny_load(tiny, record);
    const char *problem = tiny_call(tiny, &op);
    if (problem == NULL) {
        problem = tiny_check(tiny);
    }
    search->result->calls++;
    if (failed(search, state, call, problem)) {
        return false;
    }
    uint64_t digest = tiny_digest(tiny);
    bool is_new = digest_set_insert(&search->seen, digest);
    if (is_new) {
        keep_state(search, state, call);
    }
    if (failed(search, state, call, call_again(search, &op, digest))) {
        return false;
    }
    return !is_new || !failed(search, state, call, tiny_drain(tiny, state % 2u == 0));
}

static bool expand(struct search *search, const struct tiny_record *record, uint32_t state)
{
    struct tiny_heap *tiny = &search->tiny;
    tiny_load(tiny, record);
    (void)tiny_read_chain(tiny);
    size_t count = calls(search);
    tiny_scribble(tiny, state);
    tiny_save(tiny, search->scribbled);
    for (uint32_t call = 0; call < count; call++) {
        if (!try_call(search, record, state, call)) {
            return false;
        }
    }
    return true;
}

static double seconds_since(const struct timespec *start)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static bool limit_reached(const struct search *search)
{
    return search->result->states >= search->limits->states ||
           seconds_since(&search->start) >= search->limits->seconds;
}

/* Expands all states of a level. False if there was a problem; *finished tells whether it got
 * through all of them. */
static bool expand_level(struct search *search, uint32_t first_state, bool *finished)
{
    for (size_t i = 0; i < search->now.count; i++) {
        if (limit_reached(search)) {
            *finished = false;
            return true;
        }
        if (!expand(search, record_at(search, &search->now, i), first_state + (uint32_t)i)) {
            return false;
        }
    }
    *finished = true;
    return true;
}

static bool search_levels(struct search *search)
{
    struct search_result *result = search->result;
    bool finished = true;
    size_t first_state = 0;
    (void)tiny_check(&search->tiny);
    (void)digest_set_insert(&search->seen, tiny_digest(&search->tiny));
    keep_state(search, 0, 0);
    while (search->limits->depth == 0 || result->depth < search->limits->depth) {
        struct level done = search->now;
        search->now = search->next;
        search->next = done;
        search->next.count = 0;
        size_t states = result->states;
        if (!expand_level(search, (uint32_t)first_state, &finished)) {
            return false;
        }
        if (!finished) {
            return true;
        }
        first_state = states;
        result->complete = search->next.count == 0;
        if (result->complete) {
            return true;
        }
        result->depth++;
    }
    return true;
}

/* How many sequences of result->depth calls there are: the mean, over random walks, of the product
 * of the numbers of calls to choose from. */
static double estimate_sequences(struct search *search, const struct tiny_record *fresh)
{
    struct random random = random_from(ESTIMATE_SEED);
    double sum = 0;
    for (size_t walk = 0; walk < WALKS; walk++) {
        double product = 1;
        tiny_load(&search->tiny, fresh);
        for (unsigned int depth = 0; depth < search->result->depth; depth++) {
            size_t choices = calls(search);
            struct heap_op op = call_number(search, (size_t)random_below(&random, choices));
            product *= (double)choices;
            (void)tiny_call(&search->tiny, &op);
        }
        sum += product;
    }
    return sum / WALKS;
}

bool exhaustive_search(const struct tiny_settings *settings, const struct search_limits *limits,
                       struct search_result *result, FILE *report)
{
    struct search search = {.limits = limits, .result = result, .report = report};
    *result = (struct search_result){.states = 0};
    clock_gettime(CLOCK_MONOTONIC, &search.start);
    if (!tiny_open(&search.tiny, settings)) {
        fprintf(report, "there is no such heap\n");
        exit(2);
    }
    list_calls(&search);
    digest_set_open(&search.seen);
    search.record_bytes = tiny_record_bytes(&search.tiny);
    search.scribbled = malloc(search.record_bytes);
    struct tiny_record *fresh = malloc(search.record_bytes);
    if (search.scribbled == NULL || fresh == NULL) {
        perror("exhaustive_search");
        exit(2);
    }
    tiny_save(&search.tiny, fresh);
    bool sound = search_levels(&search);
    if (sound) {
        result->sequences = estimate_sequences(&search, fresh);
    }
    result->seconds = seconds_since(&search.start);
    tiny_close(&search.tiny);
    digest_set_close(&search.seen);
    free(search.scribbled);
    free(fresh);
    free(search.origins);
    free(search.now.records);
    free(search.next.records);
    return sound;
}
