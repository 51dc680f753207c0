/* SPDX-License-Identifier: Apache-2.0 */
/* Before and after a picture is printed.
 *
 * A stream may allocate its buffer in the very heap that is drawn: the heap's malloc may be the
 * process's. So everything is looked at first, into memory of the system's, and the heap is not
 * looked at again. The snapshot is taken after the report, which refuses damaged heaps.
 *
 * Numbers are written without floating point: its decimal point depends on the locale. */
#include "debug/heap_drawing.h"

#include <errno.h>

#include "core/bits.h"
#include "os/os.h"

#define PERMILLE 1000u

static int take_snapshot(struct heap_drawing *drawing, struct sys_heap *heap)
{
    size_t page = os_page_bytes();
    size_t count = quarry_heap_snapshot(heap, NULL, 0);

    if (!size_multiply(count, sizeof(*drawing->chunks), &drawing->mapped_bytes) ||
        !size_round_up(drawing->mapped_bytes, page, &drawing->mapped_bytes)) {
        return -ENOMEM;
    }
    drawing->chunks = (struct quarry_heap_chunk *)os_map(drawing->mapped_bytes, page);
    if (drawing->chunks == NULL) {
        return -ENOMEM;
    }
    drawing->count = quarry_heap_snapshot(heap, drawing->chunks, count);
    return 0;
}

int heap_drawing_begin(struct heap_drawing *drawing, FILE *out, struct sys_heap *heap)
{
    drawing->out = out;
    if (out == NULL || quarry_heap_report_get(heap, &drawing->report) != 0) {
        return -EINVAL;
    }
    return take_snapshot(drawing, heap);
}

int heap_drawing_end(struct heap_drawing *drawing)
{
    os_unmap(drawing->chunks, drawing->mapped_bytes);
    return fflush(drawing->out) != 0 || ferror(drawing->out) != 0 ? -EIO : 0;
}

size_t heap_drawing_step(size_t bytes, size_t most, size_t least)
{
    size_t step = least;

    while ((bytes - 1) / step >= most) {
        step *= 2;
    }
    return step;
}

struct heap_text heap_size_text(size_t bytes)
{
    static const char units[][4] = {"KiB", "MiB", "GiB"};
    const size_t exact_up_to = 9999;
    const size_t kibi = 1024;
    size_t unit = 0;
    struct heap_text text;

    if (bytes <= exact_up_to) {
        snprintf(text.text, sizeof(text.text), "%zu B", bytes);
        return text;
    }
    while (bytes / kibi >= kibi && unit + 1 < sizeof(units) / sizeof(units[0])) {
        bytes /= kibi;
        unit++;
    }
    snprintf(text.text, sizeof(text.text), "%zu.%zu %s", bytes / kibi, bytes % kibi * 10 / kibi,
             units[unit]);
    return text;
}

struct heap_text heap_offset_text(size_t bytes)
{
    struct heap_text text;

    snprintf(text.text, sizeof(text.text), "0x%zx", bytes);
    return text;
}

struct heap_text heap_share_text(size_t part, size_t whole)
{
    unsigned int permille = (unsigned int)((uint64_t)part * PERMILLE / whole);
    struct heap_text text;

    snprintf(text.text, sizeof(text.text), "%u.%u %%", permille / 10, permille % 10);
    return text;
}
