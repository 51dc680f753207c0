/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions that hand out memory and those that take it back, each behind one signature, so
 * that a rule that holds for all of them is one loop over a table.
 */
#ifndef QUARRY_TESTS_INTERPOSER_ENTRY_POINTS_H
#define QUARRY_TESTS_INTERPOSER_ENTRY_POINTS_H

#include "expect.h"

/* C23 and old BSD names that the headers of this system need not declare, nor its libc define. */
extern void free_sized(void *block, size_t bytes) __attribute__((weak));
extern void free_aligned_sized(void *block, size_t alignment, size_t bytes) __attribute__((weak));
extern void cfree(void *block) __attribute__((weak));

struct entry_point {
    const char *name;
    void *(*allocate)(size_t bytes);
    size_t alignment; /* that the result must have at least */
};

static inline void *by_malloc(size_t bytes)
{
    return malloc(hidden_size(bytes));
}

static inline void *by_calloc_of_one(size_t bytes)
{
    return calloc(1, hidden_size(bytes));
}

static inline void *by_calloc_of_bytes(size_t bytes)
{
    return calloc(hidden_size(bytes), 1);
}

static inline void *by_realloc(size_t bytes)
{
    return realloc(NULL, hidden_size(bytes));
}

static inline void *by_reallocarray(size_t bytes)
{
    return reallocarray(NULL, hidden_size(bytes), 1);
}

static inline void *by_aligned_alloc_16(size_t bytes)
{
    return aligned_alloc(16, hidden_size(bytes));
}

static inline void *by_aligned_alloc_64(size_t bytes)
{
    return aligned_alloc(64, hidden_size(bytes));
}

static inline void *by_memalign_4096(size_t bytes)
{
    return memalign(4096, hidden_size(bytes));
}

/* posix_memalign returns its code; here it lands in errno, where the others put theirs. */
static inline void *by_posix_memalign_32(size_t bytes)
{
    void *block = NULL;
    int code = posix_memalign(&block, 32, hidden_size(bytes));
    if (code != 0) {
        errno = code;
    }
    return block;
}

static inline void *by_posix_memalign_1m(size_t bytes)
{
    void *block = NULL;
    int code = posix_memalign(&block, MIB, hidden_size(bytes));
    if (code != 0) {
        errno = code;
    }
    return block;
}

static inline void *by_valloc(size_t bytes)
{
    return valloc(hidden_size(bytes));
}

static inline void *by_pvalloc(size_t bytes)
{
    return pvalloc(hidden_size(bytes));
}

static const struct entry_point entry_points[] = {
    {"malloc", by_malloc, 16},
    {"calloc(1, n)", by_calloc_of_one, 16},
    {"calloc(n, 1)", by_calloc_of_bytes, 16},
    {"realloc(NULL, n)", by_realloc, 16},
    {"reallocarray(NULL, n, 1)", by_reallocarray, 16},
    {"aligned_alloc(16, n)", by_aligned_alloc_16, 16},
    {"aligned_alloc(64, n)", by_aligned_alloc_64, 64},
    {"memalign(4096, n)", by_memalign_4096, 4096},
    {"posix_memalign(32, n)", by_posix_memalign_32, 32},
    {"posix_memalign(1 MiB, n)", by_posix_memalign_1m, 1024 * 1024},
    {"valloc", by_valloc, 4096},
    {"pvalloc", by_pvalloc, 4096},
};

#define FOR_EACH_ENTRY_POINT(entry)                                                                \
    for (const struct entry_point *entry = entry_points;                                           \
         entry < entry_points + sizeof(entry_points) / sizeof(entry_points[0]); entry++)

struct exit_point {
    const char *name;
    void (*release)(void *block, size_t bytes); /* a block of malloc(bytes) */
};

static inline void by_free(void *block, size_t bytes)
{
    (void)bytes;
    free(block);
}

static inline void by_free_sized(void *block, size_t bytes)
{
    if (free_sized != NULL) {
        free_sized(block, bytes);
    } else {
        free(block);
    }
}

static inline void by_cfree(void *block, size_t bytes)
{
    (void)bytes;
    if (cfree != NULL) {
        cfree(block);
    } else {
        free(block);
    }
}

static inline void by_realloc_to_0(void *block, size_t bytes)
{
    (void)bytes;
    EXPECT(realloc(hidden(block), hidden_size(0)) == NULL || block == NULL);
}

static const struct exit_point exit_points[] = {
    {"free", by_free},
    {"free_sized", by_free_sized},
    {"cfree", by_cfree},
    {"realloc(p, 0)", by_realloc_to_0},
};

#define FOR_EACH_EXIT_POINT(way)                                                                   \
    for (const struct exit_point *way = exit_points;                                               \
         way < exit_points + sizeof(exit_points) / sizeof(exit_points[0]); way++)

#endif
