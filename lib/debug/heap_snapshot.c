/* SPDX-License-Identifier: Apache-2.0 */
/* A heap as a row of chunks in bytes, from its first byte to its last.
 *
 * heap_walk shows the chunks that can hold blocks, and says of each where its block begins. From
 * that this file knows what the walk does not show, whatever the format of the headers is:
 *
 *   0                     first view                                       end
 *   +---------------------+-----+----------------+-----+---------------+---+
 *   | bookkeeping         | hdr | user's bytes   | hdr | free          |hdr| end marker
 *   +---------------------+-----+----------------+-----+---------------+---+
 *                         |<--->| header bytes: the same for all chunks of a heap
 *
 *   1. The bookkeeping is what lies before the first view. A heap has at least one chunk, so a
 *      consistent walk without any view is damage as well.
 *   2. The end marker begins where the last view ends, and is one header.
 *   3. Each chunk shown begins where the one before it ended, damage too.
 *
 * Not promised: that the free lists are right. A heap whose chunks are sound is told here although
 * sys_heap_validate finds its lists broken; that is when its owner most wants to see it. */
#include "debug/heap_chunks.h"

#include "core/chunk.h"
#include "core/sys_heap_walk.h"

struct row {
    heap_chunk_fn see;
    void *arg;
    const char *start;   /* of the heap */
    size_t end_bytes;    /* offset of the end of what was shown */
    size_t header_bytes; /* of every chunk; 0 before the first view */
};

static void show(struct row *row, struct quarry_heap_chunk chunk)
{
    chunk.offset_bytes = row->end_bytes;
    row->end_bytes += chunk.size_bytes;
    row->see(&chunk, row->arg);
}

static enum quarry_heap_chunk_kind kind_of(const struct heap_chunk_view *view)
{
    if (view->used) {
        return QUARRY_HEAP_CHUNK_USED;
    }
    return view->listed ? QUARRY_HEAP_CHUNK_FREE : QUARRY_HEAP_CHUNK_UNDERSIZED;
}

static bool show_view(const struct heap_chunk_view *view, void *arg)
{
    struct row *row = (struct row *)arg;
    size_t offset_bytes = (size_t)view->offset_units * CHUNK_UNIT_BYTES;
    enum quarry_heap_chunk_kind kind = kind_of(view);

    if (row->header_bytes == 0) {
        row->header_bytes = (size_t)((const char *)view->mem - row->start) - offset_bytes;
        show(row, (struct quarry_heap_chunk){.size_bytes = offset_bytes,
                                             .kind = QUARRY_HEAP_CHUNK_BOOKKEEPING});
    }
    show(row, (struct quarry_heap_chunk){
                  .size_bytes = (size_t)view->size_units * CHUNK_UNIT_BYTES,
                  .usable_bytes = kind == QUARRY_HEAP_CHUNK_UNDERSIZED ? 0 : view->mem_bytes,
                  .mem = view->mem,
                  .kind = kind,
              });
    return true;
}

bool heap_chunks_each(const struct sys_heap *heap, heap_chunk_fn see, void *arg)
{
    struct row row = {.see = see, .arg = arg, .start = (const char *)heap->heap};
    bool sound = heap_walk(heap, show_view, &row) && row.header_bytes != 0;

    show(&row, (struct quarry_heap_chunk){
                   .size_bytes = sound ? row.header_bytes : 0,
                   .kind = sound ? QUARRY_HEAP_CHUNK_END : QUARRY_HEAP_CHUNK_DAMAGED,
               });
    return sound;
}

struct array {
    struct quarry_heap_chunk *chunks;
    size_t capacity;
    size_t count; /* chunks seen, more than capacity perhaps */
};

static void store(const struct quarry_heap_chunk *chunk, void *arg)
{
    struct array *array = (struct array *)arg;

    if (array->count < array->capacity) {
        array->chunks[array->count] = *chunk;
    }
    array->count++;
}

size_t quarry_heap_snapshot(struct sys_heap *heap, struct quarry_heap_chunk *chunks,
                            size_t capacity)
{
    struct array array = {.chunks = chunks, .capacity = capacity};

    if (heap == NULL || heap->heap == NULL) {
        return 0;
    }
    return heap_chunks_each(heap, store, &array) ? array.count : QUARRY_HEAP_SNAPSHOT_DAMAGED;
}
