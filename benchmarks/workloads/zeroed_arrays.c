/* SPDX-License-Identifier: Apache-2.0 */
/* Large arrays from calloc that are used in part, as hash tables, matrices and buffers of
 * interpreters are. No classic: the peers' suites have no calloc of large arrays.
 *
 * Memory that comes fresh from the system is zero already; an allocator that knows that need not
 * touch it, and one that has it back from the program must clear it or let the system do so. Each
 * thread has some arrays and replaces a random one. Of a new array a word on every page is read and
 * must be zero, at another place of each page; then some pages are written, and later checked. */
#include <stdlib.h>
#include "block.h"
#include "workload.h"

#define WORD_BYTES sizeof(uint64_t)

static uint64_t least = 65536;
static uint64_t most = UINT64_C(64) << 20;
static uint64_t live = 8;
static uint64_t arrays = 600;
static uint64_t written_percent = 20;

static const struct workload_option options[] = {
    {"least", "bytes of an array; sizes are log-uniform", &least, 2 * BLOCK_PAGE_BYTES,
     WORKLOAD_MOST_BYTES, NULL, NULL},
    {"most", "bytes of an array", &most, 2 * BLOCK_PAGE_BYTES, WORKLOAD_MOST_BYTES, NULL, NULL},
    {"live", "arrays of all threads together", &live, 1, 1000000, NULL, NULL},
    {"arrays", "of all threads together, times scale", &arrays, 1, UINT32_MAX, NULL, NULL},
    {"written-percent", "of the pages of each array", &written_percent, 0, 100, NULL, NULL},
    {NULL, NULL, NULL, 0, 0, NULL, NULL},
};

static const struct workload workload = {
    "zeroed_arrays", "Large arrays from calloc, looked at and written in part.", options, 0, false};

static void require_zero(const struct block *array, size_t at)
{
    uint64_t word;

    memcpy(&word, array->address + at, sizeof(word));
    if (word != 0) {
        workload_fail("array of %zu bytes at %p is not zero at %zu", (size_t)array->bytes,
                      (void *)array->address, at);
    }
}

/* One word of each page, each time the next one, and the array's last. */
static void require_zeros(const struct block *array)
{
    size_t place = array->stamp % (BLOCK_PAGE_BYTES / WORD_BYTES);

    for (size_t page = 0; page + BLOCK_PAGE_BYTES <= array->bytes; page += BLOCK_PAGE_BYTES) {
        require_zero(array, page + place * WORD_BYTES);
        place = (place + 1) % (BLOCK_PAGE_BYTES / WORD_BYTES);
    }
    require_zero(array, array->bytes - WORD_BYTES);
}

/* Whether the page is one of those written; the same question has the same answer. */
static bool is_written(const struct block *array, size_t page)
{
    return random_mix(((uint64_t)array->stamp << 32) + page) % 100 < written_percent;
}

static void write_some(struct block *array)
{
    size_t step = BLOCK_PAGE_BYTES;

    for (size_t page = step; page + 2 * step <= array->bytes; page += step) {
        if (is_written(array, page)) {
            memset(array->address + page, (int)(array->stamp & UINT8_MAX), step);
        }
    }
    block_write_ends(array->address, array->bytes, random_mix(array->stamp));
}

static uint64_t release(struct block *array)
{
    size_t step = BLOCK_PAGE_BYTES;
    uint64_t sum = 0;

    for (size_t page = step; page + 2 * step <= array->bytes; page += step) {
        sum += array->address[page];
        if (array->address[page] != (is_written(array, page) ? (unsigned char)array->stamp : 0)) {
            workload_fail("array of %zu bytes at %p has lost its contents", (size_t)array->bytes,
                          (void *)array->address);
        }
    }
    return sum + block_release(array);
}

static void allocate(struct worker *worker, struct block *array)
{
    size_t bytes = random_log_uniform(&worker->random, least, most) / WORD_BYTES * WORD_BYTES;
    unsigned char *address = calloc(bytes / WORD_BYTES, WORD_BYTES);

    block_require(address, bytes);
    *array = (struct block){address, (uint32_t)bytes, (uint32_t)random_bits(&worker->random)};
    require_zeros(array);
    write_some(array);
    worker->operations++;
}

static void work(struct worker *worker)
{
    uint64_t slots = workload_share(live, workload_threads, worker->index);
    uint64_t count = workload_share(workload_scaled(arrays, 1), workload_threads, worker->index);
    struct block *table = workload_table(slots, sizeof(*table));

    for (uint64_t i = 0; i < count; i++) {
        struct block *array = &table[random_below(&worker->random, slots)];

        if (array->address != NULL) {
            worker->check += release(array);
            worker->operations++;
        }
        allocate(worker, array);
    }
    for (uint64_t i = 0; i < slots; i++) {
        if (table[i].address != NULL) {
            worker->check += release(&table[i]);
            worker->operations++;
        }
    }
}

int main(int argc, char **argv)
{
    workload_begin(&workload, argc, argv);
    if (least > most) {
        workload_refuse("--least is above --most");
    }
    if (live < workload_threads) {
        workload_refuse("--live is below --threads");
    }
    workload_run(workload_threads, work, NULL);
    return workload_end();
}
