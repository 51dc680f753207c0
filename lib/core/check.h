/* SPDX-License-Identifier: Apache-2.0 */
/* The three levels of checks, and what a failed check calls.
 *
 *   REQUIRE    every build; O(1) on lines that the caller has in cache anyway
 *   CHECK      QUARRY_CHECKS >= 1; O(1)
 *   CHECK_ALL  QUARRY_CHECKS >= 2; O(n), after each call that changes a heap
 *
 * A failure means that memory is damaged or that the caller broke the contract in a way that would
 * damage it: it is reported in one line, and the program aborts. No level tells the optimiser that
 * its condition holds. Each phrase is used once, names the probable cause, and has a death test. */
#ifndef QUARRY_CORE_CHECK_H
#define QUARRY_CORE_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <quarry/fault.h>

#ifndef QUARRY_CHECKS
#define QUARRY_CHECKS 0
#endif

/* Reports a fault and ends the program. lib/os/fault.c defines it; a freestanding user of core
 * defines its own. */
_Noreturn void fault_report(const struct quarry_fault *report);

/* The same for a fault of which no sizes are known. `heap` and `address` may be NULL. */
_Noreturn void fault(const char *phrase, const void *heap, const void *address);

#define REQUIRE(condition, phrase, heap, address)                                                  \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0)) {                                                   \
            fault((phrase), (heap), (address));                                                    \
        }                                                                                          \
    } while (0)

/* A check that this build leaves out is compiled, and not evaluated. */
#define CHECK_LEFT_OUT(condition)                                                                  \
    do {                                                                                           \
        if (false) {                                                                               \
            (void)(condition);                                                                     \
        }                                                                                          \
    } while (0)

#if QUARRY_CHECKS >= 1
#define CHECK(condition, phrase, heap, address) REQUIRE(condition, phrase, heap, address)
#else
#define CHECK(condition, phrase, heap, address) CHECK_LEFT_OUT(condition)
#endif

#if QUARRY_CHECKS >= 2
#define CHECK_ALL(condition, phrase, heap, address) REQUIRE(condition, phrase, heap, address)
#else
#define CHECK_ALL(condition, phrase, heap, address) CHECK_LEFT_OUT(condition)
#endif

#endif
