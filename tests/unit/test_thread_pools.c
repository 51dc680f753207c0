/* SPDX-License-Identifier: Apache-2.0 */
/* Resource pools of threads: who has one, who inherits one, and what comes out of it. */
#define CONFIG_HEAP_MEM_POOL_SIZE 65536 /* as a build of a program would say it */

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>
#include <quarry/shared.h>
#include <quarry/thread.h>
#include <zephyr/irq_offload.h>
#include <zephyr/kernel.h>
#include "../support/death.h"
#include "../support/heap_client.h"
#include "../support/heap_picture.h"

#define POOL_BYTES   2048u
#define OWNER_BYTES  sizeof(struct k_heap *)
#define HANG_SECONDS 300u

static struct k_heap pool;
static struct k_heap other_pool;
static _Alignas(64) char buffer[POOL_BYTES];
static _Alignas(64) char other_buffer[POOL_BYTES];

static int begin(void **state)
{
    k_heap_init(&pool, buffer, sizeof(buffer));
    k_heap_init(&other_pool, other_buffer, sizeof(other_buffer));
    return 0;
}

static int end(void **state)
{
    k_thread_heap_assign(k_current_get(), NULL);
    return heap_picture_equals(&pool.heap, "F*") && heap_picture_equals(&other_pool.heap, "F*")
               ? 0
               : -1;
}

static void expect_in(const void *block, const char *start)
{
    assert_in_range((uintptr_t)block, (uintptr_t)start, (uintptr_t)start + POOL_BYTES - 1);
}

static void main_has_none(void **state)
{
    assert_null(z_thread_malloc(0));
    assert_null(z_thread_malloc(8));
    assert_null(z_thread_aligned_alloc(64, 8));
}

static void blocks_come_from_the_pool_and_go_back_to_it(void **state)
{
    k_thread_heap_assign(k_current_get(), &pool);
    void *block = z_thread_malloc(40);
    expect_in(block, buffer);
    expect_heap(&pool.heap, "U[%zu] F*", 40 + OWNER_BYTES);
    void *empty = z_thread_malloc(0);
    expect_in(empty, buffer);
    k_thread_heap_assign(k_current_get(), &other_pool);
    void *other = z_thread_malloc(40);
    expect_in(other, other_buffer);
    k_free(block);
    k_free(empty);
    expect_heap(&pool.heap, "F*");
    expect_heap(&other_pool.heap, "U[%zu] F*", 40 + OWNER_BYTES);
    k_thread_heap_assign(k_current_get(), NULL);
    assert_null(z_thread_malloc(8));
    k_free(other);
}

static void each_alignment_is_kept(void **state)
{
    k_thread_heap_assign(k_current_get(), &pool);
    for (size_t align = 1; align <= 512; align *= 2) {
        char *block = z_thread_aligned_alloc(align, 24);

        expect_in(block, buffer);
        assert_int_equal((uintptr_t)block % align, 0);
        assert_int_equal((uintptr_t)block % sizeof(void *), 0);
        memset(block, 1, 24);
        k_free(block);
        expect_heap(&pool.heap, "F*");
    }
}

static void what_is_larger_than_the_pool_fails(void **state)
{
    k_thread_heap_assign(k_current_get(), &pool);
    assert_null(z_thread_malloc(POOL_BYTES));
    assert_null(z_thread_malloc(SIZE_MAX));
    assert_null(z_thread_malloc(SIZE_MAX - OWNER_BYTES + 1));
    assert_null(z_thread_malloc(SIZE_MAX - OWNER_BYTES));
    assert_null(z_thread_aligned_alloc(POOL_BYTES * 2, 8));
    assert_null(z_thread_aligned_alloc(SIZE_MAX / 2 + 1, SIZE_MAX));
    void *block = z_thread_malloc(POOL_BYTES / 2);
    assert_null(z_thread_malloc(POOL_BYTES / 2));
    k_free(block);
}

static void a_block_is_resized_in_its_own_heap(void **state)
{
    k_thread_heap_assign(k_current_get(), &pool);
    char *block = z_thread_malloc(40);
    void *neighbour = z_thread_malloc(8);
    memset(block, 5, 40);
    k_thread_heap_assign(k_current_get(), &other_pool);
    char *moved = k_realloc(block, 400);
    assert_ptr_not_equal(moved, block);
    expect_in(moved, buffer);
    for (size_t i = 0; i < 40; i++) {
        assert_int_equal(moved[i], 5);
    }
    assert_null(k_realloc(moved, POOL_BYTES));
    moved = k_aligned_realloc(moved, 256, 20);
    expect_in(moved, buffer);
    assert_int_equal((uintptr_t)moved % 256, 0);
    assert_int_equal(moved[19], 5);
    expect_heap(&other_pool.heap, "F*");
    k_free(moved);
    k_free(neighbour);
}

static void the_system_heap_can_be_a_pool(void **state)
{
    k_thread_system_pool_assign(k_current_get());
    struct k_heap **block = z_thread_malloc(8);
    assert_ptr_equal(block[-1], &_system_heap);
    assert_null(z_thread_malloc(K_HEAP_MEM_POOL_SIZE));
    k_free(block);
    assert_true(heap_is_empty(&_system_heap));
}

/* Memory of a pool may come from another one. */
static void pools_can_lie_in_each_other(void **state)
{
    static struct k_heap inner;

    k_thread_heap_assign(k_current_get(), &pool);
    void *memory = z_thread_malloc(1000);
    k_heap_init(&inner, memory, 1000);
    k_thread_heap_assign(k_current_get(), &inner);
    void *block = z_thread_malloc(500);
    expect_in(block, memory);
    k_free(block);
    expect_heap(&inner.heap, "F*");
    k_free(memory);
}

#define SHARED_BYTES ((size_t)64 * 1024)

/* Child: it has the same address, but its heaps are other ones. */
static void free_as_another_process(void *block)
{
    *((struct k_heap **)block - 1) = (struct k_heap *)(void *)other_buffer;
    k_free(block);
}

static void a_heap_that_processes_share_can_be_a_pool(void **state)
{
    static struct k_heap shared;
    size_t bytes = quarry_shared_heap_bytes(POOL_BYTES, 1);
    void *memory =
        mmap(NULL, SHARED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_int_equal(quarry_shared_heap_create(&shared, memory, bytes, POOL_BYTES, 1), 0);
    k_thread_heap_assign(k_current_get(), &shared);
    char *block = z_thread_aligned_alloc(64, 100);
    assert_int_equal((uintptr_t)block % 64, 0);
    assert_in_range((uintptr_t)block, (uintptr_t)memory, (uintptr_t)memory + bytes);
    memset(block, 6, 100);
    block = k_aligned_realloc(block, 64, 300);
    assert_int_equal((uintptr_t)block % 64, 0);
    assert_int_equal(block[99], 6);
    block = k_realloc(block, 200);
    assert_int_equal(block[99], 6);
    assert_true(quarry_shared_heap_validate(&shared));
    k_free(block);
    assert_true(quarry_shared_heap_validate(&shared));
    block = z_thread_malloc(100);
    expect_death(free_as_another_process, block,
                 "block has no owner: double free, not of k_malloc, or damaged");
    munmap(memory, SHARED_BYTES);
}

/* --- Inheritance --- */

static void *got;

static void take_from_pool(void *p1, void *p2, void *p3)
{
    got = z_thread_malloc(16);
}

static void *take_from_pool_too(void *arg)
{
    got = z_thread_malloc(16);
    return NULL;
}

static void take_in_zephyrs_thread(void)
{
    static struct k_thread thread;

    got = buffer;
    assert_ptr_equal(
        k_thread_create(&thread, NULL, 0, take_from_pool, NULL, NULL, NULL, 0, 0, K_NO_WAIT),
        &thread);
    k_thread_join(&thread, K_FOREVER);
}

static void take_in_quarrys_thread(void)
{
    pthread_t thread;

    got = buffer;
    assert_int_equal(quarry_thread_create(&thread, NULL, take_from_pool_too, NULL), 0);
    pthread_join(thread, NULL);
}

static void take_in_posix_thread(void)
{
    pthread_t thread;

    got = buffer;
    assert_int_equal(pthread_create(&thread, NULL, take_from_pool_too, NULL), 0);
    pthread_join(thread, NULL);
}

static void threads_inherit_the_pool_of_their_creator(void **state)
{
    k_thread_heap_assign(k_current_get(), &pool);
    take_in_zephyrs_thread();
    expect_in(got, buffer);
    k_free(got);
    take_in_quarrys_thread();
    expect_in(got, buffer);
    k_free(got);
}

static void threads_inherit_that_there_is_none(void **state)
{
    take_in_zephyrs_thread();
    assert_null(got);
    take_in_quarrys_thread();
    assert_null(got);
}

static void threads_of_others_have_none(void **state)
{
    k_thread_heap_assign(k_current_get(), &pool);
    take_in_posix_thread();
    assert_null(got);
}

/* Before it has begun, and while it runs. */
static void a_thread_can_be_given_another_one(void **state)
{
    static struct k_thread thread;

    got = buffer;
    k_thread_heap_assign(k_current_get(), &pool);
    k_thread_create(&thread, NULL, 0, take_from_pool, NULL, NULL, NULL, 0, 0, K_FOREVER);
    k_thread_heap_assign(&thread, &other_pool);
    k_thread_start(&thread);
    k_thread_join(&thread, K_FOREVER);
    expect_in(got, other_buffer);
    k_free(got);
    void *own = z_thread_malloc(8);
    expect_in(own, buffer);
    k_free(own);
}

/* --- Others --- */

static void take_in_handler(int number)
{
    got = z_thread_malloc(16);
}

static void a_handler_has_the_threads_pool(void **state)
{
    k_thread_heap_assign(k_current_get(), &pool);
    signal(SIGUSR1, take_in_handler);
    raise(SIGUSR1);
    expect_in(got, buffer);
    k_free(got);
}

static void who_waits_for_the_pool_gets_what_is_freed(void **state)
{
    struct heap_client client = {.heap = &pool, .bytes = POOL_BYTES / 2, .timeout = K_FOREVER};

    k_thread_heap_assign(k_current_get(), &pool);
    void *block = z_thread_malloc(POOL_BYTES * 3 / 4);
    assert_non_null(block);
    heap_client_queue_up(&client, 1);
    assert_null(z_thread_malloc(POOL_BYTES)); /* waits for nothing */
    k_free(block);
    assert_false(heap_client_end(&client));
    expect_in(client.mem, buffer);
    k_heap_free(&pool, client.mem);
}

static void allocate_as_interrupt(const void *arg)
{
    void **result = *(void **const *)arg;

    *result = z_thread_malloc(100);
}

static void an_interrupt_allocates_from_the_system_heap(void **state)
{
    void *block = NULL;
    void **result = &block;

    k_thread_heap_assign(k_current_get(), &pool);
    irq_offload(allocate_as_interrupt, &result);
    assert_non_null(block);
    assert_false((char *)block >= buffer && (char *)block < buffer + POOL_BYTES);
    k_free(block);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(main_has_none),
        TEST(blocks_come_from_the_pool_and_go_back_to_it),
        TEST(each_alignment_is_kept),
        TEST(what_is_larger_than_the_pool_fails),
        TEST(a_block_is_resized_in_its_own_heap),
        TEST(the_system_heap_can_be_a_pool),
        TEST(pools_can_lie_in_each_other),
        TEST(a_heap_that_processes_share_can_be_a_pool),
        TEST(threads_inherit_the_pool_of_their_creator),
        TEST(threads_inherit_that_there_is_none),
        TEST(threads_of_others_have_none),
        TEST(a_thread_can_be_given_another_one),
        TEST(a_handler_has_the_threads_pool),
        TEST(an_interrupt_allocates_from_the_system_heap),
        TEST(who_waits_for_the_pool_gets_what_is_freed),
    };

    alarm(HANG_SECONDS);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
