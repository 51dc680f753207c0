/* SPDX-License-Identifier: Apache-2.0 */
/* Draws heaps through heap_walk, so that a picture shows what the library itself sees. */
#include "heap_picture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <core/sys_heap_walk.h>
#include <cmocka.h>

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

bool heap_picture_equals(const struct sys_heap *heap, const char *picture)
{
    char text[PICTURE_BYTES];
    heap_picture(heap, text, sizeof text);
    return strcmp(text, picture) == 0;
}

void expect_heap_at(const struct sys_heap *heap, const char *picture, const char *file, int line)
{
    char text[PICTURE_BYTES];
    heap_picture(heap, text, sizeof text);
    if (strcmp(text, picture) == 0) {
        return;
    }
    print_error("expected heap: %s\n", picture);
    print_error("actual heap:   %s\n", text);
    _fail(file, line);
}
