/* SPDX-License-Identifier: Apache-2.0 */
/* k_heaps in memory that processes share.
 *
 *    | struct shared_heap | places | ledger | sys_heap                                  |
 *                                              | hdr | user's bytes | owner | hdr | ...
 *
 * A process has its own struct k_heap, which says where it sees the memory. The heap itself holds
 * no address, and the owner of a block lies in the block's last 8 bytes.
 *
 * Every call holds the robust lock. A process that dies in a call leaves the heap in any state that
 * its stores pass through, so nothing in the heap is believed then. The ledger is: each of its
 * notes takes effect with one store, in this order (core/heap_ledger.h).
 *
 *   allocate   heap, owner, ledger                 died before the ledger's: it never happened
 *   free       ledger, heap                        died after the ledger's: it did
 *   grow       heap, owner at the new end, ledger
 *   shrink     owner at the new end, ledger, heap
 *   hand over  heap, owner, handing := block, ledger, waiter served, handing := nothing
 *                                                  died before served: free
 *
 * Invariant, with the lock free: the ledger has just the heap's used chunks, and each has an owner.
 */
#include <quarry/shared.h>

#include <errno.h>
#include <string.h>

#include "core/bits.h"
#include "core/check.h"
#include "core/chunk.h"
#include "core/heap.h"
#include "core/heap_ledger.h"
#include "core/note.h"
#include "kernel/lock.h"
#include "kernel/shared_heap.h"
#include "kernel/wait_places.h"
#include "os/os.h"

#define KIND             0x51756172727953b2u /* changes with the layout */
#define MAX_WAITERS      65536u
#define MEMORY_ALIGNMENT 64u

#define OWNER_BYTES 8u

/* As `handing`; no block has such an offset. */
#define HANDING_NOTHING 0u
#define HANDING_UNKNOWN 1u

static struct heap_ledger *ledger_of(const struct k_heap *h)
{
    return (struct heap_ledger *)(void *)((char *)h->shared + h->shared->ledger_offset);
}

size_t shared_heap_extra_bytes(const struct k_heap *h)
{
    return h->shared != NULL ? OWNER_BYTES : 0;
}

int shared_heap_process(const struct k_heap *h)
{
    return h->shared != NULL ? os_process_id() : 0;
}

/* --- Owners --- */

/* Of the chunk of `units` at a unit. */
static uint64_t *owner_at(const struct k_heap *h, uint32_t unit, uint32_t units)
{
    char *end = (char *)h->heap.heap + ((size_t)unit + units) * CHUNK_UNIT_BYTES;

    return (uint64_t *)(void *)(end - CHUNK_TRAILER_BYTES - OWNER_BYTES);
}

static void set_owner(const struct k_heap *h, uint32_t unit, uint32_t units, int process_id)
{
    __atomic_store_n(owner_at(h, unit, units), (uint64_t)process_id, __ATOMIC_RELEASE);
}

/* Where the chunk of a block starts. */
static uint32_t unit_of(const struct k_heap *h, const void *mem)
{
    return (uint32_t)chunk_unit_of(h->heap.heap, mem);
}

/* The same, of a block that the caller claims to have. */
static uint32_t checked_unit_of(const struct k_heap *h, const void *mem)
{
    size_t unit = chunk_unit_of(h->heap.heap, mem);

    REQUIRE(unit <= UINT32_MAX && ledger_units_at(ledger_of(h), (uint32_t)unit) != 0,
            "block of a shared heap is not in use: double free, or not a block", h->heap.heap, mem);
    return (uint32_t)unit;
}

/* --- Calls --- */

static void set_handing(const struct k_heap *h, uint64_t handing)
{
    __atomic_store_n(&h->shared->handing, handing, __ATOMIC_RELEASE);
}

static void *allocate(struct k_heap *h, size_t align, size_t bytes, int process_id)
{
    size_t with_owner;
    void *mem;

    if (!size_add(bytes, OWNER_BYTES, &with_owner) ||
        (mem = sys_heap_aligned_alloc(&h->heap, align, with_owner)) == NULL) {
        return NULL;
    }
    uint32_t unit = unit_of(h, mem);
    uint32_t units = chunk_size(h->heap.heap, (chunk_id){unit});

    set_owner(h, unit, units, process_id);
    if (h->shared->handing != HANDING_NOTHING) {
        set_handing(h, (uintptr_t)mem - (uintptr_t)h->shared);
    }
    ledger_note_used(ledger_of(h), unit, units);
    return mem;
}

void shared_heap_free(struct k_heap *h, void *mem)
{
    ledger_note_free(ledger_of(h), checked_unit_of(h, mem));
    sys_heap_free(&h->heap, mem);
}

/* Changes the size of a chunk. False if there is no room behind it. */
static bool resize(struct k_heap *h, void *mem, size_t with_owner, int process_id)
{
    uint32_t unit = checked_unit_of(h, mem);
    chunk_id c = {unit};
    uint32_t have = chunk_size(h->heap.heap, c);
    uint32_t units = chunk_units_for(h->heap.heap, with_owner, chunk_gap(h->heap.heap, c, mem));

    if (units <= have) {
        set_owner(h, unit, units, process_id);
        ledger_note_resized(ledger_of(h), unit, units);
        return heap_resize_in_place(&h->heap, mem, with_owner);
    }
    if (!heap_resize_in_place(&h->heap, mem, with_owner)) {
        return false;
    }
    set_owner(h, unit, units, process_id);
    ledger_note_resized(ledger_of(h), unit, units);
    return true;
}

static void *move(struct k_heap *h, void *mem, size_t align, size_t bytes, int process_id)
{
    size_t old_bytes = sys_heap_usable_size(&h->heap, mem) - OWNER_BYTES;
    void *moved = allocate(h, align, bytes, process_id);

    if (moved != NULL) {
        memcpy(moved, mem, old_bytes < bytes ? old_bytes : bytes);
        shared_heap_free(h, mem);
    }
    return moved;
}

static void *meet(struct k_heap *h, void *block, const struct wait_request *request, int process_id)
{
    size_t with_owner;

    if (block == NULL) {
        return allocate(h, request->align, request->bytes, process_id);
    }
    if (!size_add(request->bytes, OWNER_BYTES, &with_owner)) {
        return NULL;
    }
    bool may_stay = request->align == 0 || (uintptr_t)block % request->align == 0;
    if (may_stay && resize(h, block, with_owner, process_id)) {
        return block;
    }
    return move(h, block, request->align, request->bytes, process_id);
}

/* It looks at the heap's own words, of which a memory checker knows that nobody may. */
void *shared_heap_meet(struct k_heap *h, void *block, const struct wait_request *request,
                       int process_id)
{
    note_enter();
    void *mem = meet(h, block, request, process_id);
    note_leave();
    return mem;
}

void shared_heap_begin_handing(const struct wait_queue *queue)
{
    const struct k_heap *h = queue->object;

    if (h->shared != NULL) {
        set_handing(h, HANDING_UNKNOWN);
    }
}

void shared_heap_end_handing(const struct wait_queue *queue)
{
    const struct k_heap *h = queue->object;

    if (h->shared != NULL) {
        set_handing(h, HANDING_NOTHING);
    }
}

/* --- To put in order --- */

static void settle_handing(const struct wait_queue *queue)
{
    struct k_heap *h = queue->object;
    uint64_t handing = h->shared->handing;

    if (handing > HANDING_UNKNOWN) {
        char *mem = (char *)h->shared + handing;
        uint32_t unit = unit_of(h, mem);

        if (!wait_place_was_told(queue, mem) && ledger_units_at(ledger_of(h), unit) != 0) {
            ledger_note_free(ledger_of(h), unit);
        }
    }
    set_handing(h, HANDING_NOTHING);
}

void shared_heap_mend(const struct wait_queue *queue)
{
    struct k_heap *h = queue->object;

    ledger_tidy(ledger_of(h));
    settle_handing(queue);
    bool mended = heap_rebuild(&h->heap, ledger_of(h), (size_t)h->shared->heap_bytes,
                               QUARRY_HEAP_ZEPHYR_BUCKETS);
    REQUIRE(mended, "shared heap is damaged", h->heap.heap, NULL);
    __atomic_add_fetch(&h->shared->deaths, 1, __ATOMIC_RELAXED);
}

/* --- The public calls --- */

/* Where things are. False if the arguments are wrong, or it is too much. */
static bool lay_out(struct shared_heap *layout, size_t heap_bytes, uint32_t max_waiters)
{
    size_t places = sizeof(struct waiter) * (size_t)max_waiters;
    size_t ledger_offset;
    size_t heap_offset;
    size_t bytes;

    if (heap_bytes % CHUNK_UNIT_BYTES != 0 || max_waiters == 0 || max_waiters > MAX_WAITERS ||
        !size_add(sizeof(struct shared_heap), places, &ledger_offset) ||
        !size_round_up(ledger_offset, MEMORY_ALIGNMENT, &ledger_offset) ||
        !size_add(ledger_bytes(heap_bytes), ledger_offset, &heap_offset) ||
        !size_round_up(heap_offset, MEMORY_ALIGNMENT, &heap_offset) ||
        !size_add(heap_bytes, heap_offset, &bytes)) {
        return false;
    }
    layout->ledger_offset = ledger_offset;
    layout->heap_offset = heap_offset;
    layout->heap_bytes = heap_bytes;
    layout->bytes = bytes;
    return true;
}

size_t quarry_shared_heap_bytes(size_t heap_bytes, uint32_t max_waiters)
{
    struct shared_heap layout;

    return lay_out(&layout, heap_bytes, max_waiters) ? (size_t)layout.bytes : 0;
}

static void see(struct k_heap *h, struct shared_heap *shared)
{
    *h = (struct k_heap){.shared = shared};
}

int quarry_shared_heap_create(struct k_heap *h, void *memory, size_t bytes, size_t heap_bytes,
                              uint32_t max_waiters)
{
    struct shared_heap *shared = memory;
    struct shared_heap layout;

    if (memory == NULL || (uintptr_t)memory % MEMORY_ALIGNMENT != 0 ||
        !lay_out(&layout, heap_bytes, max_waiters) || bytes < layout.bytes) {
        return -EINVAL;
    }
    __atomic_store_n(&shared->kind, 0, __ATOMIC_RELEASE);
    shared->ledger_offset = layout.ledger_offset;
    shared->heap_offset = layout.heap_offset;
    shared->heap_bytes = layout.heap_bytes;
    shared->bytes = layout.bytes;
    shared->handing = HANDING_NOTHING;
    shared->deaths = 0;
    see(h, shared);
    sys_heap_init(&h->heap, (char *)memory + layout.heap_offset, heap_bytes);
    if (h->heap.heap == NULL) {
        return -EINVAL;
    }
    ledger_init(ledger_of(h), heap_bytes);
    if (!wait_queue_init(&shared->waiters, LOCK_SHARED, max_waiters) ||
        !wait_places_init(shared->places, max_waiters)) {
        return -ENOTSUP;
    }
    __atomic_store_n(&shared->kind, KIND, __ATOMIC_RELEASE);
    return 0;
}

int quarry_shared_heap_attach(struct k_heap *h, void *memory, size_t bytes)
{
    struct shared_heap *shared = memory;

    if (memory == NULL || (uintptr_t)memory % MEMORY_ALIGNMENT != 0 || bytes < sizeof(*shared) ||
        __atomic_load_n(&shared->kind, __ATOMIC_ACQUIRE) != KIND || bytes < shared->bytes) {
        return -EINVAL;
    }
    see(h, shared);
    h->heap.heap = (struct z_heap *)(void *)((char *)memory + shared->heap_offset);
    return 0;
}

int quarry_shared_heap_check(struct k_heap *h, uint32_t *seen)
{
    struct wait_queue queue = k_heap_queue(h);
    struct stay stay;

    wait_queue_enter(&queue, &stay); /* which notices a death that nobody has noticed yet */
    uint32_t deaths = h->shared->deaths;
    wait_queue_leave(&queue, &stay);
    if (deaths == *seen) {
        return 0;
    }
    *seen = deaths;
    return -EOWNERDEAD;
}

size_t quarry_shared_heap_reclaim(struct k_heap *h, pid_t process)
{
    struct wait_queue queue = k_heap_queue(h);
    struct ledger_chunk chunk;
    struct stay stay;
    uint32_t unit = 0;
    size_t count = 0;

    if (process <= 0) {
        return 0; /* nobody's */
    }
    wait_queue_enter(&queue, &stay);
    note_enter();
    while (ledger_next(ledger_of(h), unit, &chunk)) {
        unit = chunk.first_unit + chunk.units;
        if (*owner_at(h, chunk.first_unit, chunk.units) == (uint64_t)process) {
            shared_heap_free(h, chunk_mem(h->heap.heap, (chunk_id){chunk.first_unit}));
            count++;
        }
    }
    k_heap_serve(&queue, &stay);
    note_leave();
    wait_queue_leave(&queue, &stay);
    return count;
}

/* Whether the ledger says of a chunk what the heap does. */
static bool agrees(const struct k_heap *h, chunk_id c)
{
    uint32_t units = ledger_units_at(ledger_of(h), c.unit);

    if (!chunk_used(h->heap.heap, c)) {
        return units == 0;
    }
    return units == chunk_size(h->heap.heap, c) && *owner_at(h, c.unit, units) != 0;
}

static bool is_in_order(struct k_heap *h)
{
    const struct z_heap *heap = h->heap.heap;
    struct ledger_chunk chunk;
    uint32_t unit = 0;

    if (!sys_heap_validate(&h->heap)) {
        return false;
    }
    for (chunk_id c = chunk_first(heap); c.unit != heap->end_chunk;
         c = chunk_after(c, chunk_size(heap, c))) {
        if (!agrees(h, c)) {
            return false;
        }
    }
    while (ledger_next(ledger_of(h), unit, &chunk)) {
        if (!agrees(h, (chunk_id){chunk.first_unit})) {
            return false;
        }
        unit = chunk.first_unit + chunk.units;
    }
    return true;
}

bool quarry_shared_heap_validate(struct k_heap *h)
{
    struct wait_queue queue = k_heap_queue(h);
    struct stay stay;

    wait_queue_enter(&queue, &stay);
    note_enter();
    bool good = is_in_order(h);
    note_leave();
    wait_queue_leave(&queue, &stay);
    return good;
}
