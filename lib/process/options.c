/* SPDX-License-Identifier: Apache-2.0 */
/* Options of the process allocator, from QUARRY_OPTIONS (os/option_text.c, which knows more).
 *
 *   frontend=slab|heap     where small blocks come from: slabs of threads, or chunk heaps
 *   arenas=N               1 to 32; twice the number of processors unless set
 *   large_threshold=SIZE   32k to 32m; 32k unless set, or 512k with frontend=heap
 *                          and in the hardened library
 *   purge_delay_ms=N       0 to 3600000; 1000 unless set
 *   rt=0|1                 the real-time mode (realtime.c); 0 unless set
 *   reserve=SIZE           its memory: 1m to 128g; 64m unless set
 *   exhausted=grow|fail    what becomes of blocks that do not fit in there; grow unless set
 *   huge=0|1               whether memory of slices is asked for in huge pages; 0 unless set
 *   foreign=ignore|abort   what becomes of an address that is not ours; ignore unless set, but
 *                          abort in the hardened library
 *   stats=PATH             append a report to a file at exit; "stderr" is standard error
 *   stats_format=line|table   what a report is (report.c); line unless set
 *   stats_signal=NAME      append a report on a signal, too: USR1, USR2, RTMIN+n or a number
 *   zero_on_free=0|1       1: what a block held is overwritten with zeros when it is freed, and
 *                          malloc looks whether it still is; hardened library only, 0 unless set
 *
 * Unless the front end is set it is slabs, and under memory checkers, which know chunks and nothing
 * of slabs (os/checkers.h), chunk heaps. The real-time mode needs slabs, and has them unless the
 * other front end is set. Options that have no effect because of another one are reported.
 *
 * SIZE is a number with or without k, m or g behind it, or a capital of these. What cannot be
 * understood is reported on standard error and skipped. */
#include "process/options.h"

#include <stdatomic.h>
#include <string.h>

#include "os/checkers.h"
#include "os/fault.h"
#include "os/option_text.h"
#include "os/os.h"
#include "process/arena.h"
#include "process/hardened.h"
#include "process/run.h"
#include "process/size_class.h"
#include "process/variable_page.h"

#define KIB                   ((size_t)1 << 10)
#define MIB                   ((size_t)1 << 20)
#define NS_PER_MS             1000000u
#define LARGE_THRESHOLD_LEAST (32 * KIB)
#define LARGE_THRESHOLD_MOST  (32 * MIB)
#define RESERVE_LEAST         MIB
#define RESERVE_MOST          ((size_t)128 << 30)
#define RESERVE_USUAL         (64 * MIB)
/* Unless set. A run costs no system call, and not the memory and the time that a region costs which
 * has the first chunk; a mapping is for blocks that are worth some system calls. */
#define THRESHOLD_OF_RUNS     SIZE_CLASS_MOST_BYTES
#define THRESHOLD_OF_MAPPINGS (512 * KIB)
#define PURGE_DELAY_MS_MOST   3600000u
#define ARENAS_PER_PROCESSOR  2u

/* Relaxed atomics: they may be changed while others read them, and stand each for itself. */
static _Atomic(size_t) large_threshold; /* 0: not set */
static _Atomic(unsigned int) arenas;    /* 0: not set, nor asked for yet */
static _Atomic(uint64_t) purge_delay_ns = (uint64_t)1000 * NS_PER_MS;
/* Constant once read. */
static bool foreign_aborts = HARDENED;
static bool zero_on_free;
static enum { FRONTEND_UNSET, FRONTEND_SLAB, FRONTEND_HEAP } frontend;
static LAST_OF_VARIABLES char stats_path[256];
static bool has_stats_path;
static bool huge;
static bool rt;
static bool exhausted_fails;
static size_t reserve_bytes; /* 0: was not set */
static enum quarry_malloc_report_form stats_form = QUARRY_MALLOC_REPORT_LINE;
static int stats_signal;

size_t options_large_threshold(void)
{
    size_t bytes = atomic_load_explicit(&large_threshold, memory_order_relaxed);

    if (bytes != 0 && !options_rt()) {
        return bytes;
    }
    return runs_are_usual() ? THRESHOLD_OF_RUNS : THRESHOLD_OF_MAPPINGS;
}

static unsigned int usual_arenas(void)
{
    size_t per_processor = (size_t)os_cpu_count() * ARENAS_PER_PROCESSOR;

    return per_processor < ARENA_MAX ? (unsigned int)per_processor : ARENA_MAX;
}

/* The processors are counted when a program first needs an arena: most never do. */
unsigned int options_arenas(void)
{
    unsigned int count = atomic_load_explicit(&arenas, memory_order_relaxed);
    unsigned int usual = count == 0 ? usual_arenas() : 0;

    if (count == 0 && atomic_compare_exchange_strong_explicit(
                          &arenas, &count, usual, memory_order_relaxed, memory_order_relaxed)) {
        count = usual;
    }
    return count;
}

uint64_t options_purge_delay_ns(void)
{
    return atomic_load_explicit(&purge_delay_ns, memory_order_relaxed);
}

bool options_foreign_aborts(void)
{
    return foreign_aborts;
}

bool options_zero_on_free(void)
{
    return zero_on_free;
}

bool options_slabs(void)
{
    return frontend == FRONTEND_UNSET ? rt || !checkers_run() : frontend == FRONTEND_SLAB;
}

bool options_rt(void)
{
    return rt && frontend != FRONTEND_HEAP && !HARDENED;
}

size_t options_reserve_bytes(void)
{
    return reserve_bytes != 0 ? reserve_bytes : RESERVE_USUAL;
}

bool options_exhausted_fails(void)
{
    return exhausted_fails && options_rt();
}

bool options_huge(void)
{
    return huge;
}

const char *options_stats_path(void)
{
    return stats_path;
}

/* Looks at no page but that of small variables. */
bool options_has_stats_path(void)
{
    return has_stats_path;
}

enum quarry_malloc_report_form options_stats_form(void)
{
    return stats_form;
}

int options_stats_signal(void)
{
    return stats_signal;
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

/* --- From text --- */

static bool set_size(struct option_text value, bool (*set)(size_t))
{
    size_t number;

    return option_text_size(value, &number) && set(number);
}

static bool set_arenas(struct option_text value)
{
    return set_size(value, options_set_arenas);
}

static bool set_large_threshold(struct option_text value)
{
    return set_size(value, options_set_large_threshold);
}

static bool set_purge_delay_ms(struct option_text value)
{
    return set_size(value, options_set_purge_delay_ms);
}

static bool set_frontend(struct option_text value)
{
    bool is_slab = option_text_is(value, "slab");

    if (!is_slab && !option_text_is(value, "heap")) {
        return false;
    }
    frontend = is_slab ? FRONTEND_SLAB : FRONTEND_HEAP;
    return true;
}

/* One of two words; *option tells whether it is the first. */
static bool set_choice(struct option_text value, const char *word, const char *other, bool *option)
{
    bool is_word = option_text_is(value, word);

    if (!is_word && !option_text_is(value, other)) {
        return false;
    }
    *option = is_word;
    return true;
}

static bool set_foreign(struct option_text value)
{
    return set_choice(value, "abort", "ignore", &foreign_aborts);
}

static bool set_huge(struct option_text value)
{
    return set_choice(value, "1", "0", &huge);
}

static bool set_rt(struct option_text value)
{
    return set_choice(value, "1", "0", &rt);
}

static bool set_exhausted(struct option_text value)
{
    return set_choice(value, "fail", "grow", &exhausted_fails);
}

static bool set_reserve(struct option_text value)
{
    size_t bytes;

    if (!option_text_size(value, &bytes) || bytes < RESERVE_LEAST || bytes > RESERVE_MOST) {
        return false;
    }
    reserve_bytes = bytes;
    return true;
}

static bool set_zero_on_free(struct option_text value)
{
    bool zeroes = option_text_is(value, "1");

    if (!HARDENED || (!zeroes && !option_text_is(value, "0"))) {
        return false;
    }
    zero_on_free = zeroes;
    return true;
}

static bool set_stats_path(struct option_text value)
{
    if (value.length == 0 || value.length >= sizeof(stats_path)) {
        return false;
    }
    memcpy(stats_path, value.start, value.length);
    stats_path[value.length] = '\0';
    has_stats_path = true;
    return true;
}

static bool set_stats_form(struct option_text value)
{
    bool is_line = option_text_is(value, "line");

    if (!is_line && !option_text_is(value, "table")) {
        return false;
    }
    stats_form = is_line ? QUARRY_MALLOC_REPORT_LINE : QUARRY_MALLOC_REPORT_TABLE;
    return true;
}

static bool set_stats_signal(struct option_text value)
{
    int number = os_signal_number(value.start, value.length);

    if (number == 0) {
        return false;
    }
    stats_signal = number;
    return true;
}

static const option_setter setters[OPTION_COUNT] = {
    [OPTION_ARENAS] = set_arenas,
    [OPTION_EXHAUSTED] = set_exhausted,
    [OPTION_FOREIGN] = set_foreign,
    [OPTION_FRONTEND] = set_frontend,
    [OPTION_HUGE] = set_huge,
    [OPTION_LARGE_THRESHOLD] = set_large_threshold,
    [OPTION_PURGE_DELAY_MS] = set_purge_delay_ms,
    [OPTION_RESERVE] = set_reserve,
    [OPTION_RT] = set_rt,
    [OPTION_STATS] = set_stats_path,
    [OPTION_STATS_FORMAT] = set_stats_form,
    [OPTION_STATS_SIGNAL] = set_stats_signal,
    [OPTION_ZERO_ON_FREE] = set_zero_on_free,
};

static void complain_of_contradictions(void)
{
    if (rt && HARDENED) {
        line_complain("rt=1 has no effect in the hardened malloc", "");
    }
    if (rt && frontend == FRONTEND_HEAP) {
        line_complain("rt=1 has no effect with frontend=heap", "");
    }
    if (!rt && (reserve_bytes != 0 || exhausted_fails)) {
        line_complain("reserve and exhausted have no effect without rt=1", "");
    }
}

bool options_read(void)
{
    atomic_store_explicit(&arenas, 0, memory_order_relaxed);
    bool done = option_text_read(setters);

    if (done) {
        complain_of_contradictions();
    }
    return done;
}
