/* SPDX-License-Identifier: Apache-2.0 */
/* The sum of all counters, and the line that QUARRY_OPTIONS=stats=PATH asks for. */
#include "process/stats.h"

#include <stdatomic.h>

#include "os/fault.h"
#include "os/os.h"
#include "process/arena.h"
#include "process/large.h"
#include "process/options.h"
#include "process/slice_reserve.h"
#include "process/thread_cache.h"
#include <quarry/malloc.h>

static _Atomic(uint64_t) foreign; /* relaxed: a number for statistics */

void stats_count_foreign(void)
{
    atomic_fetch_add_explicit(&foreign, 1, memory_order_relaxed);
}

void quarry_malloc_stats_get(struct quarry_malloc_stats *stats)
{
    *stats = (struct quarry_malloc_stats){
        .foreign = atomic_load_explicit(&foreign, memory_order_relaxed),
    };
    arena_add_stats(stats);
    large_add_stats(stats);
    thread_cache_add_stats(stats);
    slice_reserve_add_stats(stats);
}

static void add_field(struct line *line, const char *name, uint64_t number)
{
    line_add(line, " ");
    line_add(line, name);
    line_add(line, "=");
    line_add_number(line, number);
}

__attribute__((destructor)) static void report_at_exit(void)
{
    struct quarry_malloc_stats stats;
    struct line line = {.length = 0};

    if (options_stats_path()[0] == '\0') {
        return;
    }
    quarry_malloc_stats_get(&stats);
    line_add(&line, "quarry");
    add_field(&line, "pid", (uint64_t)os_process_id());
    line_add(&line, " program=");
    line_add(&line, os_program_name());
    add_field(&line, "allocations", stats.allocations);
    add_field(&line, "frees", stats.frees);
    add_field(&line, "resizes", stats.resizes);
    add_field(&line, "large", stats.large);
    add_field(&line, "live_bytes", stats.live_bytes);
    add_field(&line, "committed_bytes", stats.committed_bytes);
    add_field(&line, "foreign", stats.foreign);
    if (stats.reserve_bytes != 0) {
        add_field(&line, "reserve_bytes", stats.reserve_bytes);
        add_field(&line, "exhausted", stats.exhausted);
    }
    line.text[line.length++] = '\n';
    if (!os_append(options_stats_path(), line.text, line.length)) {
        struct line complaint = {.length = 0};

        line_add(&complaint, "quarry: cannot write statistics to ");
        line_add(&complaint, options_stats_path());
        line_to_stderr(&complaint);
    }
}
