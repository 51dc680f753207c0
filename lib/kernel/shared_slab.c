/* SPDX-License-Identifier: Apache-2.0 */
/* Slabs in memory that processes share.
 *
 *    | struct shared_slab, the slab in it | places | owners | blocks |
 *
 * Every call holds the slab's robust lock, and what a process that dies in it has left is put in
 * order by who owns what:
 *
 *   take:      slab_take, owner := process             died between: free, and owned by nobody
 *   give back: slab_give, owner := nobody              died between: in use, as before
 *   hand over: handing := block, owner := waiter's process, waiter served, handing := none
 *                                                      died between: the waiter was served or not
 *
 * Invariant, with the lock free: a block is on the stack or untouched and has no owner, or it has
 * one. Mending makes the stack anew from the owners, each of which is one store: what has no owner
 * is free, and what was being handed over to a waiter that was not told has none. So it does not
 * matter where in slab_take or slab_give a process has died, also where these take several stores.
 *
 * Mending may be cut short by a death itself: it can begin anew at any point. */
#include <quarry/shared.h>

#include <errno.h>

#include "core/bits.h"
#include "core/slab.h"
#include "kernel/lock.h"
#include "kernel/shared_slab.h"
#include "kernel/wait_places.h"
#include "os/os.h"

#define KIND             0x51756172727953b1u /* changes with the layout */
#define MAX_WAITERS      65536u
#define MEMORY_ALIGNMENT 64u
#define BLOCK_ALIGNMENT  64u

static int *owners_of(const struct k_mem_slab *slab)
{
    struct shared_slab *shared = shared_slab_of(slab);

    return (int *)(void *)((char *)shared + shared->owners_offset);
}

/* A process that is killed has done its stores in the order of the program, if the compiler keeps
 * that order. */
static void store_owner(int *owner, int process_id)
{
    __atomic_store_n(owner, process_id, __ATOMIC_RELEASE);
}

void shared_slab_note_owner(const struct k_mem_slab *slab, uint32_t block, int process_id)
{
    if (slab->shared != 0) {
        store_owner(&owners_of(slab)[block], process_id);
    }
}

int shared_slab_process(const struct k_mem_slab *slab)
{
    return slab->shared != 0 ? os_process_id() : 0;
}

static void set_handing(struct shared_slab *shared, uint32_t handing)
{
    __atomic_store_n(&shared->handing, handing, __ATOMIC_RELEASE);
}

void shared_slab_begin_handing(const struct k_mem_slab *slab, uint32_t block)
{
    if (slab->shared != 0) {
        set_handing(shared_slab_of(slab), block + 1);
    }
}

void shared_slab_end_handing(const struct k_mem_slab *slab)
{
    if (slab->shared != 0) {
        set_handing(shared_slab_of(slab), 0);
    }
}

/* --- To put in order --- */

static void settle_handing(struct k_mem_slab *slab, const struct wait_queue *queue)
{
    struct shared_slab *shared = shared_slab_of(slab);

    if (shared->handing != 0) {
        uint32_t block = shared->handing - 1;

        if (!wait_place_was_told(queue,
                                 slab_block_at(&slab->info, shared_slab_buffer(slab), block))) {
            store_owner(&owners_of(slab)[block], 0);
        }
        set_handing(shared, 0);
    }
}

/* Calls mark(owner) for each block on the stack. */
static void for_each_free(struct k_mem_slab *slab, bool (*mark)(const int *owner), bool *good)
{
    char *buffer = shared_slab_buffer(slab);
    uint32_t next = slab_state(&slab->info).first_free;

    *good = slab_validate(&slab->info, buffer);
    while (*good && next != 0 && next != SLAB_WAITED_FOR) {
        uint32_t block = next - 1;

        *good = mark(&owners_of(slab)[block]);
        next = (uint32_t)slab_read_link(slab_block_at(&slab->info, buffer, block), block);
    }
}

static bool has_no_owner(const int *owner)
{
    return *owner == 0;
}

/* Makes the stack anew: what has no owner is free. Nothing of the stack is believed, and it may be
 * cut short anywhere, since it begins anew. */
static void rebuild_stack(struct k_mem_slab *slab)
{
    char *buffer = shared_slab_buffer(slab);
    const int *owners = owners_of(slab);
    uint32_t touched = slab->info.num_blocks;

    while (touched > 0 && owners[touched - 1] == 0) {
        touched--;
    }
    slab_begin_anew(&slab->info, touched);
    for (uint32_t block = 0; block < touched; block++) {
        if (owners[block] == 0) {
            slab_give(&slab->info, slab_block_at(&slab->info, buffer, block), block);
        }
    }
}

static void serve_waiters(struct k_mem_slab *slab, const struct wait_queue *queue,
                          struct stay *stay)
{
    struct waiter *waiter;

    while ((waiter = wait_queue_first(queue)) != NULL && !slab_begin_wait(&slab->info)) {
        char *buffer = shared_slab_buffer(slab);
        uint32_t block = slab_take(&slab->info, buffer);

        shared_slab_begin_handing(slab, block);
        shared_slab_note_owner(slab, block, waiter->process_id);
        wait_queue_serve(queue, stay, waiter, slab_block_at(&slab->info, buffer, block));
        shared_slab_end_handing(slab);
    }
}

void shared_slab_mend(struct k_mem_slab *slab, const struct wait_queue *queue, struct stay *stay)
{
    settle_handing(slab, queue);
    rebuild_stack(slab);
    serve_waiters(slab, queue, stay);
    __atomic_add_fetch(&shared_slab_of(slab)->deaths, 1, __ATOMIC_RELAXED);
}

/* --- The public calls --- */

/* Where things are. False if the arguments are wrong, or it is too much. */
static bool lay_out(struct shared_slab *layout, size_t block_size, uint32_t num_blocks,
                    uint32_t max_waiters)
{
    size_t places = sizeof(struct waiter) * (size_t)max_waiters;
    size_t owners_offset;
    size_t buffer_offset;
    size_t bytes;

    if (block_size == 0 || block_size % 8 != 0 || num_blocks == 0 || num_blocks > SLAB_MAX_BLOCKS ||
        max_waiters == 0 || max_waiters > MAX_WAITERS ||
        !size_add(sizeof(struct shared_slab), places, &owners_offset) ||
        !size_multiply(num_blocks, sizeof(int), &buffer_offset) ||
        !size_add(buffer_offset, owners_offset, &buffer_offset) ||
        !size_round_up(buffer_offset, BLOCK_ALIGNMENT, &buffer_offset) ||
        !size_multiply(block_size, num_blocks, &bytes) || !size_add(bytes, buffer_offset, &bytes)) {
        return false;
    }
    layout->owners_offset = owners_offset;
    layout->buffer_offset = buffer_offset;
    layout->bytes = bytes;
    return true;
}

size_t quarry_shared_slab_bytes(size_t block_size, uint32_t num_blocks, uint32_t max_waiters)
{
    struct shared_slab layout;

    return lay_out(&layout, block_size, num_blocks, max_waiters) ? (size_t)layout.bytes : 0;
}

struct k_mem_slab *quarry_shared_slab_create(void *memory, size_t bytes, size_t block_size,
                                             uint32_t num_blocks, uint32_t max_waiters)
{
    struct shared_slab *shared = memory;
    struct shared_slab layout;

    if (memory == NULL || (uintptr_t)memory % MEMORY_ALIGNMENT != 0 ||
        !lay_out(&layout, block_size, num_blocks, max_waiters) || bytes < layout.bytes) {
        return NULL;
    }
    __atomic_store_n(&shared->kind, 0, __ATOMIC_RELEASE);
    shared->owners_offset = layout.owners_offset;
    shared->buffer_offset = layout.buffer_offset;
    shared->bytes = layout.bytes;
    shared->deaths = shared->handing = 0;
    struct k_mem_slab *slab = &shared->slab;
    if (k_mem_slab_set_up(slab, (char *)memory + layout.buffer_offset, block_size, num_blocks) !=
            0 ||
        !wait_queue_init(&slab->wait_q, LOCK_SHARED, max_waiters) ||
        !wait_places_init(shared->places, max_waiters)) {
        return NULL;
    }
    slab->shared = (intptr_t)((uintptr_t)shared - (uintptr_t)slab);
    for (uint32_t block = 0; block < num_blocks; block++) {
        owners_of(slab)[block] = 0;
    }
    __atomic_store_n(&shared->kind, KIND, __ATOMIC_RELEASE);
    return slab;
}

struct k_mem_slab *quarry_shared_slab_attach(void *memory, size_t bytes)
{
    struct shared_slab *shared = memory;

    if (memory == NULL || (uintptr_t)memory % MEMORY_ALIGNMENT != 0 || bytes < sizeof(*shared) ||
        __atomic_load_n(&shared->kind, __ATOMIC_ACQUIRE) != KIND || bytes < shared->bytes) {
        return NULL;
    }
    return &shared->slab;
}

uint32_t quarry_shared_slab_number(const struct k_mem_slab *slab, const void *mem)
{
    return slab_block_of(&slab->info, (uintptr_t)mem - (uintptr_t)shared_slab_buffer(slab));
}

void *quarry_shared_slab_block(const struct k_mem_slab *slab, uint32_t number)
{
    if (number >= slab->info.num_blocks) {
        return NULL;
    }
    return slab_block_at(&slab->info, shared_slab_buffer(slab), number);
}

int quarry_shared_slab_check(struct k_mem_slab *slab, uint32_t *seen)
{
    struct wait_queue queue = k_mem_slab_queue(slab);
    struct stay stay;

    wait_queue_enter(&queue, &stay); /* which notices a death that nobody has noticed yet */
    uint32_t deaths = shared_slab_of(slab)->deaths;
    wait_queue_leave(&queue, &stay);
    if (deaths == *seen) {
        return 0;
    }
    *seen = deaths;
    return -EOWNERDEAD;
}

size_t quarry_shared_slab_reclaim(struct k_mem_slab *slab, pid_t process)
{
    struct wait_queue queue = k_mem_slab_queue(slab);
    struct stay stay;
    size_t count = 0;

    if (process <= 0) {
        return 0; /* free blocks are nobody's */
    }
    wait_queue_enter(&queue, &stay);
    for (uint32_t block = 0; block < slab->info.num_blocks; block++) {
        if (owners_of(slab)[block] == (int)process) {
            queue.rules->give(&queue, &stay, quarry_shared_slab_block(slab, block));
            count++;
        }
    }
    wait_queue_leave(&queue, &stay);
    return count;
}

static bool is_in_order(struct k_mem_slab *slab)
{
    uint32_t owned = 0;
    bool good;

    for_each_free(slab, has_no_owner, &good);
    for (uint32_t block = 0; block < slab->info.num_blocks; block++) {
        owned += owners_of(slab)[block] != 0;
    }
    return good && owned == slab->info.num_used;
}

bool quarry_shared_slab_validate(struct k_mem_slab *slab)
{
    struct wait_queue queue = k_mem_slab_queue(slab);
    struct stay stay;

    wait_queue_enter(&queue, &stay);
    bool good = is_in_order(slab);
    wait_queue_leave(&queue, &stay);
    return good;
}
