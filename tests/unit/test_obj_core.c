/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of objects: what is on them and when, what a walk does, and that nothing on them can
 * harm who does not look at it. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <quarry/mem_blocks.h>
#include <zephyr/kernel.h>
#include <zephyr/kernel/obj_core.h>
#include "../support/death.h"
#include "../support/slab_elsewhere.h"

#define BLOCK        16u
#define MANY         1000u
#define THREADS      4u
#define ROUNDS       200u
#define HANG_SECONDS 300u

extern struct k_mem_slab shown;
K_MEM_SLAB_DEFINE(shown, BLOCK, 2, 8);
K_MEM_SLAB_DEFINE_STATIC(hidden, BLOCK, 3, 8);
K_MEM_SLAB_DEFINE_TYPE(typed, long, 3);

static struct k_mem_slab made;
static char buffer[BLOCK * 2] __aligned(16);

static struct k_obj_type *slabs(void)
{
    return k_obj_type_find(K_OBJ_TYPE_MEM_SLAB_ID);
}

/* --- What is on a list --- */

struct search {
    const struct k_obj_core *wanted;
    unsigned int met; /* times that it was */
    unsigned int all;
};

static int look(struct k_obj_core *core, void *data)
{
    struct search *search = data;

    search->met += core == search->wanted;
    search->all++;
    return 0;
}

static unsigned int times_in(struct k_obj_type *type, struct k_obj_core *core)
{
    struct search locked = {.wanted = core};
    struct search unlocked = {.wanted = core};

    assert_int_equal(k_obj_type_walk_locked(type, look, &locked), 0);
    assert_int_equal(k_obj_type_walk_unlocked(type, look, &unlocked), 0);
    assert_int_equal(locked.met, unlocked.met);
    assert_int_equal(locked.all, unlocked.all);
    return locked.met;
}

static unsigned int times_listed(struct k_mem_slab *slab)
{
    return times_in(slabs(), K_OBJ_CORE(slab));
}

static void definitions_are_listed(void **state)
{
    K_MEM_SLAB_DEFINE_STATIC(local, BLOCK, 2, 8);

    assert_int_equal(times_listed(&shown), 1);
    assert_int_equal(times_listed(&hidden), 1);
    assert_int_equal(times_listed(&typed), 1);
    assert_int_equal(times_listed(&local), 1);
    assert_int_equal(times_listed(&slab_elsewhere), 1);
}

static void the_programs_variables_are_listed_when_they_are_made(void **state)
{
    static struct {
        int something;
        struct k_mem_slab slab;
    } member;

    assert_int_equal(times_listed(&made), 0);
    assert_int_equal(k_mem_slab_init(&made, buffer, BLOCK, 2), 0);
    assert_int_equal(times_listed(&made), 1);
    assert_int_equal(k_mem_slab_init(&member.slab, buffer, BLOCK, 2), 0);
    assert_int_equal(times_listed(&member.slab), 1);
    k_obj_core_unlink(K_OBJ_CORE(&member.slab));
    k_obj_core_unlink(K_OBJ_CORE(&made));
    assert_int_equal(times_listed(&made), 0);
}

static void an_object_that_is_made_anew_stays_listed_once(void **state)
{
    for (int i = 0; i < 3; i++) {
        k_mem_slab_init(&made, buffer, BLOCK, 2);
        k_mem_slab_init(&hidden, buffer, BLOCK, 2);
        assert_int_equal(times_listed(&made), 1);
        assert_int_equal(times_listed(&hidden), 1);
    }
    k_obj_core_link(K_OBJ_CORE(&made));
    assert_int_equal(times_listed(&made), 1);
    k_obj_core_unlink(K_OBJ_CORE(&made));
}

static void memory_blocks_are_listed_as_well(void **state)
{
    static sys_mem_blocks_t blocks;
    SYS_BITARRAY_DEFINE_STATIC(bits, 2);
    sys_mem_blocks_t on_stack;
    struct k_obj_type *type = k_obj_type_find(K_OBJ_TYPE_MEM_BLOCK_ID);

    assert_int_equal(quarry_mem_blocks_init(&blocks, buffer, BLOCK, &bits), 0);
    assert_int_equal(quarry_mem_blocks_init(&on_stack, buffer, BLOCK, &bits), 0);
    assert_int_equal(times_in(type, K_OBJ_CORE(&blocks)), 1);
    assert_int_equal(times_in(type, K_OBJ_CORE(&on_stack)), 0);
    k_obj_core_unlink(K_OBJ_CORE(&blocks));
}

/* As a test may do between its cases. */
static void an_object_that_is_overwritten_is_passed_over(void **state)
{
    k_mem_slab_init(&made, buffer, BLOCK, 2);
    memset(&made, 0xa5, sizeof(made));
    memset(&hidden, 0, sizeof(hidden));
    assert_int_equal(times_listed(&made), 0);
    assert_int_equal(times_listed(&hidden), 0);
    assert_int_equal(times_listed(&shown), 1); /* nobody else is gone */
    k_mem_slab_init(&made, buffer, BLOCK, 2);
    k_mem_slab_init(&hidden, buffer, BLOCK, 2);
    assert_int_equal(times_listed(&made), 1);
    assert_int_equal(times_listed(&hidden), 1);
    k_obj_core_unlink(K_OBJ_CORE(&made));
}

static void objects_on_the_stack_and_in_heaps_are_not_listed(void **state)
{
    struct k_mem_slab on_stack;
    struct k_mem_slab *in_heap = aligned_alloc(64, ROUND_UP(sizeof(*in_heap), 64));

    k_mem_slab_init(&on_stack, buffer, BLOCK, 2);
    k_mem_slab_init(in_heap, buffer, BLOCK, 2);
    assert_int_equal(times_listed(&on_stack), 0);
    assert_int_equal(times_listed(in_heap), 0);
    k_obj_core_link(K_OBJ_CORE(in_heap));
    assert_int_equal(times_listed(in_heap), 1);
    k_obj_core_unlink(K_OBJ_CORE(in_heap));
    assert_int_equal(times_listed(in_heap), 0);
    free(in_heap);
}

static void definitions_can_be_unlinked(void **state)
{
    k_obj_core_unlink(K_OBJ_CORE(&shown));
    assert_int_equal(times_listed(&shown), 0);
    k_obj_core_unlink(K_OBJ_CORE(&shown));
    k_obj_core_link(K_OBJ_CORE(&shown));
    k_obj_core_link(K_OBJ_CORE(&shown));
    assert_int_equal(times_listed(&shown), 1);
}

/* --- Types of the user --- */

struct thing {
    int before;
    struct k_obj_core obj_core;
};

static struct k_obj_type things;
static struct thing many[MANY];

static void types_are_known_once(void **state)
{
    static struct k_obj_type others;
    uint32_t id = K_OBJ_TYPE_ID_GEN("THNG");

    assert_int_equal(id, 0x54484e47);
    assert_null(k_obj_type_find(id));
    z_obj_type_init(&things, id, offsetof(struct thing, obj_core));
    z_obj_type_init(&others, K_OBJ_TYPE_ID_GEN("OTHR"), 0);
    z_obj_type_init(&things, id, offsetof(struct thing, obj_core));
    assert_ptr_equal(k_obj_type_find(id), &things);
    assert_ptr_equal(k_obj_type_find(K_OBJ_TYPE_ID_GEN("OTHR")), &others);
    assert_ptr_equal(k_obj_type_find(K_OBJ_TYPE_MEM_SLAB_ID), slabs());
    assert_non_null(slabs());
    assert_null(k_obj_type_find(0));
}

/* More objects than fit what the lists begin with, and no address space left. */
static void link_without_memory(void *arg)
{
    struct rlimit none = {0, 0};

    setrlimit(RLIMIT_AS, &none);
    for (size_t i = 0; i < MANY; i++) {
        k_obj_core_init_and_link(K_OBJ_CORE(&many[i]), slabs());
    }
}

/* The first test, as long as the lists have not grown. */
static void a_lack_of_memory_is_reported(void **state)
{
    expect_death(link_without_memory, NULL, "no memory for the lists of objects");
}

static int in_order(struct k_obj_core *core, void *data)
{
    size_t *next = data;
    size_t index = (size_t)(CONTAINER_OF(core, struct thing, obj_core) - many);

    assert_int_equal(index, *next);
    *next = index + 1;
    return 0;
}

static int stop_at(struct k_obj_core *core, void *data)
{
    return core == data ? 42 : 0;
}

static void a_list_is_in_the_order_of_linking(void **state)
{
    size_t next = 0;

    for (size_t i = 0; i < MANY; i++) {
        k_obj_core_init_and_link(K_OBJ_CORE(&many[i]), &things);
    }
    assert_int_equal(k_obj_type_walk_locked(&things, in_order, &next), 0);
    assert_int_equal(next, MANY);
    next = 0;
    assert_int_equal(k_obj_type_walk_unlocked(&things, in_order, &next), 0);
    assert_int_equal(next, MANY);
}

static void a_callback_ends_a_walk(void **state)
{
    struct search search = {.wanted = NULL};

    assert_int_equal(k_obj_type_walk_locked(&things, stop_at, &many[7].obj_core), 42);
    assert_int_equal(k_obj_type_walk_unlocked(&things, stop_at, &many[7].obj_core), 42);
    assert_int_equal(k_obj_type_walk_locked(&things, stop_at, &search), 0);
    k_obj_type_walk_locked(&things, look, &search);
    assert_int_equal(search.all, MANY);
}

static int unlink_it(struct k_obj_core *core, void *data)
{
    unsigned int *count = data;

    (*count)++;
    k_obj_core_unlink(core);
    return 0;
}

static void an_unlocked_walk_may_unlink(void **state)
{
    unsigned int unlinked = 0;

    assert_int_equal(k_obj_type_walk_unlocked(&things, unlink_it, &unlinked), 0);
    assert_int_equal(unlinked, MANY);
    assert_int_equal(times_in(&things, K_OBJ_CORE(&many[0])), 0);
    k_obj_core_link(K_OBJ_CORE(&many[5])); /* in a place that became free */
    assert_int_equal(times_in(&things, K_OBJ_CORE(&many[5])), 1);
    k_obj_core_unlink(K_OBJ_CORE(&many[5]));
}

/* --- Program files that come and go --- */

static void *pointers[] = {&many[3], NULL, &many[1], &many[2]};
static struct z_obj_module module = {pointers, pointers + ARRAY_SIZE(pointers), &things, NULL};
static struct z_obj_module twin = {pointers, pointers + ARRAY_SIZE(pointers), &things, NULL};

static int end_module(struct k_obj_core *core, void *data)
{
    look(core, data);
    z_obj_module_end(&twin); /* of another source file of the same program file */
    return 0;
}

static void a_program_file_may_be_unloaded(void **state)
{
    struct search search = {.wanted = K_OBJ_CORE(&many[3])};

    for (size_t i = 1; i <= 3; i++) {
        k_obj_core_init(K_OBJ_CORE(&many[i]), &things);
    }
    z_obj_module_begin(&module);
    z_obj_module_begin(&twin);
    assert_int_equal(times_in(&things, K_OBJ_CORE(&many[2])), 1);
    k_obj_core_link(K_OBJ_CORE(&many[2]));
    assert_int_equal(times_in(&things, K_OBJ_CORE(&many[2])), 1);
    assert_int_equal(k_obj_type_walk_unlocked(&things, end_module, &search), 0);
    assert_int_equal(search.met, 1);
    assert_int_equal(search.all, 1);
    assert_int_equal(times_in(&things, K_OBJ_CORE(&many[2])), 0);
    z_obj_module_end(&module);
    assert_int_equal(times_listed(&shown), 1);
}

/* --- Several at once --- */

static void walk_for_a_while(void *p1, void *p2, void *p3)
{
    struct search search = {.wanted = NULL};

    for (unsigned int i = 0; i < ROUNDS; i++) {
        k_obj_type_walk_locked(&things, look, &search);
        k_obj_type_walk_unlocked(slabs(), look, &search);
    }
}

static void link_and_unlink(void *first, void *p2, void *p3)
{
    struct thing *mine = first;

    for (unsigned int i = 0; i < ROUNDS; i++) {
        k_obj_core_link(K_OBJ_CORE(mine));
        k_obj_core_unlink(K_OBJ_CORE(mine));
    }
}

static void threads_link_while_others_walk(void **state)
{
    static struct k_thread threads[THREADS];

    for (size_t i = 0; i < THREADS; i++) {
        k_obj_core_init(K_OBJ_CORE(&many[i * 2]), &things);
        k_thread_create(&threads[i], NULL, 0, i % 2 == 0 ? link_and_unlink : walk_for_a_while,
                        &many[i * 2], NULL, NULL, 0, 0, K_NO_WAIT);
    }
    for (size_t i = 0; i < THREADS; i++) {
        k_thread_join(&threads[i], K_FOREVER);
    }
    struct search search = {.wanted = NULL};
    k_obj_type_walk_locked(&things, look, &search);
    assert_int_equal(search.all, 0);
}

/* --- Fork, handlers --- */

static int fork_inside(struct k_obj_core *core, void *data)
{
    pid_t child = fork();

    if (child == 0) {
        _exit(0);
    }
    *(pid_t *)data = child;
    return 1;
}

static void a_child_has_the_lists(void **state)
{
    pid_t inside = -1;
    int status;

    k_obj_type_walk_locked(slabs(), fork_inside, &inside);
    assert_int_equal(waitpid(inside, &status, 0), inside);
    pid_t child = fork();
    if (child == 0) {
        _exit(times_listed(&shown) == 1 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void walk_in_handler(int number)
{
    struct search search = {.wanted = NULL};

    k_obj_type_walk_locked(slabs(), look, &search);
}

static int raise_inside(struct k_obj_core *core, void *data)
{
    raise(SIGUSR1);
    return 1;
}

static void interrupt_walk(void *arg)
{
    signal(SIGUSR1, walk_in_handler);
    k_obj_type_walk_locked(slabs(), raise_inside, NULL);
}

static void make_in_handler(int number)
{
    k_mem_slab_init(&made, buffer, BLOCK, 2);
}

static void a_handler_may_not_walk_but_make_a_slab(void **state)
{
    expect_death(
        interrupt_walk, NULL,
        "signal handler uses the lists of objects while its thread is inside of an object");
    signal(SIGUSR1, make_in_handler);
    assert_int_equal(k_obj_type_walk_locked(slabs(), raise_inside, NULL), 1);
    assert_int_equal(times_listed(&made), 0); /* it could not have the lock */
    raise(SIGUSR1);
    assert_int_equal(times_listed(&made), 1);
    signal(SIGUSR1, SIG_DFL);
    k_obj_core_unlink(K_OBJ_CORE(&made));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lack_of_memory_is_reported),
        cmocka_unit_test(definitions_are_listed),
        cmocka_unit_test(the_programs_variables_are_listed_when_they_are_made),
        cmocka_unit_test(an_object_that_is_made_anew_stays_listed_once),
        cmocka_unit_test(memory_blocks_are_listed_as_well),
        cmocka_unit_test(an_object_that_is_overwritten_is_passed_over),
        cmocka_unit_test(objects_on_the_stack_and_in_heaps_are_not_listed),
        cmocka_unit_test(definitions_can_be_unlinked),
        cmocka_unit_test(types_are_known_once),
        cmocka_unit_test(a_list_is_in_the_order_of_linking),
        cmocka_unit_test(a_callback_ends_a_walk),
        cmocka_unit_test(an_unlocked_walk_may_unlink),
        cmocka_unit_test(a_program_file_may_be_unloaded),
        cmocka_unit_test(threads_link_while_others_walk),
        cmocka_unit_test(a_child_has_the_lists),
        cmocka_unit_test(a_handler_may_not_walk_but_make_a_slab),
    };

    alarm(HANG_SECONDS);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
