/* SPDX-License-Identifier: Apache-2.0 */
/* A checked heap in a buffer that can be copied.
 *
 *     arena   | guard | ... | buffer: the heap | guard |
 *                     ^ the arena starts at a multiple of 4096, the buffer `shift` behind one of 64
 *
 * A heap holds no address and keeps nothing outside of its buffer, so its state is the bytes of the
 * buffer; saving and loading it is a memcpy. Of these bytes
 *
 *     live   are the header chunk, the header of every chunk, the links of listed chunks, what
 *            lies between a block and the next chunk (a trailer), and the end marker;
 *     users' are the bytes of the live blocks, filled with a pattern made of the block's offset;
 *     dead   is the rest: the inside of free chunks, and what an alignment skips in a used one.
 *
 * tiny_digest() is made of the live bytes and of the places of the blocks. It leaves the dead bytes
 * out, as nobody may look at them; that the heap does not is tested, not believed: tiny_scribble()
 * overwrites them, and every call has to come out the same. Where chunks begin and what a chunk's
 * header takes is learnt from heap_walk() alone, so other chunk formats need no change here. */
#include "tiny_heap.h"

#include <stdlib.h>
#include <string.h>
#include "tiny_model.h"

#define ARENA_ALIGN   4096u
#define ARENA_BYTES   8192u
#define BUFFER_MAX    4096u
#define GUARD_BYTES   64u
#define GUARD_BYTE    0xc7
#define UNIT_BYTES    8u
#define PATTERN_STEP  67u
#define PATTERN_STEPS 61u
#define PATTERN_BYTES (PATTERN_STEP * PATTERN_STEPS + BUFFER_MAX)

static uint64_t mixed(uint64_t number)
{
    number = (number ^ (number >> 32)) * 0xd6e8feb86659fd93u;
    return number ^ (number >> 32);
}

/* ---- contents ---- */

const uint8_t *tiny_pattern(size_t offset)
{
    static uint8_t pattern[PATTERN_BYTES];
    if (pattern[0] == 0) {
        for (size_t i = 0; i < PATTERN_BYTES; i++) {
            pattern[i] = (uint8_t)(mixed(i + 1) | 1u);
        }
    }
    return pattern + offset % PATTERN_STEPS * PATTERN_STEP;
}

static bool contents_are_whole(const struct tiny_heap *tiny, struct tiny_block block)
{
    return memcmp(tiny->buffer + block.offset, tiny_pattern(block.offset), block.usable) == 0;
}

/* ---- the chain ---- */

static bool add_to_chain(const struct heap_chunk_view *chunk, void *arg)
{
    struct tiny_chain *chain = arg;
    if (chain->count == TINY_UNITS_MAX) {
        chain->count++;
        return false;
    }
    chain->chunks[chain->count++] = *chunk;
    return true;
}

bool tiny_read_chain(struct tiny_heap *tiny)
{
    tiny->chain.count = 0;
    return heap_walk(&tiny->heap, add_to_chain, &tiny->chain) &&
           tiny->chain.count <= TINY_UNITS_MAX;
}

static size_t chunk_start(const struct heap_chunk_view *chunk)
{
    return (size_t)chunk->offset_units * UNIT_BYTES;
}

/* A range of the buffer, as offsets. */
struct range {
    size_t start;
    size_t end;
};

/* What a chunk has besides its header, its links (as large as a header) and its trailer. */
static struct range inside_of(const struct tiny_heap *tiny, const struct heap_chunk_view *chunk)
{
    struct range range = {.start = chunk_start(chunk) + tiny->header_bytes};
    if (chunk->used) {
        range.end = range.start + chunk->mem_bytes;
    } else {
        range.start += chunk->listed ? tiny->header_bytes : 0;
        range.end = chunk_start(chunk) + (size_t)chunk->size_units * UNIT_BYTES;
    }
    return range;
}

/* ---- opening ---- */

/* Makes a heap of the settings' kind in a buffer of so many bytes; the size of its one chunk. */
static size_t fresh_units(struct tiny_heap *tiny, size_t bytes)
{
    tiny->bytes = bytes;
    memset(tiny->arena, GUARD_BYTE, ARENA_BYTES);
    memset(tiny->buffer, 0, bytes);
    quarry_heap_init(&tiny->heap, tiny->buffer, bytes, tiny->settings.policy);
    return tiny->heap.heap != NULL && tiny_read_chain(tiny) ? tiny->chain.chunks[0].size_units : 0;
}

static void learn_format(struct tiny_heap *tiny)
{
    const struct heap_chunk_view *chunk = &tiny->chain.chunks[0];
    tiny->first_offset = (size_t)((uint8_t *)chunk->mem - tiny->buffer);
    tiny->header_bytes = tiny->first_offset - chunk_start(chunk);
    (void)sys_heap_alloc(&tiny->heap, 1);
    (void)tiny_read_chain(tiny);
    size_t block_bytes = (size_t)chunk->size_units * UNIT_BYTES - tiny->header_bytes;
    tiny->trailer_bytes = block_bytes - chunk->mem_bytes;
    tiny->capacity =
        (size_t)tiny->settings.units * UNIT_BYTES - tiny->header_bytes - tiny->trailer_bytes;
}

static bool begin_model(struct tiny_heap *tiny)
{
    struct reference_format format = reference_format_of_build(tiny->settings.policy);
    if (tiny->settings.sabotage == SABOTAGE_MODEL) {
        format.tries = 1;
    }
    return reference_init(&tiny->model, &format, (uintptr_t)tiny->buffer, tiny->bytes);
}

bool tiny_open(struct tiny_heap *tiny, const struct tiny_settings *settings)
{
    *tiny = (struct tiny_heap){.settings = *settings};
    tiny->arena = aligned_alloc(ARENA_ALIGN, ARENA_BYTES);
    if (tiny->arena == NULL) {
        return false;
    }
    tiny->buffer = tiny->arena + GUARD_BYTES + settings->shift % GUARD_BYTES;
    size_t bytes = UNIT_BYTES;
    while (bytes < BUFFER_MAX && fresh_units(tiny, bytes) != settings->units) {
        bytes += UNIT_BYTES;
    }
    if (bytes >= BUFFER_MAX || settings->units > TINY_UNITS_MAX ||
        (settings->modelled && !begin_model(tiny))) {
        free(tiny->arena);
        return false;
    }
    learn_format(tiny);
    (void)fresh_units(tiny, bytes);
    return true;
}

void tiny_close(struct tiny_heap *tiny)
{
    reference_destroy(&tiny->model);
    free(tiny->arena);
}

/* ---- saving ---- */

size_t tiny_record_bytes(const struct tiny_heap *tiny)
{
    size_t align = _Alignof(struct tiny_record);
    return (sizeof(struct tiny_record) + tiny->bytes + align - 1) / align * align;
}

void tiny_save(const struct tiny_heap *tiny, struct tiny_record *record)
{
    record->books = tiny->books;
    if (tiny->settings.modelled) {
        (void)tiny_model_pack(&tiny->model, record->model, TINY_MODEL_WORDS);
    }
    memcpy(record->image, tiny->buffer, tiny->bytes);
}

void tiny_load(struct tiny_heap *tiny, const struct tiny_record *record)
{
    tiny->books = record->books;
    if (tiny->settings.modelled) {
        tiny_model_unpack(&tiny->model, record->model);
    }
    memcpy(tiny->buffer, record->image, tiny->bytes);
}

/* ---- checks ---- */

static bool surroundings_are_whole(const struct tiny_heap *tiny)
{
    uint8_t guard[GUARD_BYTES];
    memset(guard, GUARD_BYTE, sizeof guard);
    return memcmp(tiny->buffer - GUARD_BYTES, guard, sizeof guard) == 0 &&
           memcmp(tiny->buffer + tiny->bytes, guard, sizeof guard) == 0;
}

/* Whether the chunks cover the heap, free ones are merged, and the used ones are the live blocks.
 */
static const char *check_chain(const struct tiny_heap *tiny)
{
    size_t start = tiny->first_offset - tiny->header_bytes;
    size_t block = 0;
    bool left_is_free = false;
    for (size_t i = 0; i < tiny->chain.count; i++) {
        const struct heap_chunk_view *chunk = &tiny->chain.chunks[i];
        if (chunk_start(chunk) != start || (!chunk->used && left_is_free)) {
            return "chunks have gaps, or free ones are not merged";
        }
        start += (size_t)chunk->size_units * UNIT_BYTES;
        left_is_free = !chunk->used;
        if (!chunk->used) {
            continue;
        }
        if (block == tiny->books.count) {
            return "a chunk is in use that holds no live block";
        }
        const struct tiny_block *live = &tiny->books.blocks[block++];
        size_t mem = (size_t)((uint8_t *)chunk->mem - tiny->buffer);
        if (live->offset < mem || live->offset + live->usable != mem + chunk->mem_bytes) {
            return "a block is not where its chunk is";
        }
    }
    return block == tiny->books.count ? NULL : "a live block's chunk is not in use";
}

static const char *check_blocks(struct tiny_heap *tiny)
{
    for (size_t i = 0; i < tiny->books.count; i++) {
        struct tiny_block block = tiny->books.blocks[i];
        if (!contents_are_whole(tiny, block)) {
            return "the contents of a block changed";
        }
        if (sys_heap_usable_size(&tiny->heap, tiny->buffer + block.offset) != block.usable) {
            return "the size of a block changed";
        }
    }
    return NULL;
}

static const char *check_model(const struct tiny_heap *tiny)
{
    const struct reference_heap *model = &tiny->model;
    bool equal = tiny->chain.count + 2 == model->chunk_count; /* two: header chunk, end marker */
    for (size_t i = 0; equal && i < tiny->chain.count; i++) {
        const struct heap_chunk_view *chunk = &tiny->chain.chunks[i];
        const struct reference_chunk *expected = &model->chunks[i + 1];
        equal = chunk->offset_units == expected->start && chunk->size_units == expected->size &&
                chunk->used == expected->used;
    }
    return equal ? NULL : "the model predicts other chunks";
}

const char *tiny_check(struct tiny_heap *tiny)
{
    if (!surroundings_are_whole(tiny)) {
        return "bytes outside of the buffer changed";
    }
    if (!sys_heap_validate(&tiny->heap)) {
        return "the validator says no";
    }
    if (!tiny_read_chain(tiny)) {
        return "the chain of chunks is broken";
    }
    const char *problem = check_chain(tiny);
    if (problem == NULL) {
        problem = check_blocks(tiny);
    }
    if (problem == NULL && tiny->settings.modelled) {
        problem = check_model(tiny);
    }
    return problem;
}

const char *tiny_drain(struct tiny_heap *tiny, bool backwards)
{
    struct heap_op op = {.kind = OP_FREE};
    while (tiny->books.count > 0) {
        op.target = backwards ? tiny->books.count - 1u : 0;
        (void)tiny_call(tiny, &op);
    }
    const char *problem = tiny_check(tiny);
    bool merged =
        tiny->chain.count == 1 && tiny->chain.chunks[0].size_units == tiny->settings.units;
    return problem != NULL || merged ? problem : "the chunks of freed blocks did not merge";
}

/* ---- the bytes that matter ---- */

static uint64_t digest_of_words(const uint64_t *words, size_t bytes, uint64_t digest)
{
    for (size_t i = 0; i < bytes / sizeof words[0]; i++) {
        digest = mixed((digest ^ words[i]) * 0x9e3779b97f4a7c15u);
    }
    return digest;
}

uint64_t tiny_digest(const struct tiny_heap *tiny)
{
    uint64_t words[BUFFER_MAX / sizeof(uint64_t)];
    uint8_t *image = (uint8_t *)words;
    size_t block = 0;
    memcpy(image, tiny->buffer, tiny->bytes);
    for (size_t i = 0; i < tiny->chain.count; i++) {
        const struct heap_chunk_view *chunk = &tiny->chain.chunks[i];
        struct range inside = inside_of(tiny, chunk);
        memset(image + inside.start, 0, inside.end - inside.start);
        if (chunk->used) {
            image[tiny->books.blocks[block++].offset] = 1;
        }
    }
    uint64_t digest = digest_of_words(words, tiny->bytes, tiny->books.count);
    if (!tiny->settings.modelled) {
        return digest;
    }
    uint64_t model[TINY_MODEL_WORDS * sizeof(uint16_t) / sizeof(uint64_t)];
    size_t packed = tiny_model_pack(&tiny->model, (uint16_t *)(void *)model, TINY_MODEL_WORDS);
    return digest_of_words(model, packed, digest);
}

/* Small numbers: they could be sizes, ids and flags. */
static void scribble(uint8_t *mem, size_t bytes, uint64_t seed)
{
    for (size_t i = 0; i < bytes; i++) {
        mem[i] = i % sizeof(uint32_t) == 0 ? (uint8_t)(mixed(seed + i) % (2u * TINY_UNITS_MAX)) : 0;
    }
}

void tiny_scribble(struct tiny_heap *tiny, uint64_t seed)
{
    size_t block = 0;
    for (size_t i = 0; i < tiny->chain.count; i++) {
        const struct heap_chunk_view *chunk = &tiny->chain.chunks[i];
        struct range dead = inside_of(tiny, chunk);
        if (chunk->used) {
            dead.end = tiny->books.blocks[block++].offset; /* what an alignment skipped */
        }
        scribble(tiny->buffer + dead.start, dead.end - dead.start, seed + dead.start);
    }
}
