/* SPDX-License-Identifier: Apache-2.0 */
/* Forks while threads use a slab, wait for its blocks or hold its lock: the child has a slab that
 * works, and nobody waits for it there. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <zephyr/kernel/mem_slab.h>
#include "core/slab.h"
#include "kernel/shared_slab.h"
#include "kernel/wait_queue.h"
#include "../support/insider.h"
#include "../support/random.h"
#include "../support/sanitizers.h"
#include "../support/slab_client.h"
#include "../support/slab_queue.h"

#define BLOCK_BYTES 32u
#define BLOCKS      6u
#define KEPT        2u
#define THREADS     3u
#define FORKS       100u
#define CHILD_S     60u

static struct k_mem_slab slab;
static _Alignas(16) char buffer[BLOCK_BYTES * BLOCKS];

static void begin_with(uint32_t num_blocks)
{
    assert_int_equal(k_mem_slab_init(&slab, buffer, BLOCK_BYTES, num_blocks), 0);
}

static void *take(void)
{
    void *mem = NULL;

    k_mem_slab_alloc(&slab, &mem, K_NO_WAIT);
    return mem;
}

/* --- Children --- */

/* What fails is said by the number of its line. */
#define CHILD_EXPECTS(condition)                                                                   \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            child_fails(__LINE__);                                                                 \
        }                                                                                          \
    } while (0)

static _Noreturn void child_fails(int line)
{
    print_error("child: line %d\n", line);
    _exit(1);
}

/* Runs a function in a child of a fork. */
static void expect_in_child(void (*expectations)(void *arg), void *arg)
{
    int status = 1;
    pid_t child = fork();

    if (child == 0) {
        alarm(CHILD_S);
        expectations(arg);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* Whatever is in use stays so; the rest can be had, waited for and given back. */
static void expect_whole_slab(void *arg)
{
    void *blocks[BLOCKS] = {NULL};
    void *mem = &slab;
    uint32_t taken = 0;

    (void)arg;
    if (!SLAB_LOCK_FREE && k_mem_slab_alloc(&slab, &mem, K_NO_WAIT) == 0) {
        k_mem_slab_free(&slab, mem); /* the first call completes what was cut short */
        mem = &slab;
    }
    uint32_t num_used = k_mem_slab_num_used_get(&slab);
    CHILD_EXPECTS(num_used <= slab.info.num_blocks);
    while (k_mem_slab_alloc(&slab, &mem, K_MSEC(1)) == 0) {
        CHILD_EXPECTS(taken < slab.info.num_blocks - num_used);
        memset(mem, 0x5a, BLOCK_BYTES);
        blocks[taken++] = mem;
    }
    CHILD_EXPECTS(taken == slab.info.num_blocks - num_used);
    CHILD_EXPECTS(slab_is_at_rest(&slab, slab.info.num_blocks));
    for (uint32_t i = 0; i < taken; i++) {
        k_mem_slab_free(&slab, blocks[i]);
    }
    CHILD_EXPECTS(slab_is_at_rest(&slab, num_used));
}

/* --- While threads come and go --- */

static bool stop; /* atomic */

static void *come_and_go(void *arg)
{
    for (size_t i = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); i++) {
        void *mem;

        if (k_mem_slab_alloc(&slab, &mem, K_USEC(i % 32)) == 0) {
            memset(mem, 0x11, BLOCK_BYTES);
            k_mem_slab_free(&slab, mem);
        }
    }
    return arg;
}

static void expect_whole_slab_and_kept(void *kept)
{
    void **blocks = kept;

    CHILD_EXPECTS(k_mem_slab_num_used_get(&slab) >= KEPT);
    expect_whole_slab(NULL);
    for (size_t i = 0; i < KEPT; i++) {
        uint32_t before = k_mem_slab_num_used_get(&slab);

        k_mem_slab_free(&slab, blocks[i]);
        CHILD_EXPECTS(k_mem_slab_num_used_get(&slab) == before - 1);
        CHILD_EXPECTS(take() == blocks[i]);
    }
}

static void fork_while_threads_use(uint32_t num_blocks)
{
    pthread_t threads[THREADS];
    void *kept[KEPT];

    begin_with(num_blocks);
    for (size_t i = 0; i < KEPT; i++) {
        kept[i] = take();
    }
    __atomic_store_n(&stop, false, __ATOMIC_RELAXED);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, NULL), 0);
    }
    for (size_t i = scaled_rounds(FORKS); i > 0; i--) {
        expect_in_child(expect_whole_slab_and_kept, kept);
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_true(slab_is_at_rest(&slab, KEPT));
}

static void a_child_can_use_a_slab_that_threads_used(void **state)
{
    skip_under_thread_sanitizer();
    fork_while_threads_use(BLOCKS);
}

/* They wait for each other all the time. */
static void a_child_can_use_a_slab_that_threads_waited_for(void **state)
{
    skip_under_thread_sanitizer();
    fork_while_threads_use(KEPT + 1);
}

/* --- While threads wait --- */

static struct slab_client clients[THREADS];

static void begin_clients(void)
{
    for (size_t i = 0; i < THREADS; i++) {
        clients[i] = (struct slab_client){.slab = &slab, .timeout = K_FOREVER, .priority = 3};
        client_queue_up(&clients[i], i + 1);
    }
}

/* Serves the clients, and ends them. */
static void end_clients(void *mem)
{
    for (size_t i = 0; i < THREADS; i++) {
        k_mem_slab_free(&slab, mem);
        client_end(&clients[i]);
        assert_ptr_equal(clients[i].mem, mem);
    }
    k_mem_slab_free(&slab, mem);
    assert_true(slab_is_at_rest(&slab, 0));
}

static void expect_no_waiters(void *mem)
{
    void *none = &slab;

    CHILD_EXPECTS(k_mem_slab_alloc(&slab, &none, K_NO_WAIT) == -ENOMEM);
    k_mem_slab_free(&slab, mem);
    CHILD_EXPECTS(k_mem_slab_num_used_get(&slab) == 0);
    CHILD_EXPECTS(take() == mem);
    CHILD_EXPECTS(k_mem_slab_alloc(&slab, &none, K_MSEC(1)) == -EAGAIN);
    k_mem_slab_free(&slab, mem);
    CHILD_EXPECTS(slab_is_at_rest(&slab, 0));
}

static void expect_timeout_and_no_waiters(void *mem)
{
    void *none = &slab;

    CHILD_EXPECTS(k_mem_slab_alloc(&slab, &none, K_MSEC(1)) == -EAGAIN);
    expect_no_waiters(mem);
}

static void expect_no_waiters_in_grandchild(void *mem)
{
    int status = 1;
    pid_t grandchild = fork();

    if (grandchild == 0) {
        expect_no_waiters(mem);
        _exit(0);
    }
    CHILD_EXPECTS(waitpid(grandchild, &status, 0) == grandchild && status == 0);
    expect_no_waiters(mem);
}

static void nobody_waits_in_a_child(void **state)
{
    begin_with(1);
    void *mem = take();
    begin_clients();
    expect_in_child(expect_no_waiters, mem);
    expect_in_child(expect_timeout_and_no_waiters, mem);
    expect_in_child(expect_no_waiters_in_grandchild, mem);
    end_clients(mem);
}

/* --- While a thread holds the lock --- */

static void *stay_inside(void *arg)
{
    struct wait_queue queue = k_mem_slab_queue(&slab);
    struct stay stay;

    wait_queue_enter(&queue, &stay);
    insider_stay();
    wait_queue_leave(&queue, &stay);
    return arg;
}

static void expect_in_child_while_locked(void (*expectations)(void *arg), void *mem)
{
    insider_begin(stay_inside, NULL);
    expect_in_child(expectations, mem);
    insider_end();
}

static void a_child_can_use_a_slab_whose_lock_was_held(void **state)
{
    skip_under_thread_sanitizer();
    begin_with(1);
    void *mem = take();
    expect_in_child_while_locked(expect_timeout_and_no_waiters, mem);
    begin_clients();
    expect_in_child_while_locked(expect_no_waiters, mem);
    expect_in_child_while_locked(expect_timeout_and_no_waiters, mem);
    expect_in_child_while_locked(expect_no_waiters_in_grandchild, mem);
    end_clients(mem);
}

/* --- Handlers in the child --- */

static void *held;

static void give_in_handler(int number)
{
    (void)number;
    k_mem_slab_free(&slab, held);
}

/* The handler interrupts the child inside of another slab. The threads that waited for this one are
 * not here, so it must not give the block to one of them. */
static void expect_block_from_handler(void *mem)
{
    static struct k_mem_slab other;
    static _Alignas(16) char other_buffer[BLOCK_BYTES];
    struct wait_queue queue = k_mem_slab_queue(&other);
    struct stay stay;
    void *same = NULL;

    held = mem;
    signal(SIGUSR1, give_in_handler);
    k_mem_slab_init(&other, other_buffer, BLOCK_BYTES, 1);
    CHILD_EXPECTS(wait_queue_enter(&queue, &stay));
    raise(SIGUSR1);
    wait_queue_leave(&queue, &stay);
    CHILD_EXPECTS(k_mem_slab_alloc(&slab, &same, K_MSEC(1)) == 0);
    CHILD_EXPECTS(same == mem);
    CHILD_EXPECTS(slab_is_at_rest(&slab, 1));
}

static void handlers_of_a_child_do_not_serve_threads_of_the_parent(void **state)
{
    begin_with(1);
    void *mem = take();
    begin_clients();
    expect_in_child(expect_block_from_handler, mem);
    end_clients(mem);
}

static void handlers_of_a_child_do_not_wait_for_threads_of_the_parent(void **state)
{
    skip_under_thread_sanitizer();
    begin_with(1);
    void *mem = take();
    begin_clients();
    expect_in_child_while_locked(expect_block_from_handler, mem);
    end_clients(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_can_use_a_slab_that_threads_used),
        cmocka_unit_test(a_child_can_use_a_slab_that_threads_waited_for),
        cmocka_unit_test(nobody_waits_in_a_child),
        cmocka_unit_test(a_child_can_use_a_slab_whose_lock_was_held),
        cmocka_unit_test(handlers_of_a_child_do_not_serve_threads_of_the_parent),
        cmocka_unit_test(handlers_of_a_child_do_not_wait_for_threads_of_the_parent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
