/* SPDX-License-Identifier: Apache-2.0 */
/* Counted blocks over a k_heap, a slab and the C library's malloc: the payload can be used in full,
 * memory goes back with the last reference and not before, the callback comes before the back end,
 * sizes that overflow and a back end without memory give NULL, and blocks travel from thread to
 * thread. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/memref.h>
#include "../support/race_detector.h"

#define PAYLOAD      48u
#define SLAB_BLOCK   128u
#define SLAB_BLOCKS  2u
#define MESSAGES     300
#define READERS      3u
#define HANG_SECONDS 300u

K_HEAP_DEFINE(heap, 1024);
K_MEM_SLAB_DEFINE_STATIC(slab, SLAB_BLOCK, SLAB_BLOCKS, 16);

static void *heap_take(void *be, size_t size)
{
    return k_heap_alloc(be, size, K_NO_WAIT);
}

static void heap_give(void *be, void *mem)
{
    k_heap_free(be, mem);
}

static void *heap_take_or_wait(void *be, size_t size)
{
    return k_heap_alloc(be, size, K_FOREVER);
}

static void *slab_take(void *be, size_t size)
{
    struct k_mem_slab *from = be;
    void *mem = NULL;

    if (size > from->info.block_size || k_mem_slab_alloc(from, &mem, K_NO_WAIT) != 0) {
        return NULL;
    }
    return mem;
}

static void slab_give(void *be, void *mem)
{
    k_mem_slab_free(be, mem);
}

static void *malloc_take(void *be, size_t size)
{
    return malloc(size);
}

static void malloc_give(void *be, void *mem)
{
    free(mem);
}

static MEMREF_BACKEND_DEFINE(heap_backend, heap_take, heap_give, &heap);
static MEMREF_BACKEND_DEFINE(waiting_backend, heap_take_or_wait, heap_give, &heap);
static MEMREF_BACKEND_DEFINE(slab_backend, slab_take, slab_give, &slab);
static MEMREF_BACKEND_DEFINE(malloc_backend, malloc_take, malloc_give, NULL);
static const struct memref_backend *const backends[] = {&heap_backend, &slab_backend,
                                                        &malloc_backend};

static unsigned int callbacks;
static void *callback_mem;

static void count_callback(void *mem)
{
    callbacks++;
    callback_mem = mem;
}

static int begin(void **state)
{
    callbacks = 0;
    return 0;
}

static size_t heap_bytes_in_use(void)
{
    struct sys_memory_stats stats;

    assert_int_equal(sys_heap_runtime_stats_get(&heap.heap, &stats), 0);
    return stats.allocated_bytes;
}

static int nothing_is_lost(void **state)
{
    return heap_bytes_in_use() == 0 && k_mem_slab_num_used_get(&slab) == 0 ? 0 : -1;
}

static void a_payload_can_be_used_in_full(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(backends); i++) {
        char *first = memref_alloc(backends[i], PAYLOAD, NULL);
        char *second = memref_calloc(backends[i], PAYLOAD / 4, 4, NULL);

        assert_non_null(first);
        assert_non_null(second);
        for (size_t k = 0; k < PAYLOAD; k++) {
            assert_int_equal(second[k], 0);
        }
        memset(first, 0x11, PAYLOAD);
        memset(second, 0x22, PAYLOAD);
        memref_ref(first);
        memref_unref(second);
        memref_unref(first);
        assert_int_equal(first[PAYLOAD - 1], 0x11);
        memref_unref(first);
    }
}

static void the_callback_comes_once_at_the_end(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(backends); i++) {
        void *mem = memref_alloc(backends[i], PAYLOAD, count_callback);

        memref_ref(mem);
        memref_unref(mem);
        assert_int_equal(callbacks, i);
        memref_unref(mem);
        assert_int_equal(callbacks, i + 1);
        assert_ptr_equal(callback_mem, mem);
    }
}

static void memory_is_in_use_as_long_as_it_is_counted(void **state)
{
    void *mem = memref_alloc(&heap_backend, PAYLOAD, NULL);
    void *block = memref_alloc(&slab_backend, PAYLOAD, NULL);

    memref_ref(block);
    memref_unref(block);
    assert_int_equal(k_mem_slab_num_used_get(&slab), 1);
    assert_true(heap_bytes_in_use() >= PAYLOAD);
    memref_unref(block);
    memref_unref(mem);
    assert_int_equal(k_mem_slab_num_used_get(&slab), 0);
    assert_int_equal(heap_bytes_in_use(), 0);
}

static void a_back_end_runs_out(void **state)
{
    void *blocks[SLAB_BLOCKS];

    for (size_t i = 0; i < SLAB_BLOCKS; i++) {
        blocks[i] = memref_alloc(&slab_backend, PAYLOAD, NULL);
        assert_non_null(blocks[i]);
    }
    assert_null(memref_alloc(&slab_backend, PAYLOAD, NULL));
    memref_unref(blocks[0]);
    blocks[0] = memref_alloc(&slab_backend, PAYLOAD, NULL);
    assert_non_null(blocks[0]);
    memref_unref(blocks[0]);
    memref_unref(blocks[1]);
    assert_null(memref_alloc(&slab_backend, SLAB_BLOCK, NULL)); /* no room for the counter */
    assert_null(memref_alloc(&heap_backend, 1024, NULL));
}

static void sizes_that_overflow_give_null(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(backends); i++) {
        assert_null(memref_alloc(backends[i], SIZE_MAX, NULL));
        assert_null(memref_calloc(backends[i], SIZE_MAX, 2, NULL));
        assert_null(memref_calloc(backends[i], SIZE_MAX, 1, NULL));
    }
    memref_unref(NULL);
}

/* --- A message that several threads read; the last one to finish frees it --- */

struct message {
    int number;
};

static pthread_mutex_t mailbox_lock = PTHREAD_MUTEX_INITIALIZER;
static struct message *mailbox[READERS]; /* NULL: empty */

/* Leaves a message if there is none, or takes it if there is one. False: not yet. */
static bool exchange(size_t reader, struct message **message)
{
    pthread_mutex_lock(&mailbox_lock);
    bool done = (mailbox[reader] == NULL) == (*message != NULL);
    if (done) {
        struct message *left = mailbox[reader];

        mailbox[reader] = *message;
        *message = left;
    }
    pthread_mutex_unlock(&mailbox_lock);
    return done;
}

static void put(size_t reader, struct message *message)
{
    while (!exchange(reader, &message)) {
        k_usleep(1);
    }
}

static struct message *get(size_t reader)
{
    struct message *message = NULL;

    while (!exchange(reader, &message)) {
        k_usleep(1);
    }
    return message;
}

static void read_all(void *number, void *sum, void *unused)
{
    for (int i = 0; i < MESSAGES; i++) {
        struct message *message = get((uintptr_t)number);

        *(int *)sum += message->number;
        memref_unref(message);
    }
}

static void blocks_travel_from_thread_to_thread(void **state)
{
    static struct k_thread threads[READERS];
    int sums[READERS] = {0};

    for (uintptr_t i = 0; i < READERS; i++) {
        k_thread_create(&threads[i], NULL, 0, read_all, (void *)i, &sums[i], NULL,
                        K_PRIO_PREEMPT(5), 0, K_NO_WAIT);
    }
    for (int number = 1; number <= MESSAGES; number++) {
        struct message *message = memref_alloc(&waiting_backend, sizeof(*message), NULL);

        message->number = number;
        for (size_t i = 0; i < READERS; i++) {
            memref_ref(message);
            put(i, message);
        }
        memref_unref(message);
    }
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(k_thread_join(&threads[i], K_FOREVER), 0);
        assert_int_equal(sums[i], MESSAGES * (MESSAGES + 1) / 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_payload_can_be_used_in_full, begin, nothing_is_lost),
        cmocka_unit_test_setup_teardown(the_callback_comes_once_at_the_end, begin, nothing_is_lost),
        cmocka_unit_test_setup_teardown(memory_is_in_use_as_long_as_it_is_counted, begin,
                                        nothing_is_lost),
        cmocka_unit_test_setup_teardown(a_back_end_runs_out, begin, nothing_is_lost),
        cmocka_unit_test_setup_teardown(sizes_that_overflow_give_null, begin, nothing_is_lost),
        cmocka_unit_test_setup_teardown(blocks_travel_from_thread_to_thread, begin,
                                        nothing_is_lost),
    };

    race_detector_announce();
    alarm(HANG_SECONDS);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
