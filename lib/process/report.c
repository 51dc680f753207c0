/* SPDX-License-Identifier: Apache-2.0 */
/* The two forms of a report that are for people:
 *
 *   line    quarry pid=7 program=cat allocations=90 ...    tools parse it: fields are only added
 *   table   the same line, and below it slabs by size class, arenas, large blocks, and threads
 *
 * A line is made in a buffer, and then goes to the sink, so that a report needs no memory. */
#include "process/report.h"

#include <string.h>

#include "os/fault.h"
#include "os/os.h"

/* Room for a number in a column of the table; the first one is narrower. */
#define COLUMN_CHARACTERS       14u
#define FIRST_COLUMN_CHARACTERS 8u

void report_write_line(const struct report_sink *sink, struct line *line)
{
    line->text[line->length++] = '\n';
    sink->write(line->text, line->length, sink->arg);
    line->length = 0;
}

static void add_field(struct line *line, const char *name, uint64_t number)
{
    line_add(line, " ");
    line_add(line, name);
    line_add(line, "=");
    line_add_number(line, number);
}

static void write_line(const struct quarry_malloc_stats *total, const struct report_sink *sink)
{
    struct line line = {.length = 0};

    line_add(&line, "quarry");
    add_field(&line, "pid", (uint64_t)os_process_id());
    line_add(&line, " program=");
    line_add(&line, os_program_name());
    add_field(&line, "allocations", total->allocations);
    add_field(&line, "frees", total->frees);
    add_field(&line, "resizes", total->resizes);
    add_field(&line, "large", total->large);
    add_field(&line, "live_bytes", total->live_bytes);
    add_field(&line, "committed_bytes", total->committed_bytes);
    add_field(&line, "foreign", total->foreign);
    if (total->reserve_bytes != 0) {
        add_field(&line, "reserve_bytes", total->reserve_bytes);
        add_field(&line, "exhausted", total->exhausted);
    }
    report_write_line(sink, &line);
}

/* --- The table --- */

static void add_spaces(struct line *line, size_t count)
{
    while (count-- > 0) {
        line_add(line, " ");
    }
}

/* Text at the right end of a column. */
static void add_cell(struct line *line, const char *text)
{
    size_t width = line->length == 0 ? FIRST_COLUMN_CHARACTERS : COLUMN_CHARACTERS;
    size_t length = strlen(text);

    add_spaces(line, length < width ? width - length : 1);
    line_add(line, text);
}

static void add_number(struct line *line, uint64_t number)
{
    struct line digits = {.length = 0};

    line_add_number(&digits, number);
    digits.text[digits.length] = '\0';
    add_cell(line, digits.text);
}

static void write_cells(const char *const *cells, size_t count, const struct report_sink *sink)
{
    struct line line = {.length = 0};

    for (size_t i = 0; i < count; i++) {
        add_cell(&line, cells[i]);
    }
    report_write_line(sink, &line);
}

#define WRITE_CELLS(cells, sink) write_cells((cells), sizeof(cells) / sizeof((cells)[0]), (sink))

/* "name: number what, number what" */
struct remark {
    uint64_t number;
    const char *what;
};

static void write_remarks(const char *name, const struct remark *remarks, size_t count,
                          const struct report_sink *sink)
{
    struct line line = {.length = 0};

    line_add(&line, name);
    for (size_t i = 0; i < count; i++) {
        line_add(&line, i == 0 ? ": " : ", ");
        line_add_number(&line, remarks[i].number);
        line_add(&line, " ");
        line_add(&line, remarks[i].what);
    }
    report_write_line(sink, &line);
}

#define WRITE_REMARKS(name, remarks, sink)                                                         \
    write_remarks((name), (remarks), sizeof(remarks) / sizeof((remarks)[0]), (sink))

static void write_totals(const struct census *census, const struct report_sink *sink)
{
    const struct quarry_malloc_stats *total = &census->total;
    const struct remark bytes[] = {{total->live_bytes, "in use"},
                                   {total->committed_bytes, "from the kernel"},
                                   {total->trimmable_bytes, "that it can have back"},
                                   {total->reserved_bytes, "of address space"}};
    const struct remark calls[] = {{total->allocations, "blocks made"},
                                   {total->frees, "freed"},
                                   {total->resizes, "resized in place"},
                                   {total->refused, "refused for lack of memory"},
                                   {total->foreign, "foreign addresses ignored"}};

    WRITE_REMARKS("bytes", bytes, sink);
    WRITE_REMARKS("calls", calls, sink);
}

static void write_class(size_t block_bytes, const struct class_census *of_class, size_t used_bytes,
                        const struct report_sink *sink)
{
    struct line line = {.length = 0};

    if (block_bytes != 0) {
        add_number(&line, block_bytes);
    } else {
        add_cell(&line, "all");
    }
    add_number(&line, of_class->slabs);
    add_number(&line, of_class->slices);
    add_number(&line, of_class->used);
    add_number(&line, of_class->free);
    add_number(&line, of_class->unused);
    add_number(&line, used_bytes);
    report_write_line(sink, &line);
}

static void write_slabs(const struct census *census, const struct report_sink *sink)
{
    static const char *const cells[] = {"block", "slabs",  "slices",    "in use",
                                        "free",  "unused", "bytes used"};
    const struct remark slices[] = {{census->slices_in_use, "in use"},
                                    {census->slices_kept, "free and kept"},
                                    {census->slices_known, "usable, of 64 KiB each"}};
    struct class_census all = {0};
    size_t used_bytes = 0;

    if (census->slices_known == 0) {
        return;
    }
    WRITE_CELLS(cells, sink);
    for (size_t size_class = 1; size_class < SIZE_CLASSES; size_class++) {
        const struct class_census *of_class = &census->classes[size_class];

        if (of_class->slabs != 0) {
            write_class(size_class_bytes(size_class), of_class,
                        class_used_bytes(census, size_class), sink);
            used_bytes += class_used_bytes(census, size_class);
            all.slabs += of_class->slabs;
            all.slices += of_class->slices;
            all.used += of_class->used;
            all.free += of_class->free;
            all.unused += of_class->unused;
        }
    }
    write_class(0, &all, used_bytes, sink);
    WRITE_REMARKS("slices", slices, sink);
}

static void write_arena(unsigned int index, const struct quarry_malloc_stats *arena, bool busy,
                        const struct report_sink *sink)
{
    struct line line = {.length = 0};

    add_number(&line, index);
    if (busy) {
        add_cell(&line, "busy");
    } else {
        add_number(&line, arena->regions);
        add_number(&line, arena->live_bytes);
        add_number(&line, arena->committed_bytes);
        add_number(&line, arena->trimmable_bytes);
        add_number(&line, arena->free_chunks);
        add_number(&line, arena->allocations);
        add_number(&line, arena->frees);
    }
    report_write_line(sink, &line);
}

static void write_arenas(const struct census *census, const struct report_sink *sink)
{
    static const char *const cells[] = {"arena",        "regions",     "bytes used",  "usable",
                                        "free at ends", "free chunks", "blocks made", "freed"};

    if (census->total.arenas != 0 || census->busy_arenas != 0) {
        WRITE_CELLS(cells, sink);
    }
    for (unsigned int i = 0; i < ARENA_MAX; i++) {
        bool busy = (census->busy_arenas >> i & 1) != 0;

        if (busy || census->arenas[i].arenas != 0) {
            write_arena(i, &census->arenas[i], busy, sink);
        }
    }
}

static void write_others(const struct census *census, const struct report_sink *sink)
{
    const struct quarry_malloc_stats *total = &census->total;
    const struct remark large[] = {{total->large_blocks, "in use"},
                                   {total->large_bytes, "bytes in them"},
                                   {total->large, "made"}};
    const struct remark caches[] = {{census->caches_in_use, "of threads"},
                                    {census->caches - census->caches_in_use, "of none"},
                                    {census->orphans, "slabs of threads that have ended"}};
    const struct remark letters[] = {{census->letters, "opened"},
                                     {census->letter_blocks, "blocks in them"},
                                     {census->caches_mailed, "caches have some to open"}};

    WRITE_REMARKS("large blocks", large, sink);
    WRITE_REMARKS("caches", caches, sink);
    WRITE_REMARKS("letters", letters, sink);
}

void report_write(const struct census *census, enum quarry_malloc_report_form form,
                  const struct report_sink *sink)
{
    if (form == QUARRY_MALLOC_REPORT_XML) {
        report_write_xml(census, sink);
        return;
    }
    write_line(&census->total, sink);
    if (form == QUARRY_MALLOC_REPORT_TABLE) {
        write_totals(census, sink);
        write_slabs(census, sink);
        write_arenas(census, sink);
        write_others(census, sink);
    }
}

void quarry_malloc_report(enum quarry_malloc_report_form form, quarry_malloc_writer write,
                          void *arg)
{
    const struct report_sink sink = {write, arg};
    struct census census;

    census_take(&census, CENSUS_SETTLED);
    report_write(&census, form, &sink);
}
