/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors that grow by realloc: the pattern of C++'s std::vector and of strings that are appended
 * to, and of reports that some allocators move a block at every step.
 *
 * Each thread has some vectors at a time. It picks one at random and grows it, by a factor or by a
 * fixed step, until the vector has reached its length; then that one is checked and freed, and the
 * next begins. Lengths are log-uniform, and every 16th vector gets the greatest.
 *
 * A vector's words are a function of their place. One is written on every page, as if elements had
 * been appended, and one before every power of two:
 *
 *      0   8   16       64                 4096              8192         bytes
 *      |w  |w  |..     w|..               w|w               w|w
 *
 * After each realloc the first word, the last of the old length and those before powers of two are
 * read; before the vector is freed also the one on every page. */
#include <stdlib.h>
#include "block.h"
#include "workload.h"

#define WORD_BYTES       sizeof(uint64_t)
#define VECTORS_PER_FULL 16u
#define MOST_LIVE        1024u

static uint64_t least = 16;
static uint64_t most = UINT64_C(256) << 20;
static uint64_t growth_percent = 150;
static uint64_t step_bytes = 0;
static uint64_t live = 4;
static uint64_t vectors = 64;

static const struct workload_option options[] = {
    {"least", "bytes of a vector that begins", &least, 16, WORKLOAD_MOST_BYTES, NULL, NULL},
    {"most", "bytes of the longest vectors", &most, 16, WORKLOAD_MOST_BYTES, NULL, NULL},
    {"growth-percent", "of the old length, is the new one", &growth_percent, 101, 1000, NULL, NULL},
    {"step-bytes", "by which a vector grows, instead of a factor", &step_bytes, 0, 1 << 20, NULL,
     NULL},
    {"live", "vectors of a thread that grow at the same time", &live, 1, MOST_LIVE, NULL, NULL},
    {"vectors", "of all threads together, times scale", &vectors, 1, UINT32_MAX, NULL, NULL},
    {NULL, NULL, NULL, 0, 0, NULL, NULL},
};

static const struct workload workload = {
    "growing_vectors", "Vectors that grow by realloc, some at the same time.", options, 0, false};

/* Lengths are multiples of a word. */
struct vector {
    unsigned char *address; /* NULL: none */
    size_t bytes;
    size_t target;
    uint64_t stamp;
};

static uint64_t word_of(const struct vector *vector, size_t at)
{
    return random_mix(vector->stamp + at);
}

static void write_word(struct vector *vector, size_t at)
{
    uint64_t word = word_of(vector, at);

    memcpy(vector->address + at, &word, sizeof(word));
}

static void check_word(const struct vector *vector, size_t at)
{
    uint64_t word;

    memcpy(&word, vector->address + at, sizeof(word));
    if (word != word_of(vector, at)) {
        workload_fail("vector of %zu bytes at %p has lost its contents at %zu", vector->bytes,
                      (void *)vector->address, at);
    }
}

static void check_some(const struct vector *vector, size_t bytes)
{
    check_word(vector, 0);
    check_word(vector, bytes - WORD_BYTES);
    for (size_t end = 2 * WORD_BYTES; end <= bytes; end *= 2) {
        check_word(vector, end - WORD_BYTES);
    }
}

static size_t page_after(size_t bytes)
{
    return (bytes + BLOCK_PAGE_BYTES - 1) / BLOCK_PAGE_BYTES * BLOCK_PAGE_BYTES;
}

/* Writes what is new since the vector had `old` bytes. */
static void append(struct vector *vector, size_t old)
{
    for (size_t at = page_after(old); at + WORD_BYTES <= vector->bytes; at += BLOCK_PAGE_BYTES) {
        write_word(vector, at);
    }
    for (size_t end = 2 * WORD_BYTES; end <= vector->bytes; end *= 2) {
        if (end > old) {
            write_word(vector, end - WORD_BYTES);
        }
    }
    write_word(vector, vector->bytes - WORD_BYTES);
}

/* To `bytes`; from nothing if the vector is new. */
static void resize(struct vector *vector, size_t bytes)
{
    size_t old = vector->address == NULL ? 0 : vector->bytes;

    vector->address = realloc(vector->address, bytes);
    block_require(vector->address, bytes);
    if (old > 0) {
        check_some(vector, old);
    }
    vector->bytes = bytes;
    append(vector, old);
}

static size_t whole_words(size_t bytes)
{
    return (bytes + WORD_BYTES - 1) / WORD_BYTES * WORD_BYTES;
}

static void grow(struct vector *vector)
{
    uint64_t longer = step_bytes > 0 ? vector->bytes + step_bytes
                                     : (uint64_t)vector->bytes * growth_percent / 100 + 1;

    resize(vector, whole_words(longer < vector->target ? longer : vector->target));
}

static uint64_t release(struct vector *vector)
{
    uint64_t check = random_mix(vector->stamp ^ vector->bytes);

    check_some(vector, vector->bytes);
    for (size_t at = 0; at + WORD_BYTES <= vector->bytes; at += BLOCK_PAGE_BYTES) {
        check_word(vector, at);
    }
    free(vector->address);
    vector->address = NULL;
    return check;
}

static void start(struct worker *worker, struct vector *vector, uint64_t number)
{
    bool is_full = number % VECTORS_PER_FULL == 0;

    vector->target = is_full ? most : random_log_uniform(&worker->random, least, most);
    vector->target = whole_words(vector->target);
    vector->stamp = random_bits(&worker->random);
    resize(vector, whole_words(least));
    worker->operations++;
}

/* Grows the vector, or ends it. True iff it has ended. */
static bool advance(struct worker *worker, struct vector *vector)
{
    bool is_grown = vector->bytes >= vector->target;

    worker->operations++;
    if (is_grown) {
        worker->check += release(vector);
    } else {
        grow(vector);
    }
    return is_grown;
}

static void work(struct worker *worker)
{
    struct vector *places = workload_table(live, sizeof(*places));
    uint64_t left = workload_share(workload_scaled(vectors, 1), workload_threads, worker->index);
    uint64_t in_use = left < live ? left : live;
    uint64_t number = worker->index;

    for (uint64_t i = 0; i < in_use; i++) {
        start(worker, &places[i], number + i);
    }
    left -= in_use;
    number += in_use;
    while (in_use > 0) {
        struct vector *vector = &places[random_below(&worker->random, in_use)];

        if (!advance(worker, vector)) {
            continue;
        }
        if (left > 0) {
            start(worker, vector, number++);
            left--;
        } else {
            *vector = places[--in_use];
        }
    }
}

int main(int argc, char **argv)
{
    workload_begin(&workload, argc, argv);
    if (least > most) {
        workload_refuse("--least is above --most");
    }
    workload_run(workload_threads, work, NULL);
    return workload_end();
}
