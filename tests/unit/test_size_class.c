/* SPDX-License-Identifier: Apache-2.0 */
/* Size classes: each size gets the smallest block that holds it, and an eighth is lost at most. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "process/size_class.h"

static void every_size_gets_the_smallest_block_that_holds_it(void **state)
{
    for (size_t bytes = 1; bytes <= SIZE_CLASS_MOST_BYTES; bytes++) {
        size_t size_class = size_class_of(bytes);

        assert_in_range(size_class, 1, SIZE_CLASSES - 1);
        assert_true(size_class_bytes(size_class) >= bytes);
        assert_true(size_class == 1 || size_class_bytes(size_class - 1) < bytes);
    }
}

static void requests_for_nothing_have_a_class_of_their_own(void **state)
{
    assert_int_equal(size_class_of(0), 0);
    assert_int_equal(size_class_steps(0), 0);
}

static void blocks_are_multiples_of_16_and_grow(void **state)
{
    for (size_t size_class = 1; size_class < SIZE_CLASSES; size_class++) {
        assert_int_equal(size_class_bytes(size_class) % 16, 0);
        assert_true(size_class_bytes(size_class) > size_class_bytes(size_class - 1));
    }
    assert_int_equal(size_class_bytes(SIZE_CLASSES - 1), SIZE_CLASS_MOST_BYTES);
}

static void beyond_the_direct_sizes_an_eighth_is_lost_at_most(void **state)
{
    for (size_t bytes = SIZE_CLASS_DIRECT_BYTES; bytes <= SIZE_CLASS_MOST_BYTES; bytes++) {
        size_t lost = size_class_bytes(size_class_of(bytes)) - bytes;

        assert_true(lost * 8 < bytes);
    }
}

static void the_table_says_the_same(void **state)
{
    struct size_class_table table;

    size_class_table_fill(&table);
    for (size_t bytes = 0; bytes <= SIZE_CLASS_TABLE_BYTES; bytes++) {
        assert_int_equal(table.of_steps[size_class_steps(bytes)], size_class_of(bytes));
    }
}

static void aligned_requests_get_a_size_that_is_a_multiple(void **state)
{
    for (size_t align = 16; align <= SIZE_CLASS_MOST_BYTES; align *= 2) {
        for (size_t bytes = 0; bytes <= SIZE_CLASS_MOST_BYTES; bytes += 13) {
            size_t size_class = size_class_aligned(align, bytes);

            if (size_class == SIZE_CLASSES) {
                assert_true(bytes + align > SIZE_CLASS_MOST_BYTES);
            } else {
                assert_true(size_class_bytes(size_class) >= bytes && size_class != 0);
                assert_int_equal(size_class_bytes(size_class) % align, 0);
            }
        }
    }
}

static void what_no_slab_holds_has_no_class(void **state)
{
    const size_t sizes[] = {SIZE_CLASS_MOST_BYTES + 1, SIZE_MAX / 2, SIZE_MAX - 15, SIZE_MAX};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        assert_int_equal(size_class_aligned(16, sizes[i]), SIZE_CLASSES);
    }
    assert_int_equal(size_class_aligned(2 * SIZE_CLASS_MOST_BYTES, 1), SIZE_CLASSES);
    assert_int_equal(size_class_aligned(SIZE_MAX / 2 + 1, 1), SIZE_CLASSES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_gets_the_smallest_block_that_holds_it),
        cmocka_unit_test(requests_for_nothing_have_a_class_of_their_own),
        cmocka_unit_test(blocks_are_multiples_of_16_and_grow),
        cmocka_unit_test(beyond_the_direct_sizes_an_eighth_is_lost_at_most),
        cmocka_unit_test(the_table_says_the_same),
        cmocka_unit_test(aligned_requests_get_a_size_that_is_a_multiple),
        cmocka_unit_test(what_no_slab_holds_has_no_class),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
