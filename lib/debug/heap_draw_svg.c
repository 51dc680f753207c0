/* SPDX-License-Identifier: Apache-2.0 */
/* A heap as an SVG image.
 *
 *   +------------------------------------------------------------+
 *   | title                                                      |
 *   |          +0x0       +0x400     +0x800     +0xc00           |
 *   |     0x0  [=====[####[###[..............[#######[...        |
 *   |  0x1000  ....[##############################[####..        |
 *   | legend with sums                  what can be allocated    |
 *   +------------------------------------------------------------+
 *
 * A row is a power of two of bytes; a chunk that goes on in the next row is drawn in both. What
 * lies of a chunk in one row is a part. Positions are in hundredths of a unit, rounded down from
 * exact offsets, so that neighbours touch and no error adds up.
 *
 *   1. A part is drawn alone if it is at least `narrow` wide.
 *   2. Narrow parts side by side form a group until the group is as wide, the row ends, or a part
 *      that is drawn alone comes. A group is one rectangle, filled from below by its share of bytes
 *      in used chunks.
 *   3. narrow is FINE while there are at most FINE_CHUNKS chunks, else COARSE. So at worst there
 *      are pairs of a part and a group in 24 rows of 832 units: 24 * 832 / 10 = 1997 pairs, of less
 *      than 400 bytes each, beside a few kilobytes: less than 1 MB.
 *
 * Colours tell kinds by lightness too, for those who cannot tell them by hue. */
#include <stdbool.h>

#include "debug/heap_drawing.h"

#define FINE_CHUNKS   3000u
#define MOST_ROWS     24u
#define LEAST_ROW     256u /* bytes; 8 bytes are 26 units wide then */
#define HUNDREDTHS    100u
#define FINE          (HUNDREDTHS * 1u)
#define COARSE        (HUNDREDTHS * 10u)
#define MAP_WIDTH     832u
#define MAP_LEFT      104u
#define MAP_TOP       104u
#define ROW_HEIGHT    20u
#define ROW_PITCH     26u
#define LEGEND_HEIGHT 148u
#define LINE_HEIGHT   24u
#define FIGURES_LEFT  560u
/* In place of a number of chunks: overhead is everywhere. */
#define NOT_COUNTED SIZE_MAX
/* Marks of the scale in a row. */
#define MARKS 4u

/* A number in hundredths, for fprintf. */
#define FIXED       "%u.%02u"
#define FIXED_OF(n) (n) / HUNDREDTHS, (n) % HUNDREDTHS

struct image {
    const struct heap_drawing *drawing;
    FILE *out;
    size_t row_bytes;
    size_t rows;
    size_t header_bytes; /* of every chunk */
    unsigned int narrow; /* in hundredths */
};

/* Parts side by side in one row; one is enough. */
struct group {
    size_t first; /* index of the chunk of the first part */
    size_t count;
    size_t start; /* offsets */
    size_t end;
    size_t used_parts;
    size_t used_bytes;
};

static struct image image_of(const struct heap_drawing *drawing)
{
    size_t row_bytes = heap_drawing_step(drawing->report.heap_bytes, MOST_ROWS, LEAST_ROW);

    return (struct image){
        .drawing = drawing,
        .out = drawing->out,
        .row_bytes = row_bytes,
        .rows = (drawing->report.heap_bytes + row_bytes - 1) / row_bytes,
        .header_bytes = drawing->chunks[drawing->count - 1].size_bytes,
        .narrow = drawing->count <= FINE_CHUNKS ? FINE : COARSE,
    };
}

/* Hundredths from the left of the map to an offset in the row that begins at row_start. */
static unsigned int position(const struct image *image, size_t row_start, size_t offset)
{
    uint64_t hundredths = (uint64_t)(offset - row_start) * (MAP_WIDTH * HUNDREDTHS);

    return (unsigned int)(hundredths / image->row_bytes);
}

static const char *class_of(enum quarry_heap_chunk_kind kind)
{
    static const char *const classes[] = {
        [QUARRY_HEAP_CHUNK_BOOKKEEPING] = "b", [QUARRY_HEAP_CHUNK_USED] = "u",
        [QUARRY_HEAP_CHUNK_FREE] = "f",        [QUARRY_HEAP_CHUNK_UNDERSIZED] = "s",
        [QUARRY_HEAP_CHUNK_END] = "b",
    };
    return classes[kind];
}

static const char *name_of(enum quarry_heap_chunk_kind kind)
{
    static const char *const names[] = {
        [QUARRY_HEAP_CHUNK_BOOKKEEPING] = "bookkeeping",
        [QUARRY_HEAP_CHUNK_USED] = "used",
        [QUARRY_HEAP_CHUNK_FREE] = "free",
        [QUARRY_HEAP_CHUNK_UNDERSIZED] = "too small",
        [QUARRY_HEAP_CHUNK_END] = "end marker",
    };
    return names[kind];
}

/* Below the last row. */
static unsigned int map_bottom(const struct image *image)
{
    return MAP_TOP + (unsigned int)image->rows * ROW_PITCH;
}

/* Base line of a line of text below the map. */
static unsigned int legend_line(const struct image *image, unsigned int line)
{
    return map_bottom(image) + LINE_HEIGHT * (line + 1) + 8;
}

static void draw_head(const struct image *image)
{
    FILE *out = image->out;
    unsigned int height = map_bottom(image) + LEGEND_HEIGHT;

    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 960 %u\" width=\"960\" "
            "height=\"%u\" role=\"img\" aria-label=\"map of a heap\">\n",
            height, height);
    fputs("<style>\n"
          "g{shape-rendering:crispEdges}\n"
          "text{font:13px system-ui,sans-serif;fill:#1f2328}\n"
          ".m{fill:#59636e}.o{font:11px ui-monospace,monospace;fill:#59636e}\n"
          ".t{font-size:20px;font-weight:600}.e{text-anchor:end}\n"
          ".k{fill:#fff;stroke:#d0d7de}.l{stroke:#d0d7de}\n"
          ".u{fill:#0072b2}.f{fill:#dbe4ec}.s{fill:#d55e00}.b{fill:#8c959f}\n"
          ".h{fill:#000;fill-opacity:.35;pointer-events:none}\n"
          "@media (prefers-color-scheme:dark){\n"
          "text{fill:#e6edf3}.m,.o{fill:#9198a1}\n"
          ".k{fill:#0d1117;stroke:#3d444d}.l{stroke:#3d444d}\n"
          ".u{fill:#4ba3e3}.f{fill:#3b4653}.s{fill:#f0883e}.b{fill:#7d8590}\n"
          ".h{fill-opacity:.45}}\n"
          "</style>\n",
          out);
    fprintf(out,
            "<rect class=\"k\" x=\".5\" y=\".5\" width=\"959\" height=\"%u\" rx=\"10\"/>\n"
            "<text class=\"t\" x=\"24\" y=\"42\">Heap of %s</text>\n",
            height - 1, heap_size_text(image->drawing->report.heap_bytes).text);
    fprintf(out, "<text class=\"m e\" x=\"936\" y=\"42\">a row is %s; %s</text>\n",
            heap_size_text(image->row_bytes).text,
            image->narrow == FINE ? "dark edges are headers"
                                  : "small chunks share a box, filled as far as they are used");
}

static void draw_scale(const struct image *image)
{
    unsigned int bottom = map_bottom(image);

    for (unsigned int mark = 0; mark < MARKS; mark++) {
        unsigned int x = MAP_LEFT + mark * (MAP_WIDTH / MARKS);

        fprintf(image->out, "<path class=\"l\" d=\"M%u.5 %uV%u\"/>", x, MAP_TOP - 26, bottom);
        fprintf(image->out, "<text class=\"o\" x=\"%u\" y=\"%u\">+%s</text>\n", x + 6, MAP_TOP - 14,
                heap_offset_text(image->row_bytes / MARKS * mark).text);
    }
}

static void draw_part(const struct image *image, size_t row_start, const struct group *group)
{
    const struct quarry_heap_chunk *chunk = &image->drawing->chunks[group->first];
    unsigned int x = position(image, row_start, group->start);
    unsigned int width = position(image, row_start, group->end) - x;

    fprintf(image->out,
            "<rect class=\"%s\" x=\"" FIXED "\" width=\"" FIXED "\" height=\"%u\"><title>%s, ",
            class_of(chunk->kind), FIXED_OF(x), FIXED_OF(width), ROW_HEIGHT, name_of(chunk->kind));
    fprintf(image->out, "%s, %s", heap_offset_text(chunk->offset_bytes).text,
            heap_size_text(chunk->size_bytes).text);
    if (chunk->usable_bytes > 0) {
        fprintf(image->out, ", usable %s", heap_size_text(chunk->usable_bytes).text);
    }
    fputs("</title></rect>\n", image->out);
}

static void draw_group(const struct image *image, size_t row_start, const struct group *group)
{
    unsigned int x = position(image, row_start, group->start);
    unsigned int width = position(image, row_start, group->end) - x;
    size_t bytes = group->end - group->start;
    unsigned int filled =
        (unsigned int)((uint64_t)group->used_bytes * (ROW_HEIGHT * HUNDREDTHS) / bytes);
    unsigned int top = ROW_HEIGHT * HUNDREDTHS - filled;

    fprintf(image->out, "<g><title>%s to ", heap_offset_text(group->start).text);
    fprintf(image->out, "%s: %zu of %zu chunks used, %s of the bytes</title>",
            heap_offset_text(group->end - 1).text, group->used_parts, group->count,
            heap_share_text(group->used_bytes, bytes).text);
    fprintf(image->out, "<rect class=\"f\" x=\"" FIXED "\" width=\"" FIXED "\" height=\"%u\"/>",
            FIXED_OF(x), FIXED_OF(width), ROW_HEIGHT);
    fprintf(image->out,
            "<rect class=\"u\" x=\"" FIXED "\" y=\"" FIXED "\" width=\"" FIXED "\" height=\"" FIXED
            "\"/></g>\n",
            FIXED_OF(x), FIXED_OF(top), FIXED_OF(width), FIXED_OF(filled));
}

/* The part of a chunk that lies in the row from row_start. */
static struct group part_of(const struct image *image, size_t index, size_t row_start)
{
    const struct quarry_heap_chunk *chunk = &image->drawing->chunks[index];
    size_t row_end = row_start + image->row_bytes;
    size_t start = chunk->offset_bytes > row_start ? chunk->offset_bytes : row_start;
    size_t end = heap_chunk_end(chunk) < row_end ? heap_chunk_end(chunk) : row_end;
    bool used = chunk->kind == QUARRY_HEAP_CHUNK_USED;

    return (struct group){
        .first = index,
        .count = 1,
        .start = start,
        .end = end,
        .used_parts = used,
        .used_bytes = used ? end - start : 0,
    };
}

static bool is_narrow(const struct image *image, const struct group *group)
{
    return position(image, group->start, group->end) < image->narrow;
}

/* Draws the group, if there is anything in it, and empties it. */
static void flush(const struct image *image, size_t row_start, struct group *group)
{
    if (group->count == 1) {
        draw_part(image, row_start, group);
    } else if (group->count > 1) {
        draw_group(image, row_start, group);
    }
    group->count = 0;
}

static void join(struct group *group, const struct group *part)
{
    if (group->count == 0) {
        *group = *part;
        return;
    }
    group->count += part->count;
    group->end = part->end;
    group->used_parts += part->used_parts;
    group->used_bytes += part->used_bytes;
}

/* Darker left edges of the chunks from `first` to `last` that begin in the row, are drawn alone,
 * and have more than a header. An edge is the chunk's header, true to scale, or a hairline if that
 * is narrower. */
static void draw_edges(const struct image *image, size_t row_start, size_t first, size_t last)
{
    const unsigned int hairline = HUNDREDTHS;
    const unsigned int least_width = 4 * hairline;

    fputs("<path class=\"h\" d=\"", image->out);
    for (size_t index = first; index <= last; index++) {
        const struct quarry_heap_chunk *chunk = &image->drawing->chunks[index];
        struct group part = part_of(image, index, row_start);
        unsigned int x = position(image, row_start, part.start);
        unsigned int width = position(image, 0, image->header_bytes);

        if (chunk->usable_bytes == 0 || chunk->offset_bytes < row_start ||
            is_narrow(image, &part) || position(image, row_start, part.end) - x < least_width) {
            continue;
        }
        width = width < hairline ? hairline : width;
        fprintf(image->out, "M" FIXED " 0h" FIXED "v%uh-" FIXED "z", FIXED_OF(x), FIXED_OF(width),
                ROW_HEIGHT, FIXED_OF(width));
    }
    fputs("\"/>\n", image->out);
}

/* Draws the row from row_start, whose first byte lies in the chunk `index`; returns the chunk in
 * which the next row begins. */
static size_t draw_row(const struct image *image, size_t row_start, size_t index)
{
    const struct heap_drawing *drawing = image->drawing;
    size_t row_end = row_start + image->row_bytes;
    size_t first = index;
    struct group group = {.count = 0};

    for (;; index++) {
        struct group part = part_of(image, index, row_start);

        if (!is_narrow(image, &part)) {
            flush(image, row_start, &group);
        }
        join(&group, &part);
        if (!is_narrow(image, &group)) {
            flush(image, row_start, &group);
        }
        if (part.end == row_end || index + 1 == drawing->count) {
            break;
        }
    }
    flush(image, row_start, &group);
    draw_edges(image, row_start, first, index);
    return heap_chunk_end(&drawing->chunks[index]) == row_end ? index + 1 : index;
}

static void draw_rows(const struct image *image)
{
    size_t index = 0;

    for (size_t row = 0; row < image->rows; row++) {
        unsigned int y = MAP_TOP + (unsigned int)row * ROW_PITCH;
        size_t row_start = row * image->row_bytes;

        fprintf(image->out, "<text class=\"o e\" x=\"%u\" y=\"%u\">%s</text>\n", MAP_LEFT - 10,
                y + 14, heap_offset_text(row_start).text);
        fprintf(image->out, "<g transform=\"translate(%u %u)\">\n", MAP_LEFT, y);
        index = draw_row(image, row_start, index);
        fputs("</g>\n", image->out);
    }
}

/* One line of the legend: what the colour means, and what there is of it. */
static void draw_sum(const struct image *image, unsigned int line, const char *kind,
                     const char *name, size_t chunks, size_t bytes)
{
    unsigned int y = legend_line(image, line);
    FILE *out = image->out;

    fprintf(out, "<rect class=\"%s\" x=\"%u\" y=\"%u\" width=\"14\" height=\"14\" rx=\"2\"/>", kind,
            MAP_LEFT, y - 12);
    fprintf(out, "<text x=\"%u\" y=\"%u\">%s</text>", MAP_LEFT + 24, y, name);
    if (chunks != NOT_COUNTED) {
        fprintf(out, "<text class=\"e\" x=\"%u\" y=\"%u\">%zu</text>", MAP_LEFT + 190, y, chunks);
    }
    fprintf(out, "<text class=\"e\" x=\"%u\" y=\"%u\">%s</text>", MAP_LEFT + 290, y,
            heap_size_text(bytes).text);
    fprintf(out, "<text class=\"m e\" x=\"%u\" y=\"%u\">%s</text>\n", MAP_LEFT + 360, y,
            heap_share_text(bytes, image->drawing->report.heap_bytes).text);
}

static void draw_legend(const struct image *image)
{
    const struct quarry_heap_report *report = &image->drawing->report;

    draw_sum(image, 0, "u", "used blocks", report->used_blocks, report->used_bytes);
    draw_sum(image, 1, "f", "free chunks", report->free_chunks, report->free_bytes);
    draw_sum(image, 2, "s", "too small", report->undersized_chunks, report->undersized_bytes);
    draw_sum(image, 3, "b", "overhead", NOT_COUNTED, report->overhead_bytes);
}

static void draw_figure(const struct image *image, unsigned int line, const char *name,
                        const char *figure)
{
    unsigned int y = legend_line(image, line);

    fprintf(image->out, "<text x=\"%u\" y=\"%u\">%s</text>", FIGURES_LEFT, y, name);
    fprintf(image->out, "<text class=\"e\" x=\"%u\" y=\"%u\">%s</text>\n", MAP_LEFT + MAP_WIDTH, y,
            figure);
}

static void draw_figures(const struct image *image)
{
    const struct quarry_heap_report *report = &image->drawing->report;

    draw_figure(image, 0, "Fragmentation",
                heap_share_text(report->fragmentation_permille, 1000).text);
    draw_figure(image, 1, "Largest free chunk", heap_size_text(report->largest_free_bytes).text);
    draw_figure(image, 2, "Largest block to be had now",
                heap_size_text(report->largest_allocatable_bytes).text);
    if (report->lowest_largest_allocatable_bytes > 0) {
        draw_figure(image, 3, "... at any time so far, at least",
                    heap_size_text(report->lowest_largest_allocatable_bytes).text);
    }
}

int quarry_heap_draw_svg(FILE *out, struct sys_heap *heap)
{
    struct heap_drawing drawing;
    int refused = heap_drawing_begin(&drawing, out, heap);

    if (refused != 0) {
        return refused;
    }
    struct image image = image_of(&drawing);
    draw_head(&image);
    draw_scale(&image);
    draw_rows(&image);
    draw_legend(&image);
    draw_figures(&image);
    fputs("</svg>\n", out);
    return heap_drawing_end(&drawing);
}
