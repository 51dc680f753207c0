/* SPDX-License-Identifier: Apache-2.0 */
/* A heap as ASCII text.
 *
 *   heap of 240 B: 8 B to a character, 512 B to a row
 *
 *               +0x0            +0x80
 *           0x0 =======[#[##x(...[##(........=
 *
 *   = bookkeeping   [## used   (.. free   x free, too small for any block
 *
 * A character is a cell: a power of two of bytes, 8 or more. Two cases:
 *
 *   1. 8 bytes: no cell lies in two chunks, so that each chunk is drawn as it is, its first cell
 *      with a character of its own: neighbours can be told apart.
 *   2. More: a cell tells which share of its bytes lies in used chunks, headers included. The last
 *      cell counts the bytes that it has.
 *
 * Rows are a power of two of cells, so that offsets stay round in hexadecimal. */
#include <stdbool.h>

#include "debug/heap_drawing.h"

#define DEFAULT_COLUMNS 80u
#define LABEL_COLUMNS   12u /* "0x3ffffffff ": the last offset of the largest heap */
#define FEWEST_CELLS    16u
#define MOST_CELLS      1024u
#define MOST_ROWS       16u
#define FINEST_BYTES    8u
/* Cells from mark to mark of the scale. */
#define MARK_CELLS 16u

struct map {
    const struct heap_drawing *drawing;
    size_t row_cells;
    size_t cell_bytes;
    size_t next; /* the first chunk that ends behind the cells drawn so far */
};

static struct map map_of(const struct heap_drawing *drawing, unsigned int columns)
{
    unsigned int wanted = columns == 0 ? DEFAULT_COLUMNS : columns;
    size_t cells = FEWEST_CELLS;

    while (cells < MOST_CELLS && cells * 2 + LABEL_COLUMNS <= wanted) {
        cells *= 2;
    }
    return (struct map){
        .drawing = drawing,
        .row_cells = cells,
        .cell_bytes =
            heap_drawing_step(drawing->report.heap_bytes, cells * MOST_ROWS, FINEST_BYTES),
    };
}

/* Case 1: the cell at `offset` lies in this chunk. */
static char fine_glyph(const struct quarry_heap_chunk *chunk, size_t offset)
{
    bool first = offset == chunk->offset_bytes;

    switch (chunk->kind) {
    case QUARRY_HEAP_CHUNK_USED:
        return first ? '[' : '#';
    case QUARRY_HEAP_CHUNK_FREE:
        return first ? '(' : '.';
    case QUARRY_HEAP_CHUNK_UNDERSIZED:
        return 'x';
    default:
        return '=';
    }
}

/* Case 2: of `bytes` bytes so many are of a kind. */
static char coarse_glyph(size_t used, size_t bookkeeping, size_t bytes)
{
    size_t tenths = (size_t)((uint64_t)used * 10 / bytes);

    if (bookkeeping * 2 >= bytes) {
        return '=';
    }
    if (used == 0) {
        return '.';
    }
    if (used == bytes) {
        return '#';
    }
    return (char)('0' + (tenths == 0 ? 1 : tenths));
}

/* The cell from `offset` to `end`; cells are drawn in order. */
static char next_glyph(struct map *map, size_t offset, size_t end)
{
    const struct quarry_heap_chunk *chunks = map->drawing->chunks;
    size_t bytes_of[QUARRY_HEAP_CHUNK_DAMAGED] = {0};
    const struct quarry_heap_chunk *first = &chunks[map->next];

    for (size_t from = offset; from < end;) {
        const struct quarry_heap_chunk *chunk = &chunks[map->next];
        size_t to = heap_chunk_end(chunk) < end ? heap_chunk_end(chunk) : end;

        bytes_of[chunk->kind] += to - from;
        map->next += to == heap_chunk_end(chunk);
        from = to;
    }
    if (map->cell_bytes == FINEST_BYTES) {
        return fine_glyph(first, offset);
    }
    return coarse_glyph(bytes_of[QUARRY_HEAP_CHUNK_USED], bytes_of[QUARRY_HEAP_CHUNK_BOOKKEEPING],
                        end - offset);
}

static void draw_scale(const struct map *map)
{
    FILE *out = map->drawing->out;
    size_t heap_cells = (map->drawing->report.heap_bytes - 1) / map->cell_bytes + 1;
    size_t cells = heap_cells < map->row_cells ? heap_cells : map->row_cells;

    fprintf(out, "%*s", (int)LABEL_COLUMNS, "");
    for (size_t cell = 0; cell < cells; cell += MARK_CELLS) {
        bool last = cell + MARK_CELLS >= cells;

        fprintf(out, "+%-*s", last ? 0 : (int)MARK_CELLS - 1,
                heap_offset_text(cell * map->cell_bytes).text);
    }
    fputc('\n', out);
}

static void draw_rows(struct map *map)
{
    size_t heap_bytes = map->drawing->report.heap_bytes;
    size_t row_bytes = map->row_cells * map->cell_bytes;
    FILE *out = map->drawing->out;

    for (size_t row = 0; row < heap_bytes; row += row_bytes) {
        size_t row_end = heap_bytes - row < row_bytes ? heap_bytes : row + row_bytes;

        fprintf(out, "%*s ", (int)LABEL_COLUMNS - 1, heap_offset_text(row).text);
        for (size_t cell = row; cell < row_end; cell += map->cell_bytes) {
            size_t end = row_end - cell < map->cell_bytes ? row_end : cell + map->cell_bytes;

            fputc(next_glyph(map, cell, end), out);
        }
        fputc('\n', out);
    }
}

static void draw_legend(const struct map *map)
{
    bool fine = map->cell_bytes == FINEST_BYTES;

    fputs(fine ? "\n= bookkeeping   [## used   (.. free   x free, too small for any block\n"
               : "\n= bookkeeping   # used   . free   1 to 9 tenths used\n",
          map->drawing->out);
}

static void draw_sum(const struct heap_drawing *drawing, const char *name, size_t chunks,
                     size_t bytes)
{
    fprintf(drawing->out, "%-16s%10zu  %12s  %8s\n", name, chunks, heap_size_text(bytes).text,
            heap_share_text(bytes, drawing->report.heap_bytes).text);
}

static void draw_summary(const struct heap_drawing *drawing)
{
    const struct quarry_heap_report *report = &drawing->report;
    FILE *out = drawing->out;

    fputc('\n', out);
    draw_sum(drawing, "used blocks", report->used_blocks, report->used_bytes);
    draw_sum(drawing, "free chunks", report->free_chunks, report->free_bytes);
    draw_sum(drawing, "too small", report->undersized_chunks, report->undersized_bytes);
    fprintf(out, "%-16s%10s  %12s  %8s\n", "overhead", "",
            heap_size_text(report->overhead_bytes).text,
            heap_share_text(report->overhead_bytes, report->heap_bytes).text);
    fprintf(out, "\nlargest free chunk %s, fragmentation %u.%u %%\n",
            heap_size_text(report->largest_free_bytes).text, report->fragmentation_permille / 10,
            report->fragmentation_permille % 10);
    fprintf(out, "largest block to be had now: %s",
            heap_size_text(report->largest_allocatable_bytes).text);
    if (report->lowest_largest_allocatable_bytes > 0) {
        fprintf(out, ", at any time so far: at least %s",
                heap_size_text(report->lowest_largest_allocatable_bytes).text);
    }
    fputc('\n', out);
}

int quarry_heap_draw_text(FILE *out, struct sys_heap *heap, unsigned int columns)
{
    struct heap_drawing drawing;
    int refused = heap_drawing_begin(&drawing, out, heap);

    if (refused != 0) {
        return refused;
    }
    struct map map = map_of(&drawing, columns);
    fprintf(out, "heap of %s: ", heap_size_text(drawing.report.heap_bytes).text);
    fprintf(out, "%s to a character, ", heap_size_text(map.cell_bytes).text);
    fprintf(out, "%s to a row\n\n", heap_size_text(map.cell_bytes * map.row_cells).text);
    draw_scale(&map);
    draw_rows(&map);
    draw_legend(&map);
    draw_summary(&drawing);
    return heap_drawing_end(&drawing);
}
