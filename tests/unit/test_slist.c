/* SPDX-License-Identifier: Apache-2.0 */
/* Singly linked lists: what is on them, in which order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <zephyr/sys/slist.h>

static sys_snode_t nodes[4];

/* The list as digits: the numbers of its nodes. */
static const char *digits(const sys_slist_t *list)
{
    static char text[8];
    char *next = text;
    sys_snode_t *node;

    SYS_SLIST_FOR_EACH_NODE(list, node)
    {
        *next++ = (char)('0' + (node - nodes));
    }
    *next = '\0';
    if (next != text) {
        assert_ptr_equal(sys_slist_peek_tail(list), &nodes[next[-1] - '0']);
    }
    return text;
}

static void begins_empty(void **state)
{
    sys_slist_t initialised = SYS_SLIST_STATIC_INIT(&initialised);
    sys_slist_t list;

    sys_slist_init(&list);
    assert_true(sys_slist_is_empty(&list));
    assert_true(sys_slist_is_empty(&initialised));
    assert_null(sys_slist_peek_head(&list));
    assert_null(sys_slist_peek_tail(&list));
    assert_null(sys_slist_peek_next(NULL));
}

static void keeps_the_order(void **state)
{
    sys_slist_t list = SYS_SLIST_STATIC_INIT(&list);

    for (size_t i = 0; i < 4; i++) {
        sys_slist_append(&list, &nodes[i]);
    }
    assert_string_equal(digits(&list), "0123");
    assert_false(sys_slist_is_empty(&list));
    assert_ptr_equal(sys_slist_peek_head(&list), &nodes[0]);
    assert_ptr_equal(sys_slist_peek_next(&nodes[0]), &nodes[1]);
}

static void removes_from_every_place(void **state)
{
    sys_slist_t list = SYS_SLIST_STATIC_INIT(&list);

    for (size_t i = 0; i < 4; i++) {
        sys_slist_append(&list, &nodes[i]);
    }
    assert_true(sys_slist_find_and_remove(&list, &nodes[3]));
    assert_string_equal(digits(&list), "012");
    assert_false(sys_slist_find_and_remove(&list, &nodes[3]));
    assert_true(sys_slist_find_and_remove(&list, &nodes[1]));
    assert_string_equal(digits(&list), "02");
    assert_true(sys_slist_find_and_remove(&list, &nodes[0]));
    assert_string_equal(digits(&list), "2");
    assert_true(sys_slist_find_and_remove(&list, &nodes[2]));
    assert_true(sys_slist_is_empty(&list));
    sys_slist_append(&list, &nodes[1]);
    assert_string_equal(digits(&list), "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begins_empty),
        cmocka_unit_test(keeps_the_order),
        cmocka_unit_test(removes_from_every_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
