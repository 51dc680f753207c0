/* SPDX-License-Identifier: Apache-2.0 */
/* Which heaps there are, for the sake of memory checkers, which must know where a heap ends when it
 * ends, and when that is: Zephyr has no call for it.
 *
 * A program may make a new heap anywhere in the buffer of one that it has abandoned, or in a block
 * of one that it goes on using. The two look alike but for one thing: all of a block is accessible,
 * while what has never been handed out, headers between blocks included, is not:
 *
 *   old   | hdr | block, accessible              | hdr | free, inaccessible  | hdr |
 *   new 1          [ nested: both live ]
 *   new 2                              [ the old one has ended ]
 *
 * Rules of a new heap's extent N, in this order:
 *   1. A heap that begins at the same place, or that N covers or cuts in two, has ended.
 *   2. Of the heaps around N, the smallest has ended if N is not accessible as a whole.
 *   3. The remaining ones live on, and N is nested in them.
 * A nested heap ends with the block that it lies in. A heap may be told to end, too.
 *
 * Not promised: a heap that was abandoned without a word and has a live block around N is taken for
 * alive, and its bytes remain inaccessible.
 *
 * The lock is the innermost of all: nothing is called under it but the keeper and os.h. Slots are
 * mapped a table at a time, and searched one by one: programs have few heaps. */
#include "os/extents.h"

#include <pthread.h>
#include <stdatomic.h>

#include "os/os.h"

#define TABLE_SLOTS 127 /* fills a page of 4 KiB */

struct extent_table {
    struct extent_table *next;
    struct extent slots[TABLE_SLOTS]; /* free if .heap is NULL */
};
_Static_assert(sizeof(struct extent_table) <= 4096, "a table is mapped as one page");

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct os_signal_mask signals_at_fork;   /* of the thread that forks; guarded by lock */
static struct extent_table *tables;             /* guarded by lock */
static const struct extents_keeper *the_keeper; /* constant since extents_keep */
static atomic_size_t nested_count;              /* live nested extents; changed under lock only */

/* A handler that uses a heap, of which it interrupted no call, may need the lock. */
static struct os_signal_mask enter(void)
{
    struct os_signal_mask before;

    os_block_signals(&before);
    pthread_mutex_lock(&lock);
    return before;
}

static void leave(struct os_signal_mask before)
{
    pthread_mutex_unlock(&lock);
    os_restore_signals(&before);
}

/* The slot after `slot` (the first one if that is NULL) that is in use, or NULL. */
static struct extent *next_extent(struct extent *slot)
{
    for (struct extent_table *table = tables; table != NULL; table = table->next) {
        for (size_t i = 0; i < TABLE_SLOTS; i++) {
            if (slot == NULL && table->slots[i].heap != NULL) {
                return &table->slots[i];
            }
            if (slot == &table->slots[i]) {
                slot = NULL;
            }
        }
    }
    return NULL;
}

static struct extent *find(const struct z_heap *heap)
{
    struct extent *found = next_extent(NULL);

    while (found != NULL && found->heap != heap) {
        found = next_extent(found);
    }
    return found;
}

static struct extent *free_slot(void)
{
    for (struct extent_table *table = tables; table != NULL; table = table->next) {
        for (size_t i = 0; i < TABLE_SLOTS; i++) {
            if (table->slots[i].heap == NULL) {
                return &table->slots[i];
            }
        }
    }
    struct extent_table *table = os_map(os_page_bytes(), os_page_bytes());
    if (table == NULL) {
        return NULL;
    }
    table->next = tables;
    tables = table;
    return &table->slots[0];
}

/* Every change of the book goes through here. */
static void change(struct extent *slot, struct extent after)
{
    struct extent before = *slot;

    *slot = after;
    atomic_fetch_add(&nested_count, (size_t)after.nested - (size_t)before.nested);
    the_keeper->changed(&before, &after);
}

static void end_heap(struct extent *slot)
{
    change(slot, (struct extent){0});
}

static bool is_around(const struct extent *old, const struct extent *added)
{
    return old->start < added->start && added->end <= old->end && old->heap != added->heap;
}

/* Rule 1. */
static void end_covered(const struct extent *added)
{
    for (struct extent *old = next_extent(NULL); old != NULL; old = next_extent(old)) {
        if (old->start < added->end && added->start < old->end && !is_around(old, added)) {
            end_heap(old);
        }
    }
}

static struct extent *smallest_around(const struct extent *added)
{
    struct extent *smallest = NULL;

    for (struct extent *old = next_extent(NULL); old != NULL; old = next_extent(old)) {
        if (is_around(old, added) &&
            (smallest == NULL || old->end - old->start < smallest->end - smallest->start)) {
            smallest = old;
        }
    }
    return smallest;
}

void extents_begin(struct z_heap *heap, void *mem, size_t bytes)
{
    uintptr_t start = (uintptr_t)mem;
    struct extent added = {heap, start, start + bytes, false};

    struct os_signal_mask before = enter();
    end_covered(&added);
    struct extent *around = smallest_around(&added);
    if (around != NULL && !the_keeper->accessible(added.start, added.end)) {
        end_heap(around);
        around = smallest_around(&added);
    }
    added.nested = around != NULL;
    struct extent *slot = free_slot();
    if (slot != NULL) {
        change(slot, added);
    }
    leave(before);
}

void extents_extend(struct z_heap *heap, void *mem, size_t bytes)
{
    struct os_signal_mask before = enter();
    struct extent *slot = find(heap);
    if (slot != NULL) {
        struct extent after = *slot;

        after.end = (uintptr_t)mem + bytes;
        change(slot, after);
    }
    leave(before);
}

void extents_cut(struct z_heap *heap, void *end)
{
    struct os_signal_mask before = enter();
    struct extent *slot = heap != NULL ? find(heap) : NULL;
    if (slot != NULL && (uintptr_t)end <= (uintptr_t)heap) {
        end_heap(slot);
    } else if (slot != NULL) {
        struct extent after = *slot;

        after.end = (uintptr_t)end;
        change(slot, after);
    }
    leave(before);
}

bool extents_is_nested(const struct z_heap *heap)
{
    if (atomic_load(&nested_count) == 0) {
        return false;
    }
    struct os_signal_mask before = enter();
    const struct extent *slot = find(heap);
    bool nested = slot != NULL && slot->nested;
    leave(before);
    return nested;
}

void extents_end_inside(const void *mem, size_t bytes)
{
    uintptr_t start = (uintptr_t)mem;

    if (atomic_load(&nested_count) == 0) {
        return;
    }
    struct os_signal_mask before = enter();
    for (struct extent *old = next_extent(NULL); old != NULL; old = next_extent(old)) {
        if (start <= old->start && old->end <= start + bytes) {
            end_heap(old);
        }
    }
    leave(before);
}

static void before_fork(void)
{
    signals_at_fork = enter();
}

static void after_fork(void)
{
    leave(signals_at_fork);
}

/* Registered before the fork handlers of lib/process, and so run inside of theirs. */
void extents_keep(const struct extents_keeper *keeper)
{
    the_keeper = keeper;
    os_at_fork(before_fork, after_fork, after_fork);
}
