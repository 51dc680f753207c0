/* SPDX-License-Identifier: Apache-2.0 */
/* Options: name=value pairs separated by commas in QUARRY_OPTIONS.
 *
 *   frontend=heap          where blocks come from: chunk heaps, the only front end so far
 *   arenas=N               1 to 32; twice the number of processors unless set
 *   large_threshold=SIZE   64k to 32m; 512k unless set
 *   purge_delay_ms=N       0 to 3600000; 1000 unless set
 *   foreign=ignore|abort   what becomes of an address that is not ours; ignore unless set
 *   stats=PATH             append the counters to a file at exit; "stderr" is standard error
 *
 * SIZE is a number with or without k, m or g behind it. What cannot be understood is reported on
 * standard error and skipped. A program that runs with raised privileges ignores the variable. */
#include "process/options.h"

#include <stdatomic.h>
#include <string.h>

#include "core/bits.h"
#include "os/fault.h"
#include "os/os.h"
#include "process/arena.h"

#define KIB                   ((size_t)1 << 10)
#define MIB                   ((size_t)1 << 20)
#define NS_PER_MS             1000000u
#define LARGE_THRESHOLD_LEAST (64 * KIB)
#define LARGE_THRESHOLD_MOST  (32 * MIB)
#define PURGE_DELAY_MS_MOST   3600000u
#define ARENAS_PER_PROCESSOR  2u

/* Relaxed atomics: they may be changed while others read them, and stand each for itself. */
static _Atomic(size_t) large_threshold = 512 * KIB;
static _Atomic(unsigned int) arenas = 1;
static _Atomic(uint64_t) purge_delay_ns = (uint64_t)1000 * NS_PER_MS;
/* Constant once read. */
static bool foreign_aborts;
static char stats_path[256];

size_t options_large_threshold(void)
{
    return atomic_load_explicit(&large_threshold, memory_order_relaxed);
}

unsigned int options_arenas(void)
{
    return atomic_load_explicit(&arenas, memory_order_relaxed);
}

uint64_t options_purge_delay_ns(void)
{
    return atomic_load_explicit(&purge_delay_ns, memory_order_relaxed);
}

bool options_foreign_aborts(void)
{
    return foreign_aborts;
}

const char *options_stats_path(void)
{
    return stats_path;
}

bool options_set_large_threshold(size_t bytes)
{
    if (bytes < LARGE_THRESHOLD_LEAST || bytes > LARGE_THRESHOLD_MOST) {
        return false;
    }
    atomic_store_explicit(&large_threshold, bytes, memory_order_relaxed);
    return true;
}

bool options_set_arenas(size_t count)
{
    if (count < 1 || count > ARENA_MAX) {
        return false;
    }
    atomic_store_explicit(&arenas, (unsigned int)count, memory_order_relaxed);
    return true;
}

bool options_set_purge_delay_ms(size_t ms)
{
    if (ms > PURGE_DELAY_MS_MOST) {
        return false;
    }
    atomic_store_explicit(&purge_delay_ns, (uint64_t)ms * NS_PER_MS, memory_order_relaxed);
    return true;
}

/* A part of the variable's text. */
struct span_of_text {
    const char *start;
    size_t length;
};

static bool text_is(struct span_of_text text, const char *word)
{
    return text.length == strlen(word) && memcmp(text.start, word, text.length) == 0;
}

/* Factor that a size's last character stands for; 1 if it is none of the suffixes. */
static size_t suffix_factor(char suffix)
{
    switch (suffix) {
    case 'k':
        return KIB;
    case 'm':
        return MIB;
    case 'g':
        return KIB * MIB;
    default:
        return 1;
    }
}

/* Reads digits and at most one suffix. */
static bool read_size(struct span_of_text text, size_t *value)
{
    size_t factor = text.length != 0 ? suffix_factor(text.start[text.length - 1]) : 1;
    size_t digits = text.length - (factor != 1);

    *value = 0;
    for (size_t i = 0; i < digits; i++) {
        unsigned int digit = (unsigned int)(text.start[i] - '0');

        if (digit > 9 || !size_multiply(*value, 10, value) || !size_add(*value, digit, value)) {
            return false;
        }
    }
    return digits != 0 && size_multiply(*value, factor, value);
}

static bool set_size(struct span_of_text value, bool (*set)(size_t))
{
    size_t number;

    return read_size(value, &number) && set(number);
}

static bool set_foreign(struct span_of_text value)
{
    bool aborts = text_is(value, "abort");

    if (!aborts && !text_is(value, "ignore")) {
        return false;
    }
    foreign_aborts = aborts;
    return true;
}

static bool set_stats_path(struct span_of_text value)
{
    if (value.length == 0 || value.length >= sizeof(stats_path)) {
        return false;
    }
    memcpy(stats_path, value.start, value.length);
    stats_path[value.length] = '\0';
    return true;
}

static void complain(const char *problem, struct span_of_text text)
{
    char name[64];
    struct line line = {.length = 0};
    size_t length = text.length < sizeof(name) ? text.length : sizeof(name) - 1;

    memcpy(name, text.start, length);
    name[length] = '\0';
    line_add(&line, "quarry: ");
    line_add(&line, problem);
    line_add(&line, " in QUARRY_OPTIONS, skipped: ");
    line_add(&line, name);
    line_to_stderr(&line);
}

/* Applies one name=value. */
static void apply(struct span_of_text name, struct span_of_text value)
{
    bool good;

    if (text_is(name, "frontend")) {
        good = text_is(value, "heap");
    } else if (text_is(name, "arenas")) {
        good = set_size(value, options_set_arenas);
    } else if (text_is(name, "large_threshold")) {
        good = set_size(value, options_set_large_threshold);
    } else if (text_is(name, "purge_delay_ms")) {
        good = set_size(value, options_set_purge_delay_ms);
    } else if (text_is(name, "foreign")) {
        good = set_foreign(value);
    } else if (text_is(name, "stats")) {
        good = set_stats_path(value);
    } else {
        complain("unknown option", name);
        return;
    }
    if (!good) {
        complain("bad value of option", name);
    }
}

static void apply_pair(struct span_of_text pair)
{
    const char *equals = memchr(pair.start, '=', pair.length);
    size_t name_length = equals != NULL ? (size_t)(equals - pair.start) : pair.length;
    size_t value_offset = equals != NULL ? name_length + 1 : pair.length;

    apply((struct span_of_text){pair.start, name_length},
          (struct span_of_text){pair.start + value_offset, pair.length - value_offset});
}

bool options_read(void)
{
    size_t per_processor = (size_t)os_cpu_count() * ARENAS_PER_PROCESSOR;
    const char *text = os_environment("QUARRY_OPTIONS");

    options_set_arenas(per_processor < ARENA_MAX ? per_processor : ARENA_MAX);
    while (text != NULL && *text != '\0') {
        size_t length = strcspn(text, ",");

        if (length != 0) {
            apply_pair((struct span_of_text){text, length});
        }
        text += length + (text[length] == ',');
    }
    return os_environment_ready();
}
