/* SPDX-License-Identifier: Apache-2.0 */
/* Draws heaps through heap_walk, so that a picture shows what the library itself sees. */
#include "heap_picture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <core/sys_heap_walk.h>
#include <cmocka.h>
#include "heap_format.h"

#define PICTURE_BYTES 8192
#define CUT_MARK      "..."

struct picture picture_begin(char *text, size_t size)
{
    text[0] = '\0';
    return (struct picture){.text = text, .size = size};
}

static void append(struct picture *picture, const char *word)
{
    const char *space = picture->used > 0 ? " " : "";
    size_t wanted = strlen(space) + strlen(word);
    if (picture->cut) {
        return;
    }
    if (picture->used + wanted + sizeof CUT_MARK > picture->size) {
        picture->cut = true;
        memcpy(picture->text + picture->used, CUT_MARK, sizeof CUT_MARK);
        return;
    }
    snprintf(picture->text + picture->used, picture->size - picture->used, "%s%s", space, word);
    picture->used += wanted;
}

void picture_add(struct picture *picture, char kind, uint32_t size_units)
{
    char word[16];
    snprintf(word, sizeof word, "%c%u", kind, (unsigned int)size_units);
    append(picture, word);
}

static bool draw_chunk(const struct heap_chunk_view *chunk, void *arg)
{
    char free_kind = chunk->listed ? 'F' : 'S';
    picture_add(arg, chunk->used ? 'U' : free_kind, chunk->size_units);
    return true;
}

void heap_picture(const struct sys_heap *heap, char *text, size_t size)
{
    struct picture picture = picture_begin(text, size);
    if (heap->heap == NULL) {
        append(&picture, "none");
    } else if (!heap_walk(heap, draw_chunk, &picture)) {
        append(&picture, "broken");
    }
}

/* ---- expected pictures ---- */

/* An expected picture being read. */
struct reading {
    const char *at;
    int64_t star; /* what `*` stands for */
    bool bad;
};

static bool take(struct reading *reading, char wanted)
{
    if (*reading->at != wanted) {
        return false;
    }
    reading->at++;
    return true;
}

static int64_t read_number(struct reading *reading)
{
    if (*reading->at < '0' || *reading->at > '9') {
        reading->bad = true;
        return 0;
    }
    char *end;
    int64_t number = (int64_t)strtoul(reading->at, &end, 10);
    reading->at = end;
    return number;
}

static int64_t read_term(struct reading *reading)
{
    if (take(reading, '*')) {
        return reading->star;
    }
    if (take(reading, 'm')) {
        return HEAP_MIN_UNITS;
    }
    if (take(reading, 't')) {
        return HEAP_TRAILER / HEAP_UNIT;
    }
    if (take(reading, '[')) {
        int64_t bytes = read_number(reading);
        reading->bad = !take(reading, ']') || reading->bad;
        return (int64_t)heap_units_for((size_t)bytes);
    }
    return read_number(reading);
}

static int64_t read_size(struct reading *reading)
{
    int64_t size = read_term(reading);
    while (*reading->at == '+' || *reading->at == '-') {
        int64_t sign = *reading->at++ == '+' ? 1 : -1;
        size += sign * read_term(reading);
    }
    return size;
}

/* Reads a whole picture, adds its words to picture, and returns the sum of their sizes. */
static int64_t read_picture(struct reading reading, struct picture *picture, bool *bad)
{
    int64_t sum = 0;
    while (*reading.at != '\0' && !reading.bad) {
        char kind = *reading.at++;
        int64_t size = read_size(&reading);
        if (kind == 'L') {
            kind = size < (int64_t)HEAP_MIN_UNITS ? 'S' : 'F';
        }
        if (size != 0) {
            picture_add(picture, kind, (uint32_t)size);
        }
        sum += size;
        reading.bad = reading.bad || strchr("UFS", kind) == NULL || size < 0 ||
                      (!take(&reading, ' ') && *reading.at != '\0');
    }
    *bad = reading.bad;
    return sum;
}

static bool add_size(const struct heap_chunk_view *chunk, void *arg)
{
    *(int64_t *)arg += chunk->size_units;
    return true;
}

bool heap_picture_expand(const struct sys_heap *heap, const char *expected, char *text, size_t size)
{
    struct picture picture = picture_begin(text, size);
    if (strcmp(expected, "none") == 0) {
        append(&picture, expected);
        return true;
    }
    int64_t total = 0;
    bool bad;
    heap_walk(heap, add_size, &total);
    struct reading reading = {.at = expected};
    int64_t sum = read_picture(reading, &picture, &bad);
    reading.star = strchr(expected, '*') == NULL ? 0 : total - sum;
    picture = picture_begin(text, size);
    read_picture(reading, &picture, &bad);
    return !bad;
}

bool heap_picture_equals(const struct sys_heap *heap, const char *expected)
{
    char actual[PICTURE_BYTES];
    char wanted[PICTURE_BYTES];
    heap_picture(heap, actual, sizeof actual);
    return heap_picture_expand(heap, expected, wanted, sizeof wanted) &&
           strcmp(actual, wanted) == 0;
}

void expect_heap_at(const struct sys_heap *heap, const char *file, int line, const char *format,
                    ...)
{
    char expected[PICTURE_BYTES];
    char text[PICTURE_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(expected, sizeof expected, format, args);
    va_end(args);
    if (heap_picture_equals(heap, expected)) {
        return;
    }
    bool well_formed = heap_picture_expand(heap, expected, text, sizeof text);
    print_error("expected heap: %s%s\n", text, well_formed ? "" : " (malformed)");
    print_error("written as:    %s\n", expected);
    heap_picture(heap, text, sizeof text);
    print_error("actual heap:   %s\n", text);
    _fail(file, line);
}
