/* SPDX-License-Identifier: Apache-2.0 */
/* Several heaps under one handle: each configuration is served by its heap, which has room for one
 * block of more than half its size and not for two; what was given back is had again; an address
 * names its heap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <zephyr/sys/multi_heap.h>
#include <zephyr/sys/util.h>

#define HEAPS      4u
#define HEAP_BYTES 1024u
#define MOST       (HEAP_BYTES / 2 + 1)

static struct sys_heap heaps[HEAPS];
static char memory[HEAPS][HEAP_BYTES] __aligned(8);
static struct sys_multi_heap multi;

/* cfg is the user_data of the heap that is meant. */
static void *by_user_data(struct sys_multi_heap *mheap, void *cfg, size_t align, size_t size)
{
    for (unsigned int i = 0; i < mheap->nheaps; i++) {
        if (mheap->heaps[i].user_data == cfg) {
            return sys_heap_aligned_alloc(mheap->heaps[i].heap, align, size);
        }
    }
    return NULL;
}

/* Later heaps lie at lower addresses. */
static int begin(void **state)
{
    sys_multi_heap_init(&multi, by_user_data);
    for (size_t i = HEAPS; i > 0; i--) {
        sys_heap_init(&heaps[i - 1], memory[i - 1], HEAP_BYTES);
        sys_multi_heap_add_heap(&multi, &heaps[i - 1], UINT_TO_POINTER(i));
    }
    return 0;
}

static void each_configuration_has_its_heap(void **state)
{
    char *blocks[HEAPS];

    for (size_t i = 0; i < HEAPS; i++) {
        void *cfg = UINT_TO_POINTER(i + 1);

        blocks[i] = sys_multi_heap_alloc(&multi, cfg, MOST);
        assert_in_range((uintptr_t)blocks[i], (uintptr_t)memory[i],
                        (uintptr_t)memory[i] + HEAP_BYTES - MOST);
        const struct sys_multi_heap_rec *record = sys_multi_heap_get_heap(&multi, blocks[i]);
        assert_ptr_equal(record->heap, &heaps[i]);
        assert_ptr_equal(record->user_data, cfg);
        assert_null(sys_multi_heap_alloc(&multi, cfg, MOST));
        memset(blocks[i], (int)i, MOST);
    }
    for (size_t i = 0; i < HEAPS; i++) {
        assert_int_equal(blocks[i][0], i);
        assert_int_equal(blocks[i][MOST - 1], i);
        sys_multi_heap_free(&multi, blocks[i]);
        assert_ptr_equal(sys_multi_heap_alloc(&multi, UINT_TO_POINTER(i + 1), MOST), blocks[i]);
        assert_null(sys_multi_heap_alloc(&multi, UINT_TO_POINTER(i + 1), MOST));
        sys_multi_heap_free(&multi, blocks[i]);
    }
}

static void no_heap_serves_an_unknown_configuration(void **state)
{
    assert_null(sys_multi_heap_alloc(&multi, UINT_TO_POINTER(HEAPS + 1), 1));
    assert_null(sys_multi_heap_alloc(&multi, NULL, 1));
}

static void a_block_grows_into_another_heap(void **state)
{
    char *block = sys_multi_heap_alloc(&multi, UINT_TO_POINTER(1), MOST);
    char *fence = sys_multi_heap_alloc(&multi, UINT_TO_POINTER(1), 8);

    memset(block, 0x5a, MOST);
    assert_null(sys_multi_heap_realloc(&multi, UINT_TO_POINTER(1), block, MOST + 100));
    block = sys_multi_heap_realloc(&multi, UINT_TO_POINTER(2), block, MOST + 100);
    assert_ptr_equal(sys_multi_heap_get_heap(&multi, block)->heap, &heaps[1]);
    for (size_t i = 0; i < MOST; i++) {
        assert_int_equal(block[i], 0x5a);
    }
    assert_null(sys_multi_heap_realloc(&multi, UINT_TO_POINTER(1), block, 0));
    assert_null(sys_multi_heap_realloc(&multi, UINT_TO_POINTER(1), fence, 0));
    sys_multi_heap_free(&multi, NULL);
}

static int heaps_are_free_again(void **state)
{
    for (size_t i = 0; i < HEAPS; i++) {
        void *most = sys_heap_alloc(&heaps[i], HEAP_BYTES * 3 / 4);

        if (most == NULL || !sys_heap_validate(&heaps[i])) {
            return -1;
        }
        sys_heap_free(&heaps[i], most);
    }
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, heaps_are_free_again)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_configuration_has_its_heap),
        TEST(no_heap_serves_an_unknown_configuration),
        TEST(a_block_grows_into_another_heap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
