/* SPDX-License-Identifier: Apache-2.0 */
/* shared_multi_heap while a call on it is in progress: what a handler gets that has interrupted
 * one, and children of a process in which another thread is inside of one. The middle of a call is
 * a listener's callback, which runs with the pool's lock held. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>
#include <zephyr/multi_heap/shared_multi_heap.h>
#include <zephyr/sys/heap_listener.h>
#include "../support/death.h"
#include "../support/good_child.h"
#include "../support/heap_client.h"
#include "../support/heap_fields.h"
#include "../support/insider.h"
#include "../support/sanitizers.h"
#include "../support/shared_regions.h"

#define PIECE        40u
#define BLOCKS       3u
#define HANG_SECONDS 300u

static int pool_is_empty(void **state)
{
    return shared_regions_are_empty() ? 0 : -1;
}

static void *take(enum shared_multi_heap_attr kind)
{
    void *block = shared_multi_heap_alloc(kind, PIECE);

    assert_non_null(block);
    heap_block_fill(block, PIECE, 1);
    return block;
}

static struct heap_listener listener;

static void listen(heap_listener_free_cb_t callback)
{
    uintptr_t heap_id = HEAP_ID_FROM_POINTER(shared_regions_heap(0));

    listener = (struct heap_listener){.heap_id = heap_id, .event = HEAP_FREE};
    listener.free_cb = callback;
    heap_listener_register(&listener);
}

/* --- A handler inside of a call of its own thread --- */

static void *to_be_freed[BLOCKS];
static void *kept;
static int handled;

/* What a handler gets that comes here: it is in a call of its thread, too. */
static void handle(uintptr_t heap_id, void *mem, size_t bytes)
{
    static _Alignas(8) char memory[512];
    struct shared_multi_heap_region region = {SMH_REG_ATTR_EXTERNAL, (uintptr_t)memory,
                                              sizeof(memory)};

    (void)heap_id, (void)mem, (void)bytes;
    if (handled++ != 0) {
        return; /* a block that the first one has given back */
    }
    assert_null(shared_multi_heap_alloc(SMH_REG_ATTR_NON_CACHEABLE, PIECE));
    assert_null(shared_multi_heap_aligned_alloc(SMH_REG_ATTR_NON_CACHEABLE, 64, PIECE));
    assert_null(shared_multi_heap_realloc(SMH_REG_ATTR_NON_CACHEABLE, kept, 2 * PIECE));
    assert_int_equal(shared_multi_heap_add(&region, NULL), -EBUSY);
    for (size_t i = 0; i < BLOCKS; i++) {
        shared_multi_heap_free(to_be_freed[i]);
    }
    shared_multi_heap_free(NULL);
}

static void what_a_handler_frees_comes_back(void **state)
{
    void *block = take(SMH_REG_ATTR_CACHEABLE);

    kept = take(SMH_REG_ATTR_NON_CACHEABLE);
    to_be_freed[0] = take(SMH_REG_ATTR_CACHEABLE);
    to_be_freed[1] = take(SMH_REG_ATTR_NON_CACHEABLE);
    to_be_freed[2] = shared_multi_heap_alloc(SMH_REG_ATTR_EXTERNAL, 1); /* the smallest there is */
    handled = 0;
    listen(handle);
    shared_multi_heap_free(block);
    heap_listener_unregister(&listener);
    assert_int_equal(handled, 2); /* one more was in that region */
    assert_true(heap_block_is_filled(kept, PIECE, 1));
    shared_multi_heap_free(kept);
}

static void free_a_foreign_block(uintptr_t heap_id, void *mem, size_t bytes)
{
    (void)heap_id, (void)mem, (void)bytes;
    shared_multi_heap_free(&listener);
}

static void be_interrupted(void *block)
{
    listen(free_a_foreign_block);
    shared_multi_heap_free(block);
}

/* It is known in the handler already, and not written to. */
static void a_handler_that_frees_what_is_none_is_reported(void **state)
{
    void *block = take(SMH_REG_ATTR_CACHEABLE);

    expect_death(be_interrupted, block, "address lies in no region of a pool of heaps");
    shared_multi_heap_free(block);
}

/* --- Children --- */

static void use_pool(void *arg)
{
    (void)arg;
    for (size_t kind = 0; kind < SMH_REG_ATTR_NUM; kind++) {
        char *block = shared_multi_heap_alloc((enum shared_multi_heap_attr)kind, PIECE);

        CHECK_THAT(block != NULL);
        heap_block_fill(block, PIECE, 2);
        block = shared_multi_heap_realloc((enum shared_multi_heap_attr)kind, block, 2 * PIECE);
        CHECK_THAT(block != NULL && heap_block_is_filled(block, PIECE, 2));
        shared_multi_heap_free(block);
    }
}

static void free_copy(void *block)
{
    CHECK_THAT(heap_block_is_filled(block, PIECE, 1));
    shared_multi_heap_free(block);
    use_pool(NULL);
    CHECK_THAT(shared_regions_are_empty());
}

static void a_child_has_a_copy(void **state)
{
    void *block = take(SMH_REG_ATTR_CACHEABLE);

    expect_good_child(free_copy, block);
    assert_true(heap_block_is_filled(block, PIECE, 1));
    shared_multi_heap_free(block);
}

/* --- Children, while another thread is inside --- */

static void stay_inside(uintptr_t heap_id, void *mem, size_t bytes)
{
    (void)heap_id, (void)mem, (void)bytes;
    insider_stay();
}

static void *free_listened_to(void *block)
{
    shared_multi_heap_free(block);
    return NULL;
}

static void begin_inside(void)
{
    void *block = take(SMH_REG_ATTR_CACHEABLE);

    if (UNDER_TSAN) {
        shared_multi_heap_free(block);
        skip(); /* it believes that a lock is still held which was made anew */
    }
    listen(stay_inside);
    insider_begin(free_listened_to, block);
}

static void end_inside(void)
{
    insider_end();
    heap_listener_unregister(&listener);
}

/* Child: nobody is to be waited for in the callback. */
static void use_pool_after_insider(void *arg)
{
    heap_listener_unregister(&listener);
    use_pool(arg);
}

/* Before it frees, the heap is as it should be. */
static void a_child_can_use_heaps_that_were_whole(void **state)
{
    begin_inside();
    struct death death = death_of(use_pool_after_insider, NULL);
    end_inside();
    expect_good_end(&death);
}

static struct heap_fields fields;

/* A number that is being changed. */
static struct heap_field_place *place_of_a_chunk(struct sys_heap *heap)
{
    heap_fields_find(heap, &fields);
    for (size_t i = 0; i < fields.count; i++) {
        if (fields.places[i].kind == HEAP_FIELD_OF_CHUNK && fields.places[i].unit != 0) {
            return &fields.places[i];
        }
    }
    fail_msg("the heap has no chunk");
    return NULL;
}

/* In any of the heaps: the lock is that of all. */
static void a_child_notices_a_heap_in_the_middle_of_a_change(void **state)
{
    begin_inside();
    struct heap_field_place *place = place_of_a_chunk(shared_regions_heap(2));
    uint64_t value = heap_field_get(place);
    heap_field_set(place, value ^ 0x10u);
    bool is_damaged = !sys_heap_validate(shared_regions_heap(2));
    struct death death = death_of(use_pool_after_insider, NULL);
    heap_field_set(place, value);
    end_inside();
    assert_true(is_damaged);
    assert_true(
        death_matches(&death, "pooled heap was in use by another thread when the process forked"));
}

#define TEST(name) cmocka_unit_test_teardown(name, pool_is_empty)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_a_handler_frees_comes_back),
        TEST(a_handler_that_frees_what_is_none_is_reported),
        TEST(a_child_has_a_copy),
        TEST(a_child_can_use_heaps_that_were_whole),
        TEST(a_child_notices_a_heap_in_the_middle_of_a_change),
    };

    shared_regions_add();
    alarm(HANG_SECONDS);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
