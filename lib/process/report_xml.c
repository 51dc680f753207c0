/* SPDX-License-Identifier: Apache-2.0 */
/* The report as XML, which malloc_info writes. Elements and attributes that glibc's has are here
 * with the same meaning, so that what reads those finds its way:
 *
 *   heap     0: slabs; then one for each arena that has memory
 *   sizes    free blocks of slabs by size: `count` of them, which are `total` bytes
 *   total    free memory: "fast" is blocks of slabs, "rest" all that is neither such a block nor in
 *            use; at the end also "mmap", which is large blocks in use
 *   system   "current": bytes that the kernel has given (glibc's "max" is not known here)
 *   aspace   "total": reserved address space; "mprotect": what of it is usable
 *
 * What has no place there is in attributes and elements of our own. Of each heap, the bytes used
 * and those of its "fast" and "rest" are its "current"; and each number at the end is the sum of
 * those of the heaps. */
#include "os/fault.h"
#include "process/report.h"
#include "process/slices.h"

/* Part of the sums at the end. */
struct heap_sums {
    size_t used_bytes;
    size_t fast_blocks;
    size_t fast_bytes;
    size_t rest_chunks;
    size_t rest_bytes;
    size_t reserved_bytes;
    size_t usable_bytes;
};

static void add_attribute(struct line *line, const char *name, uint64_t number)
{
    line_add(line, " ");
    line_add(line, name);
    line_add(line, "=\"");
    line_add_number(line, number);
    line_add(line, "\"");
}

static void write_text(const struct report_sink *sink, const char *text)
{
    struct line line = {.length = 0};

    line_add(&line, text);
    report_write_line(sink, &line);
}

/* <name type="type" count="" size=""/>, without a count if that is NULL. */
static void write_typed(const struct report_sink *sink, const char *name_and_type,
                        const size_t *count, size_t bytes)
{
    struct line line = {.length = 0};

    line_add(&line, "<");
    line_add(&line, name_and_type);
    if (count != NULL) {
        add_attribute(&line, "count", *count);
    }
    add_attribute(&line, "size", bytes);
    line_add(&line, "/>");
    report_write_line(sink, &line);
}

static void write_free(const struct report_sink *sink, const struct heap_sums *sums)
{
    write_typed(sink, "total type=\"fast\"", &sums->fast_blocks, sums->fast_bytes);
    write_typed(sink, "total type=\"rest\"", &sums->rest_chunks, sums->rest_bytes);
}

static void write_system(const struct report_sink *sink, const struct heap_sums *sums)
{
    write_typed(sink, "system type=\"current\"", NULL,
                sums->used_bytes + sums->fast_bytes + sums->rest_bytes);
    write_typed(sink, "aspace type=\"total\"", NULL, sums->reserved_bytes);
    write_typed(sink, "aspace type=\"mprotect\"", NULL, sums->usable_bytes);
}

static void end_heap(const struct report_sink *sink, const struct heap_sums *sums)
{
    write_free(sink, sums);
    write_system(sink, sums);
    write_text(sink, "</heap>");
}

static void add_sums(struct heap_sums *all, const struct heap_sums *more)
{
    all->used_bytes += more->used_bytes;
    all->fast_blocks += more->fast_blocks;
    all->fast_bytes += more->fast_bytes;
    all->rest_chunks += more->rest_chunks;
    all->rest_bytes += more->rest_bytes;
    all->reserved_bytes += more->reserved_bytes;
    all->usable_bytes += more->usable_bytes;
}

static void write_class(const struct report_sink *sink, const struct census *census,
                        size_t size_class)
{
    const struct class_census *of_class = &census->classes[size_class];
    struct line line = {.length = 0};

    line_add(&line, "<size");
    add_attribute(&line, "from", size_class_bytes(size_class - 1) + 1);
    add_attribute(&line, "to", size_class_bytes(size_class));
    add_attribute(&line, "total", class_free_bytes(census, size_class));
    add_attribute(&line, "count", of_class->free);
    add_attribute(&line, "used", of_class->used);
    add_attribute(&line, "unused", of_class->unused);
    add_attribute(&line, "slabs", of_class->slabs);
    add_attribute(&line, "slices", of_class->slices);
    line_add(&line, "/>");
    report_write_line(sink, &line);
}

static struct heap_sums sums_of_slabs(const struct census *census)
{
    struct heap_sums sums = {.usable_bytes = census->slices_known << SLICE_SHIFT};
    size_t slices = census->slices_kept;

    for (size_t size_class = 1; size_class < SIZE_CLASSES; size_class++) {
        slices += census->classes[size_class].slices;
        sums.used_bytes += class_used_bytes(census, size_class);
        sums.fast_blocks += census->classes[size_class].free;
        sums.fast_bytes += class_free_bytes(census, size_class);
    }
    sums.rest_bytes = (slices << SLICE_SHIFT) - sums.used_bytes - sums.fast_bytes;
    sums.reserved_bytes = slice_range_slices() << SLICE_SHIFT;
    return sums;
}

static void write_slabs(const struct report_sink *sink, const struct census *census,
                        struct heap_sums *all)
{
    struct heap_sums sums = sums_of_slabs(census);

    write_text(sink, "<heap nr=\"0\" kind=\"slabs\">");
    write_text(sink, "<sizes>");
    for (size_t size_class = 1; size_class < SIZE_CLASSES; size_class++) {
        if (census->classes[size_class].slabs != 0) {
            write_class(sink, census, size_class);
        }
    }
    write_text(sink, "</sizes>");
    end_heap(sink, &sums);
    add_sums(all, &sums);
}

static void write_arena(const struct report_sink *sink, const struct census *census,
                        unsigned int index, struct heap_sums *all)
{
    const struct quarry_malloc_stats *arena = &census->arenas[index];
    bool busy = (census->busy_arenas >> index & 1) != 0;
    struct heap_sums sums = {
        .used_bytes = arena->live_bytes,
        .rest_chunks = arena->free_chunks,
        .rest_bytes = arena->committed_bytes - arena->live_bytes,
        .reserved_bytes = arena->reserved_bytes,
        .usable_bytes = arena->committed_bytes,
    };
    struct line line = {.length = 0};

    line_add(&line, "<heap");
    add_attribute(&line, "nr", index + 1);
    line_add(&line, " kind=\"arena\"");
    line_add(&line, busy ? " busy=\"1\"" : "");
    add_attribute(&line, "regions", arena->regions);
    add_attribute(&line, "used", arena->live_bytes);
    line_add(&line, ">");
    report_write_line(sink, &line);
    write_text(sink, "<sizes/>");
    end_heap(sink, &sums);
    add_sums(all, &sums);
}

/* An element with attributes only. */
struct attribute {
    const char *name;
    uint64_t number;
};

static void write_element(const struct report_sink *sink, const char *name,
                          const struct attribute *attributes, size_t count)
{
    struct line line = {.length = 0};

    line_add(&line, "<");
    line_add(&line, name);
    for (size_t i = 0; i < count; i++) {
        add_attribute(&line, attributes[i].name, attributes[i].number);
    }
    line_add(&line, "/>");
    report_write_line(sink, &line);
}

#define WRITE_ELEMENT(sink, name, attributes)                                                      \
    write_element((sink), (name), (attributes), sizeof(attributes) / sizeof((attributes)[0]))

static void write_own_elements(const struct report_sink *sink, const struct census *census)
{
    const struct quarry_malloc_stats *total = &census->total;
    const struct attribute calls[] = {{"allocations", total->allocations},
                                      {"frees", total->frees},
                                      {"resizes", total->resizes},
                                      {"refused", total->refused},
                                      {"foreign", total->foreign}};
    const struct attribute live[] = {{"bytes", total->live_bytes}};
    const struct attribute large[] = {{"count", total->large_blocks},
                                      {"bytes", total->large_bytes}};
    const struct attribute regions[] = {{"arenas", total->arenas},
                                        {"count", total->regions},
                                        {"reserved", total->reserved_bytes},
                                        {"free_chunks", total->free_chunks}};
    const struct attribute committed[] = {{"bytes", total->committed_bytes},
                                          {"trimmable", total->trimmable_bytes}};
    const struct attribute threads[] = {{"caches", census->caches_in_use},
                                        {"orphans", census->orphans},
                                        {"letters", census->letters},
                                        {"letter_blocks", census->letter_blocks}};

    WRITE_ELEMENT(sink, "calls", calls);
    WRITE_ELEMENT(sink, "live", live);
    WRITE_ELEMENT(sink, "large", large);
    WRITE_ELEMENT(sink, "regions", regions);
    WRITE_ELEMENT(sink, "committed", committed);
    WRITE_ELEMENT(sink, "threads", threads);
}

void report_write_xml(const struct census *census, const struct report_sink *sink)
{
    struct heap_sums all = {0};

    write_text(sink, "<malloc version=\"quarry-1\">");
    write_slabs(sink, census, &all);
    for (unsigned int i = 0; i < ARENA_MAX; i++) {
        if (census->arenas[i].arenas != 0 || (census->busy_arenas >> i & 1) != 0) {
            write_arena(sink, census, i, &all);
        }
    }
    write_free(sink, &all);
    write_typed(sink, "total type=\"mmap\"", &census->total.large_blocks,
                census->total.large_bytes);
    write_system(sink, &all);
    write_own_elements(sink, census);
    write_text(sink, "</malloc>");
}
