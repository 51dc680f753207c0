/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of words that one thread owns, and that its own signal handlers change too: each is one
 * instruction, so that a handler comes before or after it. None keeps other threads out; so none
 * needs what that costs. */
#ifndef QUARRY_PROCESS_OWN_H
#define QUARRY_PROCESS_OWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "process/link.h"

#if defined(__x86_64__)
/* Makes *word `after` if it is *before; else false, and *before is what it is. */
static inline bool own_swap(void **word, void **before, void *after)
{
    bool swapped;

    __asm__ volatile("cmpxchgq %[after], %[word]"
                     : "=@ccz"(swapped), [word] "+m"(*word), "+a"(*before)
                     : [after] "r"(after)
                     : "memory");
    return swapped;
}

/* Takes 1 off a count that is not 0. True iff it is 0 then. */
static inline bool own_count_down(uint32_t *count)
{
    bool is_zero;

    __asm__ volatile("decl %0" : "+m"(*count), "=@ccz"(is_zero) : : "memory");
    return is_zero;
}

static inline void own_add(uint32_t *count, uint32_t more)
{
    __asm__ volatile("addl %1, %0" : "+m"(*count) : "r"(more) : "memory");
}

static inline void own_add_long(uint64_t *count, uint64_t more)
{
    __asm__ volatile("addq %1, %0" : "+m"(*count) : "er"(more) : "memory");
}

/* Makes a count `after` if it is `before`; else false. */
static inline bool own_correct(uint32_t *count, uint32_t before, uint32_t after)
{
    bool swapped;

    __asm__ volatile("cmpxchgl %[after], %[count]"
                     : "=@ccz"(swapped), [count] "+m"(*count), "+a"(before)
                     : [after] "r"(after)
                     : "memory");
    return swapped;
}
#else
static inline bool own_swap(void **word, void **before, void *after)
{
    return __atomic_compare_exchange_n(word, before, after, false, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED);
}

static inline bool own_count_down(uint32_t *count)
{
    return __atomic_sub_fetch(count, 1, __ATOMIC_RELAXED) == 0;
}

static inline void own_add(uint32_t *count, uint32_t more)
{
    __atomic_add_fetch(count, more, __ATOMIC_RELAXED);
}

static inline void own_add_long(uint64_t *count, uint64_t more)
{
    __atomic_add_fetch(count, more, __ATOMIC_RELAXED);
}

static inline bool own_correct(uint32_t *count, uint32_t before, uint32_t after)
{
    return __atomic_compare_exchange_n(count, &before, after, false, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED);
}
#endif

/* Puts a chain of linked blocks, `last` being its end, on top of a list. */
static inline void own_push(void **list, void *first, void *last)
{
    void *top = __atomic_load_n(list, __ATOMIC_RELAXED);

    do {
        link_set(last, top);
    } while (__builtin_expect(!own_swap(list, &top, first), 0));
}

/* Takes all of a list. */
static inline void *own_take(void **list)
{
    void *top = __atomic_load_n(list, __ATOMIC_RELAXED);

    while (!own_swap(list, &top, NULL)) {
    }
    return top;
}

#endif
