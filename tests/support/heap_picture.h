/* SPDX-License-Identifier: Apache-2.0 */
/* Heap states as text: one word per chunk in address order, without the header chunk and the end
 * marker. U = used, F = free and on a free list, S = free but too small for a list; the number is
 * the chunk's size in 8-byte units, its header included: "U2 F6 U3 S1 U4 F40". */
#ifndef QUARRY_TESTS_HEAP_PICTURE_H
#define QUARRY_TESTS_HEAP_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zephyr/sys/sys_heap.h>

/* A picture under construction; also used for pictures of other things than a struct sys_heap. */
struct picture {
    char *text;
    size_t size; /* bytes at text, at least 8 */
    size_t used; /* without the closing zero */
    bool cut;    /* a word did not fit: the text ends in "..." and nothing more is added */
};

/* Begins an empty picture in text[size]. */
struct picture picture_begin(char *text, size_t size);

/* Appends a word, for example 'F' and 12. */
void picture_add(struct picture *picture, char kind, uint32_t size_units);

/* Draws heap into text[size]. A heap that was not initialised is "none"; the picture of a heap
 * whose chain of chunks is broken ends in "broken"; one that does not fit ends in "...". */
void heap_picture(const struct sys_heap *heap, char *text, size_t size);

/* True iff heap looks exactly like picture (words separated by one space). */
bool heap_picture_equals(const struct sys_heap *heap, const char *picture);

/* Fails the running cmocka test and prints both pictures unless they are equal. */
#define expect_heap(heap, picture) expect_heap_at((heap), (picture), __FILE__, __LINE__)

void expect_heap_at(const struct sys_heap *heap, const char *picture, const char *file, int line);

#endif
