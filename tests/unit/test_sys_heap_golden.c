/* SPDX-License-Identifier: Apache-2.0 */
/* Call sequences with results worked out by hand from the description of Zephyr's heap.
 *
 * Each step names a call and the byte offset that it must return. The library, if this build has
 * such headers and trailers, and the reference model are both held to it, so a mistake that they
 * share would have to be made a third time, on paper. How to work out a step:
 *
 *                          plain, 64 bits         canaries, 64 bits         small, 32 bits
 *     chunk of n bytes     ceil((n + 8) / 8)      ceil((n + 8) / 8) + 1     ceil((n + 4) / 8)
 *     its block            8 bytes behind         8 bytes behind            4 bytes behind
 *     smallest chunk       2 units                3 units                   1 unit
 *     bucket of s units    floor(log2(s - 1))     floor(log2(s - 2))        floor(log2(s))
 *
 * The header chunk's size depends on more than that (test_sys_heap_format.c has it), so the buffer
 * is laid such that the first chunk starts at a given offset from a multiple of 4096. In the lists
 * below, size@start is in units, and the element to be tried next comes first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <zephyr/sys/sys_heap.h>
#include "../support/heap_format.h"
#include "../support/heap_picture.h"
#include "../support/reference_heap.h"

#define PAGE         4096u
#define NAMES        16
#define PICTURE_SIZE 256
#define NOTHING      REFERENCE_NULL

/* What the sequences depend on. */
static const struct reference_format plain = {
    .headers = REFERENCE_BIG, .trailer_bytes = 0, .struct_bytes = 16, .tries = 3};
static const struct reference_format full = {
    .headers = REFERENCE_BIG, .trailer_bytes = 8, .struct_bytes = 16, .tries = 3};
static const struct reference_format small = {
    .headers = REFERENCE_SMALL, .trailer_bytes = 0, .struct_bytes = 16, .tries = 3};

enum call { ALLOC, ALIGNED, REALLOC, ALIGNED_REALLOC, FREE };

/* One call. `name` is where its result goes, and for the last three calls also the block meant. */
struct step {
    enum call call;
    char name; /* 'a' to 'p' */
    size_t bytes;
    size_t align;
    size_t offset;       /* expected result; NOTHING for NULL and for free */
    const char *picture; /* expected afterwards, or NULL */
};

static _Alignas(PAGE) uint8_t buffer[2 * PAGE];
static uint8_t *const origin = buffer + PAGE; /* offsets of steps are counted from here */
static struct sys_heap heap;
static struct reference_heap model;
static size_t model_origin; /* how far the model's heap starts in front of it */
static bool library_is_asked;

static size_t ask_library(const struct step *step, size_t old)
{
    void *block = old == NOTHING ? NULL : origin + old;
    uint8_t *result = NULL;
    switch (step->call) {
    case ALLOC:
        result = sys_heap_alloc(&heap, step->bytes);
        break;
    case ALIGNED:
        result = sys_heap_aligned_alloc(&heap, step->align, step->bytes);
        break;
    case REALLOC:
        result = sys_heap_realloc(&heap, block, step->bytes);
        break;
    case ALIGNED_REALLOC:
        result = sys_heap_aligned_realloc(&heap, block, step->align, step->bytes);
        break;
    case FREE:
        sys_heap_free(&heap, block);
        break;
    }
    return result == NULL ? NOTHING : (size_t)(result - origin);
}

static size_t call_model(const struct step *step, size_t old)
{
    switch (step->call) {
    case ALLOC:
        return reference_alloc(&model, step->bytes);
    case ALIGNED:
        return reference_aligned_alloc(&model, step->align, step->bytes);
    case REALLOC:
        return reference_realloc(&model, old, step->bytes);
    case ALIGNED_REALLOC:
        return reference_aligned_realloc(&model, old, step->align, step->bytes);
    case FREE:
        reference_free(&model, old);
        break;
    }
    return NOTHING;
}

static size_t ask_model(const struct step *step, size_t old)
{
    size_t result = call_model(step, old == NOTHING ? NOTHING : old + model_origin);
    return result == NOTHING ? NOTHING : result - model_origin;
}

static void expect_step(const struct step *step, size_t number, size_t old)
{
    size_t library = library_is_asked ? ask_library(step, old) : step->offset;
    size_t predicted = ask_model(step, old);
    if (library != step->offset || predicted != step->offset) {
        fail_msg("step %zu: offset %td expected, library %td, model %td (-1 is NULL)", number,
                 (ptrdiff_t)step->offset, (ptrdiff_t)library, (ptrdiff_t)predicted);
    }
    if (step->picture != NULL) {
        char text[PICTURE_SIZE];
        reference_picture(&model, text, sizeof text);
        assert_string_equal(text, step->picture);
        if (library_is_asked) {
            expect_heap(&heap, "%s", step->picture);
        }
    }
    assert_true(!library_is_asked || sys_heap_validate(&heap));
}

/* A heap of one free chunk of that many units, first_chunk bytes behind the origin. */
static void lay_out(const struct reference_format *format, size_t units, size_t first_chunk)
{
    bool short_header = format->headers == REFERENCE_SMALL;
    library_is_asked = format->trailer_bytes == HEAP_TRAILER && QUARRY_HEAP_ALLOC_LOOPS == 3 &&
                       short_header == (HEAP_HEADER == 4);
    size_t bytes = units * 8;
    while (!reference_init(&model, format, PAGE, bytes) || model.chunks[1].size < units) {
        reference_destroy(&model);
        bytes++;
    }
    model_origin = (size_t)model.chunks[1].start * 8 - first_chunk;
    reference_destroy(&model);
    assert_true(reference_init(&model, format, 2 * PAGE - model_origin, bytes));
    if (library_is_asked) {
        sys_heap_init(&heap, origin + first_chunk - heap_first_chunk(units), heap_bytes_for(units));
    }
}

static void run(const struct reference_format *format, size_t units, size_t first_chunk,
                const struct step *steps, size_t count)
{
    size_t offsets[NAMES];
    for (size_t i = 0; i < NAMES; i++) {
        offsets[i] = NOTHING;
    }
    lay_out(format, units, first_chunk);
    for (size_t i = 0; i < count; i++) {
        size_t name = (size_t)(steps[i].name - 'a');
        expect_step(&steps[i], i + 1, offsets[name]);
        offsets[name] = steps[i].offset;
    }
    reference_destroy(&model);
    if (!library_is_asked) {
        skip(); /* the model agrees; the library was built with other headers or trailers */
    }
}

#define RUN(format, units, first_chunk, steps)                                                     \
    run(&(format), (units), (first_chunk), (steps), sizeof(steps) / sizeof(steps)[0])

/* 249@6 is free.
 *
 * Steps 1 to 8 lay out 5@6 2@11 6@13 2@19 5@21 2@26 8@28 2@36; 217@38 is left in bucket 7.
 * Steps 9 to 12 free a, c, e, g: bucket 2 is [5@6 6@13 5@21 8@28].
 * 13: 56 bytes want 8 units, bucket 2. 5@6, 6@13 and 5@21 are tried and rejected; that makes three.
 *     Bucket 2 is now [8@28 5@6 6@13 5@21]. The next bucket that is not empty is 7: 217@38 is cut
 *     to 8@38. Byte 38 * 8 + 8 = 312.
 * 14: the same again finds 8@28 first: byte 232. Bucket 2: [5@6 6@13 5@21].
 * 15: 40 bytes want 6 units: 5@6 is rejected, 6@13 taken: byte 112. Bucket 2: [5@21 5@6].
 * 16, 17: 32 bytes want 5 units: first 5@21, byte 176, then 5@6, byte 56. */
static void search_gives_up_after_three_and_goes_on_where_it_stopped(void **state)
{
    static const struct step steps[] = {
        {ALLOC, 'a', 32, 0, 56, "U5 F244"},
        {ALLOC, 'b', 8, 0, 96, NULL},
        {ALLOC, 'c', 40, 0, 112, NULL},
        {ALLOC, 'd', 8, 0, 160, NULL},
        {ALLOC, 'e', 32, 0, 176, NULL},
        {ALLOC, 'f', 8, 0, 216, NULL},
        {ALLOC, 'g', 56, 0, 232, NULL},
        {ALLOC, 'h', 8, 0, 296, "U5 U2 U6 U2 U5 U2 U8 U2 F217"},
        {FREE, 'a', 0, 0, NOTHING, NULL},
        {FREE, 'c', 0, 0, NOTHING, NULL},
        {FREE, 'e', 0, 0, NOTHING, NULL},
        {FREE, 'g', 0, 0, NOTHING, "F5 U2 F6 U2 F5 U2 F8 U2 F217"},
        {ALLOC, 'i', 56, 0, 312, NULL},
        {ALLOC, 'j', 56, 0, 232, "F5 U2 F6 U2 F5 U2 U8 U2 U8 F209"},
        {ALLOC, 'k', 40, 0, 112, NULL},
        {ALLOC, 'l', 32, 0, 176, NULL},
        {ALLOC, 'm', 32, 0, 56, "U5 U2 U6 U2 U5 U2 U8 U2 U8 F209"},
    };
    RUN(plain, 249, 48, steps);
}

/* The same layout, and bucket 2 is [5@6 6@13 5@21 8@28] after step 12.
 *
 * 13: freeing d (2@19) takes 5@21, its right neighbour, off the list, and what followed comes next:
 *     [8@28 5@6 6@13]. Then it takes 6@13, its left neighbour, which 8@28 follows, as the list is a
 *     circle: [8@28 5@6]. The merged 13@13 goes to bucket 3.
 * 14: 24 bytes want 4 units, bucket 1, which is empty; bucket 2 gives 8@28, byte 232. Its rest 4@32
 *     goes to bucket 1.
 * 15: 24 bytes again: 4@32, byte 264.
 * 16: 32 bytes want 5 units: 5@6, byte 56. Bucket 2 is empty.
 * 17: 32 bytes again: bucket 3 gives 13@13, byte 112; its rest 8@18 goes to bucket 2.
 * 18: 56 bytes want 8 units: 8@18, byte 152. */
static void merging_moves_the_list_on_to_what_followed(void **state)
{
    static const struct step steps[] = {
        {ALLOC, 'a', 32, 0, 56, NULL},
        {ALLOC, 'b', 8, 0, 96, NULL},
        {ALLOC, 'c', 40, 0, 112, NULL},
        {ALLOC, 'd', 8, 0, 160, NULL},
        {ALLOC, 'e', 32, 0, 176, NULL},
        {ALLOC, 'f', 8, 0, 216, NULL},
        {ALLOC, 'g', 56, 0, 232, NULL},
        {ALLOC, 'h', 8, 0, 296, NULL},
        {FREE, 'a', 0, 0, NOTHING, NULL},
        {FREE, 'c', 0, 0, NOTHING, NULL},
        {FREE, 'e', 0, 0, NOTHING, NULL},
        {FREE, 'g', 0, 0, NOTHING, NULL},
        {FREE, 'd', 0, 0, NOTHING, "F5 U2 F13 U2 F8 U2 F217"},
        {ALLOC, 'i', 24, 0, 232, "F5 U2 F13 U2 U4 F4 U2 F217"},
        {ALLOC, 'j', 24, 0, 264, NULL},
        {ALLOC, 'k', 32, 0, 56, NULL},
        {ALLOC, 'l', 32, 0, 112, "U5 U2 U5 F8 U2 U4 U4 U2 F217"},
        {ALLOC, 'm', 56, 0, 152, "U5 U2 U5 U8 U2 U4 U4 U2 F217"},
    };
    RUN(plain, 249, 48, steps);
}

/* 58@5 is free.
 *
 * Steps 1 to 4 leave 22@5 free between used 2@27 and 34@29.
 * 5: alignment 128, 8 bytes: 8 + 120 bytes of padding want 17 units, bucket 4, where 22@5 is. Its
 *    block would be at byte 48; the next multiple of 128 is 128, chunk 15. In front 10@5 is listed,
 *    behind 10@17: bucket 3 is [10@5 10@17].
 * 6: 72 bytes want 10 units: 10@5, byte 48. 7: 10@17, byte 144.
 * 8 to 10: freed in the other order, the list is [10@17 10@5]; the aligned block in the middle
 *    still separates them, and 72 bytes come from 10@17. */
static void what_is_cut_off_in_front_is_listed_before_what_is_behind(void **state)
{
    static const struct step steps[] = {
        {ALLOC, 'a', 168, 0, 48, NULL},
        {ALLOC, 'b', 8, 0, 224, NULL},
        {ALLOC, 'c', 264, 0, 240, "U22 U2 U34"},
        {FREE, 'a', 0, 0, NOTHING, "F22 U2 U34"},
        {ALIGNED, 'd', 8, 128, 128, "F10 U2 F10 U2 U34"},
        {ALLOC, 'e', 72, 0, 48, NULL},
        {ALLOC, 'f', 72, 0, 144, "U10 U2 U10 U2 U34"},
        {FREE, 'f', 0, 0, NOTHING, NULL},
        {FREE, 'e', 0, 0, NOTHING, NULL},
        {ALLOC, 'g', 72, 0, 144, "F10 U2 U10 U2 U34"},
    };
    RUN(plain, 58, 40, steps);
}

/* 58@5 is free.
 *
 *  1: 100 bytes want 14 units: 14@5, byte 48.  2: 50 bytes want 8: 8@19, byte 160. Left: 36@27.
 *  3: 20 bytes want 4: shrinks in place, 10@9 becomes free.
 *  4: 200 bytes want 26: 8 + 36 suffice, 18 of the neighbour are taken, 18@45 is left.
 *  5: 96 bytes want 13: 9 of 10@9 are taken, the lone unit 1@18 is left, on no list.
 *  6: 104 bytes want 14: takes the lone unit too.
 *  7: 105 bytes want 15: the neighbour is used; moves to 18@45, byte 368; 14@5 becomes free.
 *  8: 160 is no multiple of 64: moves although it shrinks. 10 bytes + 56 of padding want 10 units:
 *     14@5 (bucket 3). The next multiple of 64 from byte 48 is 64, chunk 7; the block ends in unit
 *     10. In front 2@5, behind 9@10. Then b's 26@19 is freed and joins 9@10.
 *  9: 8 bytes want 2 units: bucket 0 has 2@5, byte 48.
 * 10: 280 bytes want 36 units: no bucket can serve that (35@10 is the largest), moves nothing. */
static void reallocation_in_all_its_ways(void **state)
{
    static const struct step steps[] = {
        {ALLOC, 'a', 100, 0, 48, "U14 F44"},
        {ALLOC, 'b', 50, 0, 160, "U14 U8 F36"},
        {REALLOC, 'a', 20, 0, 48, "U4 F10 U8 F36"},
        {REALLOC, 'b', 200, 0, 160, "U4 F10 U26 F18"},
        {REALLOC, 'a', 96, 0, 48, "U13 S1 U26 F18"},
        {REALLOC, 'a', 104, 0, 48, "U14 U26 F18"},
        {REALLOC, 'a', 105, 0, 368, "F14 U26 U15 F3"},
        {ALIGNED_REALLOC, 'b', 10, 64, 64, "F2 U3 F35 U15 F3"},
        {ALLOC, 'c', 8, 0, 48, "U2 U3 F35 U15 F3"},
        {ALLOC, 'd', 280, 0, NOTHING, "U2 U3 F35 U15 F3"},
    };
    RUN(plain, 58, 40, steps);
}

/* 58@5 is free; offsets and addresses align alike.
 *
 *  1: 0x28 is 32 with rewind 8. 24 bytes + 24 of padding want 7 units. From byte 48, the first byte
 *     8 below a multiple of 32 is 56, chunk 6. It ends in unit 10: 4@6. In front 1@5, behind 53@10.
 *  2: 0x104 is 256 with rewind 4. From byte 88, the first one 4 below a multiple of 256 is 252, in
 *     chunk (252 - 8) / 8 = 30. Its 8 bytes end at 260, so it ends in unit 33: 3@30. In front
 *     20@10 (bucket 4), behind 30@33 (bucket 4): [20@10 30@33].
 *  3: p's 4@6 joins 20@10 and the lone unit: 25@5. Bucket 4: [30@33 25@5].
 *  4: 6 is 4 with rewind 2. 5 bytes + 2 want 2 units; bucket 4 gives 30@33. From byte 272, the
 *     first one 2 below a multiple of 4 is 274, still in chunk 33. It ends at 279, in unit 35.
 *     Behind it is 28@35. Bucket 4: [25@5 28@35].
 *  5: q's 3@30 joins 25@5 on its left: 28@5. Bucket 4: [28@35 28@5].
 *  6: 8 bytes want 2 units: 28@35, byte 288. */
static void rewound_blocks(void **state)
{
    static const struct step steps[] = {
        {ALIGNED, 'p', 24, 0x28, 56, "S1 U4 F53"},
        {ALIGNED, 'o', 8, 0x104, 252, "S1 U4 F20 U3 F30"},
        {FREE, 'p', 0, 0, NOTHING, "F25 U3 F30"},
        {ALIGNED, 'n', 5, 6, 274, "F25 U3 U2 F28"},
        {FREE, 'o', 0, 0, NOTHING, "F28 U2 F28"},
        {ALLOC, 'm', 8, 0, 288, "F28 U2 U2 F26"},
    };
    RUN(plain, 58, 40, steps);
}

/* 249@6 is free.
 *
 * Steps 1 to 6 lay out 6@6 3@12 7@15 3@22 9@25 4@34; 217@38 is left.
 * 7 to 9: a, c and e are freed: bucket 2 (6 to 9 units) is [6@6 7@15 9@25].
 * 10: 48 bytes want 8 units: 6@6 and 7@15 are rejected, 9@25 is taken; 1@33 is left, on no list.
 * 11: d's 3@22 joins 7@15 on its left: 10@15, bucket 3.
 * 12: 49 bytes want 9 units: the lone unit suffices.
 * 13: 24 bytes want 5 units: 4@30 is freed, bucket 1.
 * 14: 17 bytes want 5 units: bucket 1 has 4@30 only; bucket 2 gives 6@6, a lone unit 1@11 is left.
 * 15: 33 bytes want 7 units: 5 + 1 do not suffice. Bucket 2 is empty, bucket 3 gives 10@15, and
 *     3@22 is left, bucket 0. h's old 5@6 takes the lone unit back: 6@6.
 * 16: 1 byte wants 3 units: 3@22.
 * 17: alignment 64: 8 + 56 of padding want 10 units: 217@38. From byte 312 the next multiple is
 *     320, chunk 39. Its 8 bytes end at 328, and with the trailer in unit 42: 3@39. 1@38 is left in
 *     front, 213@42 behind.
 * 18: f's 4@34 takes 1@38, then joins 4@30: 9@30, bucket 2: [6@6 9@30].
 * 19: 32 bytes want 6 units: 6@6. */
static void trailers_are_part_of_every_chunk(void **state)
{
    static const struct step steps[] = {
        {ALLOC, 'a', 32, 0, 56, "U6 F243"},
        {ALLOC, 'b', 1, 0, 104, NULL},
        {ALLOC, 'c', 40, 0, 128, NULL},
        {ALLOC, 'd', 8, 0, 184, NULL},
        {ALLOC, 'e', 56, 0, 208, NULL},
        {ALLOC, 'f', 9, 0, 280, "U6 U3 U7 U3 U9 U4 F217"},
        {FREE, 'a', 0, 0, NOTHING, NULL},
        {FREE, 'c', 0, 0, NOTHING, NULL},
        {FREE, 'e', 0, 0, NOTHING, "F6 U3 F7 U3 F9 U4 F217"},
        {ALLOC, 'g', 48, 0, 208, "F6 U3 F7 U3 U8 S1 U4 F217"},
        {FREE, 'd', 0, 0, NOTHING, "F6 U3 F10 U8 S1 U4 F217"},
        {REALLOC, 'g', 49, 0, 208, "F6 U3 F10 U9 U4 F217"},
        {REALLOC, 'g', 24, 0, 208, "F6 U3 F10 U5 F4 U4 F217"},
        {ALLOC, 'h', 17, 0, 56, "U5 S1 U3 F10 U5 F4 U4 F217"},
        {REALLOC, 'h', 33, 0, 128, "F6 U3 U7 F3 U5 F4 U4 F217"},
        {ALLOC, 'i', 1, 0, 184, "F6 U3 U7 U3 U5 F4 U4 F217"},
        {ALIGNED, 'j', 8, 64, 320, "F6 U3 U7 U3 U5 F4 U4 S1 U3 F213"},
        {FREE, 'f', 0, 0, NOTHING, "F6 U3 U7 U3 U5 F9 U3 F213"},
        {ALLOC, 'k', 32, 0, 56, "U6 U3 U7 U3 U5 F9 U3 F213"},
    };
    RUN(full, 249, 48, steps);
}

/* 249@6 is free.
 *
 * Steps 1 to 6 lay out 4@6 1@10 5@11 2@16 7@18 1@25; 229@26 is left.
 * 7 to 9: a, c and e are freed: bucket 2 (4 to 7 units) is [4@6 5@11 7@18].
 * 10: 44 bytes want 6 units: 4@6 and 5@11 are rejected; 7@18, whose rest 1@24 is listed: bucket 0.
 * 11: 3 bytes want 1 unit: 1@24. 12: freed again.
 * 13: d's 2@16 joins 5@11: 7@11. Bucket 2: [4@6 7@11].
 * 14: 45 bytes want 7 units: takes 1@24.
 * 15: 12 bytes want 2 units: 5@20 is freed. Bucket 2: [4@6 7@11 5@20].
 * 16: alignment 8 is more than the header: 8 + 4 want 2 units: 4@6. From byte 52 the next multiple
 *     of 8 is 56, still in chunk 6, a gap of 4. It ends at 64, in unit 8; 2@8 is left, bucket 1.
 * 17: 13 bytes and the gap want 3 units: one of 2@8; 1@9 is left, bucket 0.
 * 18: 0x22 is 32 with rewind 2: 12 + 30 want 6 units: 7@11. From byte 92, the first one 2 below a
 *     multiple of 32 is 94, in chunk 11. It ends at 106, in unit 14: 3@11. 4@14 is left.
 *     Bucket 2: [5@20 4@14].
 * 19: 28 bytes want 4 units: 5@20, whose rest is 1@24: bucket 0 is [1@9 1@24].
 * 20: 4 bytes want 1 unit: 1@9.
 * 21: j's 3@11 takes 4@14: 7@11.
 * 22: 164 is no multiple of 64: moves. 8 + 60 want 9 units: 229@26. From byte 212 the next multiple
 *     is 256, chunk 31, which ends at 264, in unit 33. In front 5@26, behind 222@33. k's 4@20 takes
 *     1@24. */
static void short_headers_make_every_unit_a_chunk(void **state)
{
    static const struct step steps[] = {
        {ALLOC, 'a', 28, 0, 52, "U4 F245"},
        {ALLOC, 'b', 4, 0, 84, NULL},
        {ALLOC, 'c', 36, 0, 92, NULL},
        {ALLOC, 'd', 5, 0, 132, NULL},
        {ALLOC, 'e', 52, 0, 148, NULL},
        {ALLOC, 'f', 1, 0, 204, "U4 U1 U5 U2 U7 U1 F229"},
        {FREE, 'a', 0, 0, NOTHING, NULL},
        {FREE, 'c', 0, 0, NOTHING, NULL},
        {FREE, 'e', 0, 0, NOTHING, "F4 U1 F5 U2 F7 U1 F229"},
        {ALLOC, 'g', 44, 0, 148, "F4 U1 F5 U2 U6 F1 U1 F229"},
        {ALLOC, 'h', 3, 0, 196, "F4 U1 F5 U2 U6 U1 U1 F229"},
        {FREE, 'h', 0, 0, NOTHING, NULL},
        {FREE, 'd', 0, 0, NOTHING, "F4 U1 F7 U6 F1 U1 F229"},
        {REALLOC, 'g', 45, 0, 148, "F4 U1 F7 U7 U1 F229"},
        {REALLOC, 'g', 12, 0, 148, "F4 U1 F7 U2 F5 U1 F229"},
        {ALIGNED, 'i', 8, 8, 56, "U2 F2 U1 F7 U2 F5 U1 F229"},
        {REALLOC, 'i', 13, 0, 56, "U3 F1 U1 F7 U2 F5 U1 F229"},
        {ALIGNED, 'j', 12, 0x22, 94, "U3 F1 U1 U3 F4 U2 F5 U1 F229"},
        {ALLOC, 'k', 28, 0, 164, "U3 F1 U1 U3 F4 U2 U4 F1 U1 F229"},
        {ALLOC, 'l', 4, 0, 76, "U3 U1 U1 U3 F4 U2 U4 F1 U1 F229"},
        {FREE, 'j', 0, 0, NOTHING, "U3 U1 U1 F7 U2 U4 F1 U1 F229"},
        {ALIGNED_REALLOC, 'k', 8, 64, 256, "U3 U1 U1 F7 U2 F5 U1 F5 U2 F222"},
    };
    RUN(small, 249, 48, steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(search_gives_up_after_three_and_goes_on_where_it_stopped),
        cmocka_unit_test(merging_moves_the_list_on_to_what_followed),
        cmocka_unit_test(what_is_cut_off_in_front_is_listed_before_what_is_behind),
        cmocka_unit_test(reallocation_in_all_its_ways),
        cmocka_unit_test(rewound_blocks),
        cmocka_unit_test(trailers_are_part_of_every_chunk),
        cmocka_unit_test(short_headers_make_every_unit_a_chunk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
