/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks that count their references.
 *
 *    what the back end gave                     what the user gets
 *    |                                          |
 *    v                                          v
 *    +-------+-------+---------+----------+-----+-----------------
 *    | count | mark  | free_cb | back end | pad | user's bytes ...
 *    +-------+-------+---------+----------+-----+-----------------
 *
 * Nothing but the count changes in a block's life, and the mark at its end.
 *
 * Invariants:
 *   1. As long as a block has references, `mark` is the mark of its address. It is erased before
 *      the back end gets the memory back, so that a block's former address is not taken for a
 *      block's, unless another one begins there.
 *   2. A count that is 0 stays 0, and one at its maximum is not raised: both are refused before
 *      anything is changed. So the callback runs once, and nobody can take the block back from it.
 *   3. Who takes the count to 0 sees what all others wrote: each gives up with release, and the
 *      last one acquires.
 *
 * Counts are changed by one instruction each, in handlers too, and no lock is needed. Race
 * detectors that run a program as it is compiled do not see what that means for other memory; for
 * them a lock is held around each change. Who cannot have it does without, as without them.
 *
 * Not promised: that use of a freed block is always noticed. The memory is the back end's then, and
 * to look at the mark is itself a use of it, which memory checkers report. */
#include <zephyr/sys/memref.h>

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/bits.h"
#include "core/check.h"
#include "kernel/guard.h"
#include "os/checkers.h"
#include "os/sync.h"

struct control {
    uint32_t count;                       /* references; atomic */
    uint32_t mark;                        /* invariant 1; atomic, relaxed */
    memref_free_cb_t free_cb;             /* NULL: none; constant */
    const struct memref_backend *backend; /* constant */
};

#define PAYLOAD_ALIGN _Alignof(max_align_t)
/* From the block's start to the user's bytes. */
#define CONTROL_BYTES ((sizeof(struct control) + PAYLOAD_ALIGN - 1) / PAYLOAD_ALIGN * PAYLOAD_ALIGN)
_Static_assert(CONTROL_BYTES % PAYLOAD_ALIGN == 0, "user's bytes are as aligned as the block is");
_Static_assert(CONTROL_BYTES <= 4 * sizeof(void *), "as the header says");

/* Different for neighbours, never 0, and unlike what users write. */
static uint32_t mark_of(const struct control *control)
{
    return (uint32_t)((uintptr_t)control / sizeof(void *)) * 0x9e3779b1u | 1u;
}

static uint32_t mark(const struct control *control)
{
    return __atomic_load_n(&control->mark, __ATOMIC_RELAXED);
}

static void set_mark(struct control *control, uint32_t value)
{
    __atomic_store_n(&control->mark, value, __ATOMIC_RELAXED);
}

static void *payload_of(struct control *control)
{
    return (char *)control + CONTROL_BYTES;
}

/* The control block in front of a user's bytes, if they are a block's. */
static struct control *control_of(void *mem)
{
    REQUIRE(mem != NULL && (uintptr_t)mem % _Alignof(struct control) == 0,
            "reference to NULL, or to an address at which no memref block can be", NULL, mem);
    struct control *control = (struct control *)(void *)((char *)mem - CONTROL_BYTES);
    REQUIRE(mark(control) == mark_of(control), "memref block is freed already, or is none", NULL,
            mem);
    return control;
}

void *memref_alloc(const struct memref_backend *backend, size_t size, memref_free_cb_t free_cb)
{
    size_t bytes;

    REQUIRE(backend != NULL && backend->alloc != NULL && backend->free != NULL,
            "memref back end is NULL, or lacks a function", backend, NULL);
    if (!size_add(size, CONTROL_BYTES, &bytes)) {
        return NULL;
    }
    struct control *control = (struct control *)backend->alloc(backend->ctx, bytes);
    if (control == NULL) {
        return NULL;
    }
    REQUIRE((uintptr_t)control % _Alignof(struct control) == 0,
            "memref back end returned memory that is not aligned for a pointer", backend, control);
    control->free_cb = free_cb;
    control->backend = backend;
    set_mark(control, mark_of(control));
    __atomic_store_n(&control->count, 1, __ATOMIC_RELAXED);
    return payload_of(control);
}

void *memref_calloc(const struct memref_backend *backend, size_t nmemb, size_t size,
                    memref_free_cb_t free_cb)
{
    size_t bytes;

    if (!size_multiply(nmemb, size, &bytes)) {
        return NULL;
    }
    void *mem = memref_alloc(backend, bytes, free_cb);
    if (mem != NULL) {
        memset(mem, 0, bytes);
    }
    return mem;
}

/* --- Counting --- */

static struct k_spinlock detector_lock = {PTHREAD_MUTEX_INITIALIZER, LOCK_RANK_COUNTS, 0};

static void add_reference(void *mem)
{
    struct control *control = control_of(mem);
    uint32_t count = __atomic_load_n(&control->count, __ATOMIC_RELAXED);

    do {
        REQUIRE(count != 0, "memref block gets a reference while it is being freed", NULL, mem);
        REQUIRE(count != UINT32_MAX, "memref block has too many references", NULL, mem);
    } while (!__atomic_compare_exchange_n(&control->count, &count, count + 1, true,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}

/* True iff it was the last one. */
static bool remove_reference(void *mem)
{
    struct control *control = control_of(mem);
    uint32_t count = __atomic_load_n(&control->count, __ATOMIC_RELAXED);

    do {
        REQUIRE(count != 0, "memref block loses a reference while it is being freed", NULL, mem);
    } while (!__atomic_compare_exchange_n(&control->count, &count, count - 1, true,
                                          __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    return count == 1;
}

void memref_ref(void *mem)
{
    struct visit visit;

    if (__builtin_expect(checkers_present == 0, 1)) {
        add_reference(mem);
        return;
    }
    guard_enter(&detector_lock, &visit);
    add_reference(mem);
    guard_leave(&detector_lock, &visit);
}

static bool remove_reference_seen(void *mem)
{
    struct visit visit;

    guard_enter(&detector_lock, &visit);
    bool was_last = remove_reference(mem);
    guard_leave(&detector_lock, &visit);
    return was_last;
}

static void free_block(struct control *control)
{
    const struct memref_backend *backend = control->backend;

    if (control->free_cb != NULL) {
        control->free_cb(payload_of(control));
    }
    set_mark(control, 0);
    backend->free(backend->ctx, control);
}

void memref_unref(void *mem)
{
    if (mem == NULL) {
        return;
    }
    bool was_last = __builtin_expect(checkers_present == 0, 1) ? remove_reference(mem)
                                                               : remove_reference_seen(mem);
    if (was_last) {
        free_block((struct control *)(void *)((char *)mem - CONTROL_BYTES));
    }
}
