/* SPDX-License-Identifier: Apache-2.0 */
/* What the pictures of heaps share: the heap as it was before the first character was printed, and
 * how sizes and shares are written. */
#ifndef QUARRY_DEBUG_HEAP_DRAWING_H
#define QUARRY_DEBUG_HEAP_DRAWING_H

#include <stddef.h>
#include <stdio.h>
#include <zephyr/sys/sys_heap.h>
#include <quarry/heap_snapshot.h>

struct heap_drawing {
    FILE *out;
    struct quarry_heap_report report;
    struct quarry_heap_chunk *chunks; /* all of them, in a mapping of their own */
    size_t count;                     /* at least 3 */
    size_t mapped_bytes;
};

/* Looks at the heap. 0, or -EINVAL or -ENOMEM as in <quarry/heap_snapshot.h>, and then there is
 * nothing to end. */
int heap_drawing_begin(struct heap_drawing *drawing, FILE *out, struct sys_heap *heap);

/* Flushes and forgets. 0 iff everything was written, else -EIO. */
int heap_drawing_end(struct heap_drawing *drawing);

/* Offset of the first byte behind a chunk. */
static inline size_t heap_chunk_end(const struct quarry_heap_chunk *chunk)
{
    return chunk->offset_bytes + chunk->size_bytes;
}

/* The smallest power of two, and multiple of `least`, of which `most` cover `bytes`. `least` is a
 * power of two. */
size_t heap_drawing_step(size_t bytes, size_t most, size_t least);

struct heap_text {
    char text[32];
};

/* "1234 B" up to 9999, then "12.3 KiB" and so on, rounded down. */
struct heap_text heap_size_text(size_t bytes);

/* "0x1f8", "0x0" too. */
struct heap_text heap_offset_text(size_t bytes);

/* "12.3 %", rounded down; `whole` is not 0. */
struct heap_text heap_share_text(size_t part, size_t whole);

#endif
