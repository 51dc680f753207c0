/* SPDX-License-Identifier: Apache-2.0 */
/* Heap states as text: one word per chunk in address order, without the header chunk and the end
 * marker. U = used, F = free and on a free list, S = free but too small for a list; the number is
 * the chunk's size in 8-byte units, its header included: "U2 F6 U3 S1 U4 F40".
 *
 * Sizes depend on how the library was configured (headers of 4 or 8 bytes, trailers or none). So an
 * expected picture may say sizes as sums and differences of
 *
 *     7       that many units                  m   the smallest chunk
 *     [40]    the chunk of a block of 40 bytes  t   a trailer: 1 unit or none
 *
 * and may have one size `*`, which is what all other words leave of the heap. L stands for F or S,
 * whichever is right for the size; a word of size 0 is left out: "U[40] F[9]+[24]-t L1 Um F*". */
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

/* Turns an expected picture of heap into a plain one in text[size]. False iff it is malformed. */
bool heap_picture_expand(const struct sys_heap *heap, const char *expected, char *text,
                         size_t size);

/* True iff heap looks exactly like that expected picture (words separated by one space). */
bool heap_picture_equals(const struct sys_heap *heap, const char *expected);

/* Fails the running cmocka test and prints both pictures unless heap is as expected: a string, or a
 * format and its arguments as for printf. */
#define expect_heap(heap, ...) expect_heap_at((heap), __FILE__, __LINE__, __VA_ARGS__)

__attribute__((format(printf, 4, 5))) void
expect_heap_at(const struct sys_heap *heap, const char *file, int line, const char *format, ...);

#endif
