/* SPDX-License-Identifier: Apache-2.0 */
/* k_heap: one call of sys_heap at a time, and threads that wait for memory.
 *
 *    alloc --> lock -- sys_heap_alloc --> unlock -- a block: done
 *                                           |
 *                                          none --> lock, try again, queue up, unlock, sleep
 *
 *    free ---> lock -- sys_heap_free -- for each waiter, in order: sys_heap_alloc for it; if that
 *                                       is something, hand it over -- unlock, wake those served
 *
 * Invariants, with the lock free:
 *   1. No waiter's request could be met by the heap as it is. So whoever comes later takes nothing
 *      that somebody waits for, and needs no place in the queue to be fair.
 *   2. The heap of a static definition is made by the first call, or by the definition's own
 *      constructor, whichever comes first: h->heap.init_mem says that it is still to be made. It is
 *      taken back last, so that a child that was forked in between makes it anew.
 *
 * A request for another size of a block is met in the waiter's name by whoever frees memory, who
 * copies the block if it moves; that frees memory in turn, so all waiters are looked at anew. */
#include <quarry/priority.h>
#include <zephyr/kernel/kheap.h>

#include <errno.h>
#include <string.h>

#include "core/bits.h"
#include "core/check.h"
#include "core/heap.h"
#include "kernel/k_heap.h"
#include "kernel/shared_heap.h"
#include "kernel/timeout.h"
#include "kernel/wait_queue.h"

/* --- With the lock held --- */

/* Memory for a heap that is still to be made, or NULL: there is none now. */
static void *memory_for(const struct k_heap *h, size_t *bytes)
{
    if (h->heap.init_bytes == 0) {
        const struct k_heap_source *source = h->heap.init_mem;

        return source->get(bytes);
    }
    *bytes = h->heap.init_bytes;
    return h->heap.init_mem;
}

/* Invariant 2. */
static __attribute__((cold, noinline)) void make_first(struct k_heap *h)
{
    size_t bytes;
    void *mem = memory_for(h, &bytes);

    if (mem != NULL) {
        sys_heap_init(&h->heap, mem, bytes);
        __atomic_store_n(&h->heap.init_mem, NULL, __ATOMIC_RELEASE);
    }
}

static inline void make(struct k_heap *h)
{
    if (__builtin_expect(h->heap.init_mem != NULL, 0)) {
        make_first(h);
    }
}

/* What a request gets now, or NULL. */
static void *try_to_meet(const struct wait_queue *queue, const struct wait_request *request,
                         int process_id)
{
    struct k_heap *h = queue->object;
    void *block = request->block == 0 ? NULL : wait_queue_at(queue, request->block);

    if (h->shared != NULL) {
        return shared_heap_meet(h, block, request, process_id);
    }
    if (block != NULL) {
        return heap_realloc(&h->heap, block, request->align, request->bytes);
    }
    if (request->align == 0) {
        return sys_heap_alloc(&h->heap, request->bytes);
    }
    return sys_heap_aligned_alloc(&h->heap, request->align, request->bytes);
}

/* Serves who can be served, in order, up to the first one whose block may have moved: what it left
 * may be enough for somebody before. True iff there was one. */
static bool serve_up_to_move(const struct wait_queue *queue, struct stay *stay)
{
    struct waiter *waiter = wait_queue_first(queue);
    bool may_have_moved = false;

    while (waiter != NULL && !may_have_moved) {
        struct waiter *next = wait_queue_after(queue, waiter);

        shared_heap_begin_handing(queue);
        void *mem = try_to_meet(queue, &waiter->request, waiter->process_id);
        if (mem != NULL) {
            may_have_moved = waiter->request.block != 0;
            wait_queue_serve(queue, stay, waiter, mem);
        }
        shared_heap_end_handing(queue);
        waiter = next;
    }
    return may_have_moved;
}

void k_heap_serve(const struct wait_queue *queue, struct stay *stay)
{
    while (serve_up_to_move(queue, stay)) {
    }
}

static void give(const struct wait_queue *queue, struct stay *stay, void *mem)
{
    struct k_heap *h = queue->object;

    if (h->shared != NULL) {
        shared_heap_free(h, mem);
    } else {
        sys_heap_free(&h->heap, mem);
    }
    k_heap_serve(queue, stay);
}

static void idle(const struct wait_queue *queue)
{
    (void)queue; /* nobody needs to know */
}

static void mend(const struct wait_queue *queue, struct stay *stay)
{
    struct k_heap *h = queue->object;

    if (h->shared != NULL) {
        shared_heap_mend(queue);
        k_heap_serve(queue, stay);
    } else if (h->heap.init_mem != NULL) {
        h->heap.heap = NULL; /* invariant 2 */
    } else {
        REQUIRE(h->heap.heap == NULL || sys_heap_validate(&h->heap),
                "heap was in use by another thread when the process forked", h->heap.heap, NULL);
    }
}

static const struct wait_rules rules = {.give = give, .idle = idle, .mend = mend};

struct wait_queue k_heap_queue(struct k_heap *h)
{
    if (h->shared != NULL) {
        return (struct wait_queue){shared_heap_waiters(h), &rules, h, shared_heap_places(h)};
    }
    return (struct wait_queue){&h->wait_q, &rules, h, NULL};
}

/* --- To allocate --- */

/* What the caller gets now, or NULL. A block that changes its size may set memory free. */
static void *meet(const struct wait_queue *queue, struct stay *stay,
                  const struct wait_request *request)
{
    make(queue->object);
    void *mem = try_to_meet(queue, request, shared_heap_process(queue->object));
    if (mem != NULL && request->block != 0) {
        k_heap_serve(queue, stay);
    }
    return mem;
}

static void *sleep_for(struct sleeper *sleeper, const struct wait_request *request)
{
    struct stay stay;
    void *mem;

    if (!wait_queue_enter(&sleeper->queue, &stay)) {
        return NULL; /* a signal handler, which must not wait */
    }
    mem = meet(&sleeper->queue, &stay, request);
    if (mem != NULL) {
        wait_queue_leave(&sleeper->queue, &stay);
    } else if (!wait_queue_sleep(sleeper, request, &stay, &mem)) {
        mem = meet(&sleeper->queue, &stay, request); /* never NULL without a last attempt */
        wait_queue_leave(&sleeper->queue, &stay);
    }
    return mem;
}

static __attribute__((cold, noinline)) void *
wait_for(const struct wait_queue *queue, const struct wait_request *request, k_timeout_t timeout)
{
    struct sleeper sleeper;

    wait_queue_prepare(queue, &sleeper, timeout_deadline_ns(timeout));
    void *mem = sleep_for(&sleeper, request);
    wait_queue_finish(&sleeper);
    return mem;
}

/* An empty heap would be too small. A block that lies at such a boundary may grow where it is. */
static bool is_hopeless(const struct wait_queue *queue, const struct wait_request *request)
{
    const struct k_heap *h = queue->object;
    uintptr_t block = request->block == 0 ? 0 : (uintptr_t)wait_queue_at(queue, request->block);
    size_t align = request->align;
    size_t bytes;

    if (block != 0 && align != 0 && block % align == 0) {
        align = 0;
    }
    return h->heap.heap == NULL || !size_add(request->bytes, shared_heap_extra_bytes(h), &bytes) ||
           !heap_can_ever_hold(&h->heap, align, bytes);
}

static void *allocate(struct k_heap *h, void *block, size_t align, size_t bytes,
                      k_timeout_t timeout)
{
    struct wait_queue queue = k_heap_queue(h);
    struct wait_request request = {bytes, align,
                                   block == NULL ? 0 : wait_queue_distance(&queue, block)};
    struct stay stay;

    if (bytes == 0 || !wait_queue_enter(&queue, &stay)) {
        return NULL;
    }
    void *mem = meet(&queue, &stay, &request);
    bool hopeless = mem == NULL && is_hopeless(&queue, &request);
    wait_queue_leave(&queue, &stay);
    if (mem != NULL || K_TIMEOUT_EQ(timeout, K_NO_WAIT) ||
        (hopeless && K_TIMEOUT_EQ(timeout, K_FOREVER))) {
        return mem;
    }
    return wait_for(&queue, &request, timeout);
}

/* --- The public calls --- */

void k_heap_ready(struct k_heap *h)
{
    struct wait_queue queue = k_heap_queue(h);
    struct stay stay;

    if (wait_queue_enter(&queue, &stay)) {
        make(h);
        wait_queue_leave(&queue, &stay);
    }
}

void *k_heap_request(struct k_heap *h, void *block, size_t align, size_t bytes)
{
    return allocate(h, block, align, bytes, K_NO_WAIT);
}

void k_heap_init(struct k_heap *h, void *mem, size_t bytes)
{
    *h = (struct k_heap){.shared = NULL};
    wait_queue_init(&h->wait_q, 0, 0); /* cannot fail: it asks for nothing special */
    sys_heap_init(&h->heap, mem, bytes);
}

void *k_heap_alloc(struct k_heap *h, size_t bytes, k_timeout_t timeout)
{
    return allocate(h, NULL, 0, bytes, timeout);
}

static void check_alignment(const struct k_heap *h, size_t align)
{
    REQUIRE(align == 0 || is_power_of_two(align), "alignment in a k_heap is not a power of two",
            h->heap.heap, NULL);
}

void *k_heap_aligned_alloc(struct k_heap *h, size_t align, size_t bytes, k_timeout_t timeout)
{
    check_alignment(h, align);
    return allocate(h, NULL, align, bytes, timeout);
}

void *k_heap_calloc(struct k_heap *h, size_t num, size_t size, k_timeout_t timeout)
{
    size_t bytes;

    if (!size_multiply(num, size, &bytes)) {
        return NULL;
    }
    void *mem = k_heap_alloc(h, bytes, timeout);
    if (mem != NULL) {
        memset(mem, 0, bytes);
    }
    return mem;
}

void *k_heap_realloc(struct k_heap *h, void *ptr, size_t bytes, k_timeout_t timeout)
{
    return k_heap_aligned_realloc(h, ptr, 0, bytes, timeout);
}

/* Under the lock, because whoever puts a heap in order after a death rewrites what this reads. */
static size_t usable_bytes_shared(struct k_heap *h, void *block)
{
    struct wait_queue queue = k_heap_queue(h);
    struct stay stay;

    wait_queue_enter(&queue, &stay); /* is not refused: a shared object is not for handlers */
    size_t bytes = sys_heap_usable_size(&h->heap, block);
    wait_queue_leave(&queue, &stay);
    return bytes;
}

/* In another process's name nobody can move a block without a moment in which a death would lose
 * it. So who waits for a larger one waits for it as for a new block, and moves by himself. */
static void *realloc_shared(struct k_heap *h, void *ptr, size_t align, size_t bytes,
                            k_timeout_t timeout)
{
    void *mem = allocate(h, ptr, align, bytes, K_NO_WAIT);

    if (mem != NULL || K_TIMEOUT_EQ(timeout, K_NO_WAIT)) {
        return mem;
    }
    mem = allocate(h, NULL, align, bytes, timeout);
    if (mem != NULL) {
        heap_copy_block(&h->heap, ptr, usable_bytes_shared(h, ptr), mem, bytes);
        k_heap_free(h, ptr);
    }
    return mem;
}

void *k_heap_aligned_realloc(struct k_heap *h, void *ptr, size_t align, size_t bytes,
                             k_timeout_t timeout)
{
    check_alignment(h, align);
    if (bytes == 0) {
        k_heap_free(h, ptr);
        return NULL;
    }
    if (ptr != NULL && h->shared != NULL) {
        return realloc_shared(h, ptr, align, bytes, timeout);
    }
    return allocate(h, ptr, align, bytes, timeout);
}

void k_heap_free(struct k_heap *h, void *mem)
{
    struct wait_queue queue = k_heap_queue(h);
    struct stay stay;

    if (mem == NULL) {
        return;
    }
    if (!wait_queue_enter(&queue, &stay)) {
        wait_queue_defer(&queue, mem);
        return;
    }
    give(&queue, &stay, mem);
    wait_queue_leave(&queue, &stay);
}

int quarry_heap_inherit_priority(struct k_heap *h)
{
    if (h->shared != NULL) {
        return -EINVAL;
    }
    return wait_queue_enable(&h->wait_q, LOCK_INHERIT) ? 0 : -ENOTSUP;
}
