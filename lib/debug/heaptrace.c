/* SPDX-License-Identifier: Apache-2.0 */
/* heaptrace: the records of outstanding blocks.
 *
 *    sys_heap --note--> watch_*  --\
 *                                   +--> trace_alloc, trace_free --> table of records
 *    heaptrace_alloc, _free     --/          ^ filter
 *
 * What is seen of an allocation (thread, time, processor, stack) is gathered before the lock is
 * taken. Users tell of an in-place realloc by an allocation of a block that is recorded already,
 * and then a free of the same block; the first half leaves a mark for the second to take away.
 *
 * Invariants, with EVENT_LOCK_TRACE free:
 *   1. A block is recorded iff its last allocation was heard and passed, and its free was not.
 *   2. outstanding_bytes is the sum of the records' sizes.
 *   3. `complete` iff no block was left out or forgotten since the beginning.
 *
 * What a heap that begins or ends takes with it is forgotten here as well; else a block that comes
 * to lie there later would be taken for a half of a realloc. */
#include <zephyr/sys/heaptrace.h>

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "core/note.h"
#include "debug/event_lock.h"
#include "debug/heaptrace_capture.h"
#include "debug/heaptrace_filter.h"
#include "debug/heaptrace_heaps.h"
#include "debug/record_table.h"
#include "os/fault.h"
#include "os/os.h"

/* Records that a walk copies per stay in the lock. */
#define BATCH 8u

struct traced {
    struct record record;
    struct heaptrace_record seen;
    bool free_pending; /* the second half of an in-place realloc is still to come */
};

/* Guarded by EVENT_LOCK_TRACE. */
static struct record_table table;
static size_t outstanding_bytes;
static bool complete;
static bool full_reported;

/* Release, because the table goes with it. */
static _Atomic(bool) tracing;

static bool is_tracing(void)
{
    return atomic_load_explicit(&tracing, memory_order_acquire);
}

static struct traced *traced_at(uint32_t index)
{
    return (struct traced *)(void *)record_at(&table, index);
}

/* How an in-place realloc is told: sys_heaps tell all of it, users of heaptrace_alloc a half. */
enum told { TOLD_AT_ONCE, TOLD_IN_HALVES };

/* What is to be said once the lock is free. */
enum report { REPORT_NOTHING, REPORT_FULL, REPORT_UNKNOWN };

static void say(enum report report, const void *ptr, size_t size, uintptr_t heap_id)
{
    struct line line = {.length = 0};

    if (report == REPORT_NOTHING) {
        return;
    }
    line_add(&line, report == REPORT_FULL
                        ? "quarry: heaptrace: all records are taken, blocks are left out from now"
                        : "quarry: heaptrace: a block is freed that was not recorded");
    line_add(&line, ", heap ");
    line_add_address(&line, (const void *)heap_id);
    line_add(&line, ", address ");
    line_add_address(&line, ptr);
    line_add(&line, ", bytes ");
    line_add_number(&line, size);
    line_to_stderr(&line);
}

static void drop(struct traced *traced)
{
    outstanding_bytes -= traced->seen.size;
    record_remove(&table, &traced->record);
}

/* The lock is held. */
static enum report add(const struct traced *traced, enum told told)
{
    struct traced *old = (struct traced *)(void *)record_find(&table, traced->seen.ptr);

    if (!heaptrace_filter_passes(&traced->seen)) {
        complete = false;
        if (old != NULL && told == TOLD_AT_ONCE) {
            drop(old); /* else it goes with the free that follows */
        }
        return REPORT_NOTHING;
    }
    if (old != NULL) {
        outstanding_bytes += traced->seen.size - old->seen.size;
        old->seen = traced->seen;
        old->free_pending = told == TOLD_IN_HALVES;
        return REPORT_NOTHING;
    }
    if (record_add(&table, traced->seen.ptr, traced) == NULL) {
        bool first = !full_reported;

        complete = false;
        full_reported = true;
        return first ? REPORT_FULL : REPORT_NOTHING;
    }
    outstanding_bytes += traced->seen.size;
    return REPORT_NOTHING;
}

static void trace_alloc(void *ptr, size_t size, uintptr_t heap_id, const void *caller,
                        enum told told)
{
    struct event_hold hold;
    struct traced traced = {.free_pending = false};

    if (!is_tracing() || ptr == NULL) {
        return;
    }
    heaptrace_capture(&traced.seen, ptr, size, heap_id, caller);
    if (event_lock_enter(EVENT_LOCK_TRACE, &hold)) {
        enum report report = add(&traced, told);

        event_lock_leave(EVENT_LOCK_TRACE, &hold);
        say(report, ptr, size, heap_id);
    }
}

/* Returns whether nothing is known of the block although it should be. The lock is held. */
static bool end(const void *ptr)
{
    struct traced *traced = (struct traced *)(void *)record_find(&table, ptr);

    if (traced == NULL) {
        return complete;
    }
    if (traced->free_pending) {
        traced->free_pending = false;
    } else {
        drop(traced);
    }
    return false;
}

static bool trace_free(const void *ptr)
{
    struct event_hold hold;
    bool missed = false;

    if (is_tracing() && ptr != NULL && event_lock_enter(EVENT_LOCK_TRACE, &hold)) {
        missed = end(ptr);
        event_lock_leave(EVENT_LOCK_TRACE, &hold);
    }
    return missed;
}

void heaptrace_alloc(void *ptr, size_t size, uintptr_t heap_id)
{
    trace_alloc(ptr, size, heap_id, __builtin_return_address(0), TOLD_IN_HALVES);
}

void heaptrace_free(void *ptr, size_t size, uintptr_t heap_id)
{
    if (trace_free(ptr)) {
        say(REPORT_UNKNOWN, ptr, size, heap_id);
    }
}

void heaptrace_resize(uintptr_t heap_id, void *old_end, void *new_end)
{
    struct event_hold hold;

    if (is_tracing() && event_lock_enter(EVENT_LOCK_TRACE, &hold)) {
        heaptrace_heaps_resize(heap_id, old_end, new_end);
        event_lock_leave(EVENT_LOCK_TRACE, &hold);
    }
}

/* Forgets the blocks of a heap, and those inside of a range; not what begins with it, which may be
 * a block that another heap is being made in. The lock is held. */
static void drop_heap(uintptr_t heap_id, uintptr_t start, uintptr_t range_end)
{
    for (uint32_t i = 0; i < table.begun; i++) {
        struct traced *traced = traced_at(i);
        uintptr_t address = traced != NULL ? (uintptr_t)traced->seen.ptr : 0;

        if (traced != NULL &&
            (traced->seen.heap_id == heap_id || (address > start && address < range_end))) {
            drop(traced);
        }
    }
}

static void watch_begin(struct sys_heap *heap, void *mem, size_t bytes)
{
    struct event_hold hold;
    void *mem_end = (char *)mem + bytes;

    if (event_lock_enter(EVENT_LOCK_TRACE, &hold)) {
        drop_heap((uintptr_t)heap, (uintptr_t)mem, (uintptr_t)mem_end);
        heaptrace_heaps_begin((uintptr_t)heap, mem, mem_end);
        event_lock_leave(EVENT_LOCK_TRACE, &hold);
    }
}

static void watch_extend(struct sys_heap *heap, void *mem, size_t bytes)
{
    heaptrace_resize((uintptr_t)heap, mem, (char *)mem + bytes);
}

static void watch_cut(struct sys_heap *heap, void *new_end)
{
    struct event_hold hold;

    if (new_end != heap->heap) {
        heaptrace_resize((uintptr_t)heap, NULL, new_end);
    } else if (event_lock_enter(EVENT_LOCK_TRACE, &hold)) {
        drop_heap((uintptr_t)heap, 0, 0);
        heaptrace_heaps_end((uintptr_t)heap);
        event_lock_leave(EVENT_LOCK_TRACE, &hold);
    }
}

static void watch_alloc(struct sys_heap *heap, const struct note_block *block)
{
    trace_alloc(block->mem, block->usable_bytes, (uintptr_t)heap, block->caller, TOLD_AT_ONCE);
}

static void watch_resize(struct sys_heap *heap, const struct note_block *block,
                         size_t old_usable_bytes)
{
    (void)old_usable_bytes;
    trace_alloc(block->mem, block->usable_bytes, (uintptr_t)heap, block->caller, TOLD_AT_ONCE);
}

static void watch_free(struct sys_heap *heap, const struct note_block *block)
{
    (void)heap;
    trace_free(block->mem);
}

static struct note_watcher watcher = {
    .begin = watch_begin,
    .extend = watch_extend,
    .cut = watch_cut,
    .alloc = watch_alloc,
    .resize = watch_resize,
    .free = watch_free,
};

/* Another thread's stay in the lock was cut off by fork. */
static void mend(void)
{
    if (!is_tracing()) {
        return;
    }
    record_table_mend(&table);
    outstanding_bytes = 0;
    complete = false;
    for (uint32_t i = 0; i < table.begun; i++) {
        const struct traced *traced = traced_at(i);

        outstanding_bytes += traced != NULL ? traced->seen.size : 0;
    }
}

/* The lock is held. */
static int begin_tracing(void)
{
    if (is_tracing()) {
        return 0;
    }
    if (!record_table_make(&table, sizeof(struct traced), CONFIG_HEAPTRACE_MAX_RECORDS,
                           "quarry: heaptrace")) {
        return -ENOMEM;
    }
    complete = true;
    atomic_store_explicit(&tracing, true, memory_order_release);
    note_watch(&watcher);
    return 0;
}

int heaptrace_init(void)
{
    struct event_hold hold;
    void *frame;
    int result = 0;

    event_lock_prepare(EVENT_LOCK_TRACE, mend);
    os_backtrace(&frame, 1); /* the first call may allocate: not inside of a heap */
    if (event_lock_enter(EVENT_LOCK_TRACE, &hold)) {
        result = begin_tracing();
        event_lock_leave(EVENT_LOCK_TRACE, &hold);
    }
    return result;
}

void heaptrace_reset(void)
{
    struct event_hold hold;

    if (is_tracing() && event_lock_enter(EVENT_LOCK_TRACE, &hold)) {
        complete = complete && table.live == 0;
        full_reported = false;
        record_table_clear(&table);
        outstanding_bytes = 0;
        heaptrace_heaps_forget_resizes();
        event_lock_leave(EVENT_LOCK_TRACE, &hold);
    }
}

/* Copies the next records from *index on, at most BATCH, and returns their number: 0 at the end. */
static size_t copy_batch(uint32_t *index, struct heaptrace_record *batch)
{
    struct event_hold hold;
    size_t count = 0;

    if (!is_tracing() || !event_lock_enter(EVENT_LOCK_TRACE, &hold)) {
        return 0;
    }
    for (; *index < table.begun && count < BATCH; (*index)++) {
        const struct traced *traced = traced_at(*index);

        if (traced != NULL) {
            batch[count++] = traced->seen;
        }
    }
    event_lock_leave(EVENT_LOCK_TRACE, &hold);
    return count;
}

void heaptrace_foreach_record(heaptrace_record_cb_t cb, void *user_data)
{
    struct heaptrace_record batch[BATCH];
    uint32_t index = 0;
    size_t count;

    while ((count = copy_batch(&index, batch)) != 0) {
        for (size_t i = 0; i < count; i++) {
            if (!cb(&batch[i], user_data)) {
                return;
            }
        }
    }
}

struct wanted_thread {
    const char *name;
    k_tid_t tid;
};

static bool is_not_wanted(const struct heaptrace_record *record, void *user_data)
{
    struct wanted_thread *wanted = (struct wanted_thread *)user_data;

    if (strcmp(record->thread_name, wanted->name) != 0) {
        return true;
    }
    wanted->tid = record->tid;
    return false;
}

k_tid_t heaptrace_find_tid_by_name(const char *name)
{
    struct wanted_thread wanted = {.name = name, .tid = NULL};

    if (name != NULL) {
        heaptrace_foreach_record(is_not_wanted, &wanted);
    }
    return wanted.tid;
}

struct totals {
    size_t bytes;
    size_t blocks;
};

static struct totals read_totals(void)
{
    struct event_hold hold;
    struct totals totals = {0};

    if (event_lock_enter(EVENT_LOCK_TRACE, &hold)) {
        totals = (struct totals){outstanding_bytes, table.live};
        event_lock_leave(EVENT_LOCK_TRACE, &hold);
    }
    return totals;
}

size_t heaptrace_outstanding_bytes(void)
{
    return read_totals().bytes;
}

size_t heaptrace_outstanding_blocks(void)
{
    return read_totals().blocks;
}
