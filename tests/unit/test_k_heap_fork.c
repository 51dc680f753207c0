/* SPDX-License-Identifier: Apache-2.0 */
/* k_heap in the children of a process whose other threads wait in it, or are inside of a call. The
 * latter stand in a listener's callback, with the heap's lock held. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <quarry/priority.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/heap_listener.h>
#include "../support/death.h"
#include "../support/heap_client.h"
#include "../support/heap_fields.h"
#include "../support/insider.h"
#include "../support/sanitizers.h"

#define HEAP_BYTES   1024u
#define HANG_SECONDS 300u

static struct k_heap heap;
static _Alignas(64) char buffer[HEAP_BYTES];

static int begin(void **state)
{
    k_heap_init(&heap, buffer, sizeof(buffer));
    return 0;
}

static int heap_is_whole(void **state)
{
    return heap_is_empty(&heap) ? 0 : -1;
}

static void die_unless(bool condition)
{
    if (!condition) {
        _exit(1);
    }
}

/* Child: all kinds of calls, of which the first is an allocation. */
static void use_heap(void *arg)
{
    (void)arg;
    char *block = k_heap_alloc(&heap, 40, K_NO_WAIT);
    die_unless(block != NULL);
    heap_block_fill(block, 40, 1);
    die_unless(k_heap_alloc(&heap, HEAP_BYTES, K_MSEC(1)) == NULL);
    block = k_heap_realloc(&heap, block, 80, K_FOREVER);
    die_unless(block != NULL && heap_block_is_filled(block, 40, 1));
    k_heap_free(&heap, block);
    die_unless(heap_is_at_rest(&heap));
}

static void expect_good(const struct death *death)
{
    assert_string_equal(death->message, "");
    assert_int_equal(death->signal, 0);
    assert_int_equal(death->exit_code, 0);
}

static void expect_good_child(crime_fn deed, void *arg)
{
    struct death death = death_of(deed, arg);

    expect_good(&death);
}

/* --- Nobody is inside --- */

static void a_child_has_a_copy(void **state)
{
    char *block = k_heap_alloc(&heap, 40, K_NO_WAIT);

    heap_block_fill(block, 40, 2);
    expect_good_child(use_heap, NULL);
    assert_true(heap_block_is_filled(block, 40, 2));
    k_heap_free(&heap, block);
}

static void free_block(void *block)
{
    die_unless(heap_block_is_filled(block, 40, 2));
    k_heap_free(&heap, block);
    die_unless(heap_is_empty(&heap));
}

static void a_child_may_free_its_copy_of_a_block(void **state)
{
    char *block = k_heap_alloc(&heap, 40, K_NO_WAIT);

    heap_block_fill(block, 40, 2);
    expect_good_child(free_block, block);
    assert_true(heap_block_is_filled(block, 40, 2));
    k_heap_free(&heap, block);
}

static void use_heap_in_a_grandchild(void *arg)
{
    int status = 0;

    use_heap(NULL);
    pid_t grandchild = fork();
    if (grandchild == 0) {
        use_heap(NULL);
        _exit(0);
    }
    die_unless(waitpid(grandchild, &status, 0) == grandchild && status == 0);
}

static void grandchildren_have_copies_too(void **state)
{
    expect_good_child(use_heap_in_a_grandchild, NULL);
}

/* Nobody in the child takes what is freed there. */
static void free_what_is_waited_for(void *block)
{
    k_heap_free(&heap, block);
    die_unless(heap_is_empty(&heap));
    die_unless(k_heap_alloc(&heap, HEAP_BYTES / 2, K_NO_WAIT) == block);
}

static void nobody_waits_in_a_child(void **state)
{
    void *block = k_heap_alloc(&heap, HEAP_BYTES * 3 / 4, K_NO_WAIT);
    struct heap_client client = {.heap = &heap, .bytes = HEAP_BYTES / 2, .timeout = K_FOREVER};

    heap_client_queue_up(&client, 1);
    struct death death = death_of(free_what_is_waited_for, block);
    assert_int_equal(heap_waiters(&heap), 1); /* here somebody does */
    k_heap_free(&heap, block);
    heap_client_end(&client);
    assert_ptr_equal(client.mem, block);
    k_heap_free(&heap, client.mem);
    expect_good(&death);
}

/* --- Another thread is inside --- */

static void stay_inside(uintptr_t heap_id, void *mem, size_t bytes)
{
    (void)heap_id, (void)mem, (void)bytes;
    insider_stay();
}

static void *free_listened_to(void *block)
{
    k_heap_free(&heap, block);
    return NULL;
}

/* A thread inside of a call that frees `block`. */
static void begin_inside(struct heap_listener *listener, void *block)
{
    *listener = (struct heap_listener){.heap_id = HEAP_ID_FROM_POINTER(&heap), .event = HEAP_FREE};
    listener->free_cb = stay_inside;
    heap_listener_register(listener);
    insider_begin(free_listened_to, block);
}

static void end_inside(struct heap_listener *listener)
{
    insider_end();
    heap_listener_unregister(listener);
}

/* Child: nobody is to be waited for in the callback. */
static void use_heap_after_insider(void *arg)
{
    struct heap_listener *listener = arg;

    heap_listener_unregister(listener);
    use_heap(NULL);
}

/* Before it frees, the heap is as it should be. */
static void a_child_can_use_a_heap_that_was_whole(void **state)
{
    struct heap_listener listener;

    skip_under_thread_sanitizer();
    begin_inside(&listener, k_heap_alloc(&heap, 40, K_NO_WAIT));
    struct death death = death_of(use_heap_after_insider, &listener);
    end_inside(&listener);
    expect_good(&death);
}

static void a_child_can_use_a_lock_with_abilities_too(void **state)
{
    struct heap_listener listener;

    skip_under_thread_sanitizer();
    if (quarry_heap_inherit_priority(&heap) != 0) {
        skip();
    }
    begin_inside(&listener, k_heap_alloc(&heap, 40, K_NO_WAIT));
    struct death death = death_of(use_heap_after_insider, &listener);
    end_inside(&listener);
    expect_good(&death);
}

static struct heap_fields fields;

/* A number that is being changed. */
static struct heap_field_place *place_of_a_chunk(void)
{
    heap_fields_find(&heap.heap, &fields);
    for (size_t i = 0; i < fields.count; i++) {
        if (fields.places[i].kind == HEAP_FIELD_OF_CHUNK && fields.places[i].unit != 0) {
            return &fields.places[i];
        }
    }
    fail_msg("the heap has no chunk");
    return NULL;
}

static void a_child_notices_a_heap_in_the_middle_of_a_change(void **state)
{
    struct heap_listener listener;

    skip_under_thread_sanitizer();
    begin_inside(&listener, k_heap_alloc(&heap, 40, K_NO_WAIT));
    struct heap_field_place *place = place_of_a_chunk();
    uint64_t value = heap_field_get(place);
    heap_field_set(place, value ^ 0x10u);
    bool is_damaged = !sys_heap_validate(&heap.heap);
    struct death death = death_of(use_heap_after_insider, &listener);
    heap_field_set(place, value);
    end_inside(&listener);
    assert_true(is_damaged);
    assert_true(death_matches(&death, "heap was in use by another thread when the process forked"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, heap_is_whole)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_child_has_a_copy),
        TEST(a_child_may_free_its_copy_of_a_block),
        TEST(grandchildren_have_copies_too),
        TEST(nobody_waits_in_a_child),
        TEST(a_child_can_use_a_heap_that_was_whole),
        TEST(a_child_can_use_a_lock_with_abilities_too),
        TEST(a_child_notices_a_heap_in_the_middle_of_a_change),
    };

    alarm(HANG_SECONDS);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
