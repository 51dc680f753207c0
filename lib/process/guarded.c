/* SPDX-License-Identifier: Apache-2.0 */
/* What the hardened library adds to each block:
 *
 *    block                          block + bytes             end of the block's room
 *    | what was asked for           | fence       | not used  | trailer |
 *    |<------------ bytes --------->|<- 0 to 8 -->|           |<-- 8 -->|
 *                                   |<------------- slack ------------->|
 *
 * Room is what the block has, by its size class, its chunk, or its mapping. The trailer is the
 * slack, xor a number that follows from the block's address and a secret: so a block knows to the
 * byte what may be used of it, and who changes the trailer without knowing the secret is found out.
 * The fence fills the first bytes that may not be used, up to the trailer, with bytes that follow
 * from the same number. They are never 0, nor is the trailer's first one: so one byte too many is
 * found, also if it is a string's end.
 *
 * Both are verified when the block is freed, resized or asked for its size, and wiped out when it
 * is freed or resized, lest they be read in a later block. Whether a block of a slab is in use is
 * kept elsewhere (block_bits.h). Chunk heaps have checks of their own, at hardening level full; a
 * large block's state is in the address map, and a page that faults is behind it.
 *
 * Invariants:
 *   1. A block's bit is set before its caller has it, and cleared before anything else is done when
 *      it comes back.
 *   2. The slack is at least the trailer.
 *
 * With zero_on_free what was asked for is overwritten when it comes back, and malloc looks whether
 * a block of a slab is still zero.
 *
 * What is not found: writes that jump over fence and trailer into the middle of something else,
 * reads, and without zero_on_free writes to freed blocks beyond their links. */
#include "process/guarded.h"

#include <stdint.h>
#include <string.h>

#include "core/bits.h"
#include "core/check.h"
#include "os/os.h"
#include "process/block_bits.h"
#include "process/fast.h"
#include "process/hardened.h"
#include "process/link.h"
#include "process/options.h"
#include <quarry/malloc.h>

#define TRAILER_BYTES    sizeof(uint64_t)
#define FENCE_MOST_BYTES sizeof(uint64_t)
#define NEVER_ZERO       0x0101010101010101u
#define BITS_OF_BYTE     8u
#define BITS_OF_WORD     64u

/* Of a fence that is shorter than a word the first bytes are the word's lowest. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "fences are made for little endian");

/* A block in use, and what it has. Foreign addresses: no room. */
struct extent {
    size_t room;
    size_t bytes;
};

/* --- Fence and trailer --- */

static uint64_t read_word(const char *from)
{
    uint64_t word;

    memcpy(&word, from, sizeof(word));
    return word;
}

static void write_word(char *to, uint64_t word)
{
    memcpy(to, &word, sizeof(word));
}

/* Those bits of a word that a fence has. */
static uint64_t fence_mask(size_t slack)
{
    size_t fence_bytes = slack - TRAILER_BYTES;

    return fence_bytes >= FENCE_MOST_BYTES ? UINT64_MAX
                                           : ((uint64_t)1 << fence_bytes * BITS_OF_BYTE) - 1;
}

/* The slack is above the first byte, which is odd. */
static uint64_t trailer_of(uint64_t secret, size_t slack)
{
    return (secret | 1) ^ (uint64_t)slack << BITS_OF_BYTE;
}

/* More than there can be if the trailer's first byte was changed. */
static size_t slack_of(uint64_t secret, uint64_t trailer)
{
    uint64_t code = trailer ^ (secret | 1);

    return code >> BITS_OF_BYTE | code << (BITS_OF_WORD - BITS_OF_BYTE);
}

/* The fence first, whose last bytes may be the trailer's first. */
static void seal(char *block, size_t room, size_t bytes)
{
    uint64_t secret = hardened_word(&hardened_key_of_ends, block);

    write_word(block + bytes, secret | NEVER_ZERO);
    write_word(block + room - TRAILER_BYTES, trailer_of(secret, room - bytes));
}

/* Verifies both; how many bytes may be used. */
static size_t sealed_bytes(const char *block, size_t room)
{
    uint64_t secret = hardened_word(&hardened_key_of_ends, block);
    size_t slack = slack_of(secret, read_word(block + room - TRAILER_BYTES));
    bool is_whole = slack - TRAILER_BYTES <= room - TRAILER_BYTES;

    if (is_whole) {
        uint64_t damage = read_word(block + room - slack) ^ (secret | NEVER_ZERO);

        is_whole = (damage & fence_mask(slack)) == 0;
    }
    REQUIRE(is_whole, "block was written past its end", NULL, block);
    return room - slack;
}

static void break_seal(char *block, struct extent extent)
{
    write_word(block + extent.bytes, 0);
    write_word(block + extent.room - TRAILER_BYTES, 0);
}

/* --- Blocks that come and go --- */

/* Where a block of a slab cannot be, or is not now. */
_Noreturn static void refuse(const struct slab *slab, const void *block)
{
    const struct slab *first = slab - slab->lead;

    if (slab->lead < first->slices) {
        size_t offset = (size_t)((const char *)block - (const char *)slab_start(first));

        REQUIRE(offset % size_class_bytes(first->size_class) == 0,
                "address is in the middle of a block of a slab", NULL, block);
    }
    fault("block of a slab is not in use: freed twice, or never handed out", NULL, block);
}

static size_t room_in_slab(struct slab *slab)
{
    return size_class_bytes(slab_first(slab)->size_class);
}

static void require_aligned(const void *block)
{
    REQUIRE((uintptr_t)block % (1u << SIZE_CLASS_STEP_SHIFT) == 0,
            "address is not aligned as a block is that malloc returns", NULL, block);
}

/* What a block has that stays in use. */
static struct extent look_at(void *block)
{
    struct slab *slab = slab_at(block);
    size_t room;

    if (slab == NULL) {
        room = quarry_malloc_usable_size(block);
    } else {
        require_aligned(block);
        if (!block_bits_get(block)) {
            refuse(slab, block);
        }
        room = room_in_slab(slab);
    }
    return (struct extent){room, room != 0 ? sealed_bytes(block, room) : 0};
}

/* The same, and from now on it is nobody's. */
static struct extent take_back(void *block)
{
    struct slab *slab = slab_at(block);

    if (slab == NULL) {
        struct extent extent = look_at(block);

        if (extent.room != 0) {
            break_seal(block, extent);
        }
        return extent;
    }
    require_aligned(block);
    if (!block_bits_clear(block)) {
        refuse(slab, block);
    }
    struct extent extent = {.room = room_in_slab(slab)};
    extent.bytes = sealed_bytes(block, extent.room);
    break_seal(block, extent);
    return extent;
}

/* Whether a free list led to where a block begins. */
static bool is_start(const struct slab *slab, const void *block)
{
    uint32_t offset = (uint32_t)((const char *)block - (const char *)slab_start(slab));

    return offset % (uint32_t)size_class_bytes(slab->size_class) == 0;
}

/* A block that was made with room for `bytes` and the trailer, or NULL. */
static void *hand_out(void *block, size_t bytes)
{
    struct slab *slab = slab_at(block);
    size_t room;

    if (block == NULL) {
        return NULL;
    }
    if (slab == NULL) {
        room = quarry_malloc_usable_size(block);
    } else {
        REQUIRE(is_start(slab_first(slab), block) && !block_bits_set(block),
                "free list is damaged: it leads to what is no free block", NULL, block);
        room = room_in_slab(slab);
    }
    seal(block, room, bytes);
    return block;
}

/* Zeros are a zero, and what comes behind it is the same as what is in front. */
static bool is_zero(const char *start, size_t bytes)
{
    const size_t word_bytes = sizeof(uint64_t);

    return bytes == 0 ||
           (read_word(start) == 0 && memcmp(start, start + word_bytes, bytes - word_bytes) == 0);
}

/* With zero_on_free all of a slab's block is zero while it is free, but for its links. */
static void require_unwritten(const char *block)
{
    struct slab *slab = slab_at(block);

    REQUIRE(slab == NULL || is_zero(block + LINK_BYTES, room_in_slab(slab) - LINK_BYTES),
            "block was written to after it was freed", NULL, block);
}

/* Bytes to ask for; what no allocator has if there are too many. */
static size_t with_trailer(size_t bytes)
{
    size_t sum;

    return size_add(bytes, TRAILER_BYTES, &sum) ? sum : SIZE_MAX;
}

void *guarded_malloc(size_t bytes)
{
    size_t wanted = with_trailer(bytes);
    void *block = fast_malloc(wanted);

    block = block != NULL ? block : quarry_malloc(wanted);
    if (options_zero_on_free() && block != NULL) {
        require_unwritten(block);
    }
    return hand_out(block, bytes);
}

void *guarded_calloc(size_t count, size_t bytes)
{
    size_t total;

    if (!size_multiply(count, bytes, &total)) {
        return NULL;
    }
    return hand_out(quarry_calloc(1, with_trailer(total)), total);
}

static void free_block(void *block, struct extent extent)
{
    if (options_zero_on_free()) {
        memset(block, 0, extent.bytes);
    }
    if (!fast_free(block)) {
        quarry_free(block);
    }
}

void guarded_free(void *block)
{
    if (block != NULL) {
        free_block(block, take_back(block));
    }
}

void guarded_free_sized(void *block, size_t bytes)
{
    if (block != NULL) {
        struct extent extent = take_back(block);

        REQUIRE(extent.room == 0 || extent.bytes == bytes,
                "block is freed with another size than it was asked for", NULL, block);
        free_block(block, extent);
    }
}

/* --- Other sizes --- */

/* So that nothing stays behind that is not zeroed, blocks keep their place or are copied here. */
static void *resize_by_hand(void *block, size_t bytes)
{
    struct extent old = look_at(block);
    size_t wanted = with_trailer(bytes);
    void *moved;

    if (wanted <= old.room && wanted >= old.room / 2) {
        take_back(block);
        if (bytes < old.bytes) {
            memset((char *)block + bytes, 0, old.bytes - bytes);
        }
        return hand_out(block, bytes);
    }
    moved = guarded_malloc(bytes);
    if (moved != NULL) {
        memcpy(moved, block, old.bytes < bytes ? old.bytes : bytes);
        guarded_free(block);
    }
    return moved;
}

static void *resize(void *block, size_t bytes)
{
    struct extent old = take_back(block);
    void *resized = quarry_realloc(block, with_trailer(bytes));

    if (old.room == 0) {
        return resized; /* foreign */
    }
    if (resized == NULL) {
        hand_out(block, old.bytes);
    }
    return hand_out(resized, bytes);
}

void *guarded_realloc(void *block, size_t bytes)
{
    if (block == NULL) {
        return guarded_malloc(bytes);
    }
    if (bytes == 0) {
        guarded_free(block);
        return NULL;
    }
    return options_zero_on_free() && look_at(block).room != 0 ? resize_by_hand(block, bytes)
                                                              : resize(block, bytes);
}

size_t guarded_malloc_usable_size(void *block)
{
    return block != NULL ? look_at(block).bytes : 0;
}

/* --- Alignment --- */

void *guarded_aligned_alloc(size_t align, size_t bytes)
{
    return hand_out(quarry_aligned_alloc(align, with_trailer(bytes)), bytes);
}

void *guarded_memalign(size_t align, size_t bytes)
{
    return hand_out(quarry_memalign(align, with_trailer(bytes)), bytes);
}

int guarded_posix_memalign(void **out, size_t align, size_t bytes)
{
    int error = quarry_posix_memalign(out, align, with_trailer(bytes));

    if (error == 0) {
        hand_out(*out, bytes);
    }
    return error;
}

void *guarded_valloc(size_t bytes)
{
    return guarded_memalign(os_page_bytes(), bytes);
}

void *guarded_pvalloc(size_t bytes)
{
    size_t rounded;

    if (!size_round_up(bytes != 0 ? bytes : 1, os_page_bytes(), &rounded)) {
        return NULL;
    }
    return guarded_memalign(os_page_bytes(), rounded);
}
