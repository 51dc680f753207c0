/* SPDX-License-Identifier: Apache-2.0 */
/* The list of watchers: all are told, in the order in which they came, of what they want to hear.
 * Nothing takes a watcher off the list, so the tests build on each other: the group's setup adds
 * them once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <quarry/heap.h>
#include "core/heap.h"
#include "core/note.h"

static _Alignas(16) uint8_t buffer[4096];
static struct sys_heap heap;
static char
    heard[64]; /* a letter for each event: small from the first watcher, large from the last */
static size_t heard_count;

static void hear(char letter)
{
    if (heard_count + 1 < sizeof heard) {
        heard[heard_count++] = letter;
    }
}

static void expect_heard(const char *letters)
{
    assert_string_equal(heard, letters);
    memset(heard, 0, sizeof heard);
    heard_count = 0;
}

/* ---- watchers ---- */

#define WATCHER(name, enter_letter, leave_letter, begin_letter, extend_letter, cut_letter,         \
                alloc_letter, resize_letter, copied_letter, free_letter)                           \
    static void name##_enter(void)                                                                 \
    {                                                                                              \
        hear(enter_letter);                                                                        \
    }                                                                                              \
    static void name##_leave(void)                                                                 \
    {                                                                                              \
        hear(leave_letter);                                                                        \
    }                                                                                              \
    static void name##_begin(struct sys_heap *where, void *mem, size_t bytes)                      \
    {                                                                                              \
        hear(begin_letter);                                                                        \
    }                                                                                              \
    static void name##_extend(struct sys_heap *where, void *mem, size_t bytes)                     \
    {                                                                                              \
        hear(extend_letter);                                                                       \
    }                                                                                              \
    static void name##_cut(struct sys_heap *where, void *end)                                      \
    {                                                                                              \
        hear(cut_letter);                                                                          \
    }                                                                                              \
    static void name##_alloc(struct sys_heap *where, const struct note_block *block)               \
    {                                                                                              \
        hear(alloc_letter);                                                                        \
    }                                                                                              \
    static void name##_resize(struct sys_heap *where, const struct note_block *block, size_t old)  \
    {                                                                                              \
        hear(resize_letter);                                                                       \
    }                                                                                              \
    static void name##_copied(struct sys_heap *where, const struct note_block *block)              \
    {                                                                                              \
        hear(copied_letter);                                                                       \
    }                                                                                              \
    static void name##_free(struct sys_heap *where, const struct note_block *block)                \
    {                                                                                              \
        hear(free_letter);                                                                         \
    }                                                                                              \
    static struct note_watcher name = {                                                            \
        .enter = name##_enter,                                                                     \
        .leave = name##_leave,                                                                     \
        .begin = name##_begin,                                                                     \
        .extend = name##_extend,                                                                   \
        .cut = name##_cut,                                                                         \
        .alloc = name##_alloc,                                                                     \
        .resize = name##_resize,                                                                   \
        .copied = name##_copied,                                                                   \
        .free = name##_free,                                                                       \
    }

WATCHER(first, '(', ')', 'b', 'e', 'c', 'a', 'r', 'm', 'f');
WATCHER(last, '[', ']', 'B', 'E', 'C', 'A', 'R', 'M', 'F');
static struct note_watcher indifferent; /* between them; wants to hear nothing */

static int add_watchers(void **state)
{
    note_watch(&first);
    note_watch(&indifferent);
    note_watch(&last);
    return 0;
}

static int fresh_heap(void **state)
{
    heap_init_growable(&heap, buffer, 2048, sizeof buffer, QUARRY_HEAP_ZEPHYR_BUCKETS);
    expect_heard("([bB)]");
    return 0;
}

/* ---- what they hear ---- */

static void all_are_told_of_blocks(void **state)
{
    void *block = sys_heap_alloc(&heap, 8);
    expect_heard("([aA)]");
    assert_ptr_equal(sys_heap_realloc(&heap, block, 80), block);
    expect_heard("([rR)]");
    assert_non_null(sys_heap_alloc(&heap, 8));
    expect_heard("([aA)]");
    block = sys_heap_realloc(&heap, block, 200); /* moves */
    expect_heard("([aAmMfF)]");
    sys_heap_free(&heap, block);
    expect_heard("([fF)]");
}

static void all_are_told_where_the_heap_ends(void **state)
{
    heap_extend(&heap, 64);
    expect_heard("([eE)]");
    heap_shrink(&heap, 64);
    expect_heard("([)]([cC)]"); /* the self-check looks first */
    quarry_heap_end(&heap);
    expect_heard("cC");
}

static void what_fails_is_not_told(void **state)
{
    assert_null(sys_heap_alloc(&heap, SIZE_MAX));
    expect_heard("([)]");
    void *block = sys_heap_alloc(&heap, 8);
    expect_heard("([aA)]");
    assert_null(sys_heap_realloc(&heap, block, SIZE_MAX));
    expect_heard("([)]");
}

static void who_is_there_stays_where_it_is(void **state)
{
    note_watch(&last);
    note_watch(&first);
    note_watch(&indifferent);
    sys_heap_alloc(&heap, 8);
    expect_heard("([aA)]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(all_are_told_of_blocks, fresh_heap),
        cmocka_unit_test_setup(all_are_told_where_the_heap_ends, fresh_heap),
        cmocka_unit_test_setup(what_fails_is_not_told, fresh_heap),
        cmocka_unit_test_setup(who_is_there_stays_where_it_is, fresh_heap),
    };
    return cmocka_run_group_tests(tests, add_watchers, NULL);
}
