/* SPDX-License-Identifier: Apache-2.0 */
/* Call sequences with results worked out by hand from the description of Zephyr's 64-bit heap.
 *
 * Each step names a call and the byte offset that it must return. The library and the reference
 * model are both held to it, so a mistake that they share would have to be made a third time, on
 * paper. How to work out a step:
 *
 *     chunk of n bytes    ceil((n + 8) / 8) units; its block starts 8 bytes behind its start
 *     bucket of s units   floor(log2(s - 1)): 2 -> 0, 3..4 -> 1, 5..8 -> 2, 9..16 -> 3, 17..32 -> 4
 *     lists below         size@start in units, the element to be tried next first */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <zephyr/sys/sys_heap.h>
#include "../support/heap_picture.h"
#include "../support/reference_heap.h"

#define BUFFER_MAX   2048u
#define NAMES        16
#define PICTURE_SIZE 256
#define NOTHING      REFERENCE_NULL

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

static _Alignas(4096) uint8_t buffer[BUFFER_MAX];
static struct sys_heap heap;
static struct reference_heap model;

static size_t ask_library(const struct step *step, size_t old)
{
    void *block = old == NOTHING ? NULL : buffer + old;
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
    return result == NULL ? NOTHING : (size_t)(result - buffer);
}

static size_t ask_model(const struct step *step, size_t old)
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

static void expect_step(const struct step *step, size_t number, size_t old)
{
    size_t library = ask_library(step, old);
    size_t predicted = ask_model(step, old);
    if (library != step->offset || predicted != step->offset) {
        fail_msg("step %zu: offset %td expected, library %td, model %td (-1 is NULL)", number,
                 (ptrdiff_t)step->offset, (ptrdiff_t)library, (ptrdiff_t)predicted);
    }
    if (step->picture != NULL) {
        char text[PICTURE_SIZE];
        expect_heap(&heap, step->picture);
        reference_picture(&model, text, sizeof text);
        assert_string_equal(text, step->picture);
    }
    assert_true(sys_heap_validate(&heap));
}

static void run(size_t buffer_bytes, const struct step *steps, size_t count)
{
    size_t offsets[NAMES];
    if (QUARRY_HEAP_ALLOC_LOOPS != 3) {
        skip(); /* worked out for Zephyr's default search depth */
    }
    for (size_t i = 0; i < NAMES; i++) {
        offsets[i] = NOTHING;
    }
    sys_heap_init(&heap, buffer, buffer_bytes);
    assert_true(reference_init(&model, (uintptr_t)buffer, buffer_bytes));
    for (size_t i = 0; i < count; i++) {
        size_t name = (size_t)(steps[i].name - 'a');
        expect_step(&steps[i], i + 1, offsets[name]);
        offsets[name] = steps[i].offset;
    }
    reference_destroy(&model);
}

#define RUN(buffer_bytes, steps) run((buffer_bytes), (steps), sizeof(steps) / sizeof(steps)[0])

/* 2048 bytes: 255 units, 8 buckets, header chunk 16 + 8 * 4 bytes = 6 units, so 249@6 is free.
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
    RUN(BUFFER_MAX, steps);
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
    RUN(BUFFER_MAX, steps);
}

/* 512 bytes: 63 units, 6 buckets, header chunk 16 + 6 * 4 bytes = 5 units, so 58@5 is free.
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
    RUN(512, steps);
}

/* 512 bytes again.
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
    RUN(512, steps);
}

/* 512 bytes again; the buffer is at a multiple of 4096, so offsets and addresses align alike.
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
    RUN(512, steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(search_gives_up_after_three_and_goes_on_where_it_stopped),
        cmocka_unit_test(merging_moves_the_list_on_to_what_followed),
        cmocka_unit_test(what_is_cut_off_in_front_is_listed_before_what_is_behind),
        cmocka_unit_test(reallocation_in_all_its_ways),
        cmocka_unit_test(rewound_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
