/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * heaptrace: which blocks are outstanding, and who allocated them.
 *
 * From heaptrace_init on, every block of every sys_heap is recorded until it is freed: address,
 * usable bytes, heap, thread, time, processor, caller and, if built so, a back-trace. What is left
 * when a program ends has leaked:
 *
 *     heaptrace_init();
 *     ...
 *     heaptrace_foreach_record(print_record, NULL);
 *
 * Blocks that were there before are not known, and their frees are passed over. Blocks of other
 * allocators are recorded by calling heaptrace_alloc and heaptrace_free for each. Large blocks of
 * quarry_malloc lie in no heap, and are not recorded.
 *
 * Records lie outside of all heaps, in memory that is mapped by heaptrace_init and that takes pages
 * as it is used: CONFIG_HEAPTRACE_MAX_RECORDS records. Without heaptrace_init there is no record,
 * all counts are 0 and nothing is visited.
 *
 * Rules that hold for every function of this file, and are not repeated below:
 *
 * Cost:    O(1) unless said otherwise: two system calls to keep signals out, and a lock of the
 *          whole process. An allocation that is recorded takes one more for the thread's name, and
 *          the back-trace: about a microsecond for each few frames. The beginning and the end of a
 *          heap take O(records).
 * Blocks:  for that lock, which nobody holds for longer than O(records).
 * Threads: any.
 * Signals: heap calls that are traced, and all functions here but heaptrace_init and the two that
 *          write text, heaptrace_get_filter_name and heaptrace_filter_str, may be called from a
 *          handler whatever it interrupted; but for one of SIGSEGV and the like that interrupted
 *          this code, which is not heard.
 * Fork:    the child has the same records, for it has the same blocks; one that another thread was
 *          just adding or removing may be there or not.
 * Owner:   records are the library's, and callbacks are given copies that last as long as the call.
 * Source:  Zephyr's <zephyr/sys/heaptrace.h>. There the layout of the records, and which heaps are
 *          traced without being told, may differ.
 */
#ifndef ZEPHYR_INCLUDE_SYS_HEAPTRACE_H_
#define ZEPHYR_INCLUDE_SYS_HEAPTRACE_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zephyr/autoconf.h>
#include <zephyr/kernel/thread.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/** Bytes of a thread's name in a record, the final 0 included. */
#define HEAPTRACE_NAME_BYTES 16

/** Back-trace entries that a record has room for: at least one, so that it is valid C. */
#if CONFIG_HEAPTRACE_BACKTRACE_DEPTH > 0
#define HEAPTRACE_BACKTRACE_ROOM CONFIG_HEAPTRACE_BACKTRACE_DEPTH
#else
#define HEAPTRACE_BACKTRACE_ROOM 1
#endif

/** An outstanding block, as it was last allocated or resized. */
struct heaptrace_record {
    void *ptr;                              /**< the block */
    size_t size;                            /**< its size in bytes */
    uintptr_t heap_id;                      /**< the heap, as in <zephyr/sys/heap_listener.h> */
    k_tid_t tid;                            /**< the thread that allocated it */
    char thread_name[HEAPTRACE_NAME_BYTES]; /**< the thread's name at that time */
    int64_t time_ms;                        /**< that time, by the monotonic clock */
    unsigned int cpu;                       /**< the processor that the thread ran on */
    const void *caller;                     /**< return address of the call that asked for it */
    unsigned int backtrace_depth;           /**< entries of backtrace that are filled */
    /** Return addresses, that call's first, less CONFIG_HEAPTRACE_BACKTRACE_SKIP of them. */
    void *backtrace[HEAPTRACE_BACKTRACE_ROOM];
};

/** A change of a heap's size. */
struct heaptrace_resize_record {
    uintptr_t heap_id; /**< the heap */
    void *old_end;     /**< address behind its last byte before; NULL: not known */
    void *new_end;     /**< and after */
    int64_t time_ms;   /**< when, by the monotonic clock */
};

/** The boundaries of a heap. */
struct heaptrace_heap {
    uintptr_t heap_id; /**< the heap */
    void *start;       /**< address of its first byte; NULL: not known */
    void *end;         /**< address behind its last byte */
};

/** Looks at a copy of a record, with no lock held; returns true to go on, false to stop. */
typedef bool (*heaptrace_record_cb_t)(const struct heaptrace_record *record, void *user_data);
/** The same for changes of size. */
typedef bool (*heaptrace_resize_cb_t)(const struct heaptrace_resize_record *record,
                                      void *user_data);
/** The same for heaps. */
typedef bool (*heaptrace_heap_cb_t)(const struct heaptrace_heap *heap, void *user_data);

/**
 * Begins to trace.
 *
 * @return 0, also if it was called before, which has no further effect; -ENOMEM iff the system has
 *         no address space for the records
 *
 * Cost:    maps memory; every heap call in the process is slower from now on.
 * Signals: may not be called from a handler. May allocate.
 */
int heaptrace_init(void);

/** Forgets all records and changes of size; keeps the filter and the heaps' boundaries. O(records).
 */
void heaptrace_reset(void);

/**
 * Records a block that was allocated, or half of an in-place realloc if @p ptr is recorded already:
 * then the record is renewed, and the heaptrace_free of the old size that follows is swallowed.
 *
 * A block is left out if the thread does not pass the filter, or if all records are taken, which is
 * reported on standard error once until the next heaptrace_reset.
 *
 * @param ptr     the block; NULL has no effect
 * @param size    its size in bytes
 * @param heap_id the allocator
 */
void heaptrace_alloc(void *ptr, size_t size, uintptr_t heap_id);

/**
 * Takes a block off the records, whatever the filter says.
 *
 * A block that is not recorded is reported on standard error, unless one has been left out or
 * forgotten since heaptrace_init. (What sys_heaps say by themselves is not: they abort on misuse.)
 *
 * @param ptr     the block; NULL has no effect
 * @param size    its size in bytes, for the report only
 * @param heap_id the allocator, for the report only
 */
void heaptrace_free(void *ptr, size_t size, uintptr_t heap_id);

/**
 * Visits every outstanding block, in no particular order.
 *
 * Blocks that are allocated or freed meanwhile are visited or not; the callback may do both.
 *
 * @param cb        is given each; not NULL
 * @param user_data is passed on to it
 *
 * Cost: O(records that were ever used since the last heaptrace_reset).
 */
void heaptrace_foreach_record(heaptrace_record_cb_t cb, void *user_data);

/** Returns the sum of the outstanding blocks' sizes, in bytes. */
size_t heaptrace_outstanding_bytes(void);

/** Returns the number of outstanding blocks. */
size_t heaptrace_outstanding_blocks(void);

/**
 * Records that a heap's end moved. Of more than CONFIG_HEAPTRACE_MAX_RESIZE_RECORDS changes the
 * latest are kept. Growable heaps, which are those of quarry_malloc, do so by themselves.
 *
 * @param heap_id the heap
 * @param old_end address behind its last byte before
 * @param new_end and after
 */
void heaptrace_resize(uintptr_t heap_id, void *old_end, void *new_end);

/** Visits the changes of size, oldest first; as heaptrace_foreach_record. */
void heaptrace_foreach_resize(heaptrace_resize_cb_t cb, void *user_data);

/**
 * Visits the heaps whose boundaries are known: those that began or were resized since
 * heaptrace_init, the first 16 of them. As heaptrace_foreach_record.
 *
 * Differs from Zephyr: there no more than two.
 */
void heaptrace_foreach_heap(heaptrace_heap_cb_t cb, void *user_data);

/**
 * Records from now on only what this thread allocates. A new filter replaces the one before.
 *
 * @param tid the thread; NULL as heaptrace_clear_filter
 */
void heaptrace_set_filter_tid(k_tid_t tid);

/**
 * Records from now on only what threads allocate whose name has this text in it.
 *
 * @param name the text, of which the first 15 bytes count; NULL and "" as heaptrace_clear_filter
 */
void heaptrace_set_filter_name(const char *name);

/**
 * Records from now on only what is allocated on this processor.
 *
 * @param cpu its number; a negative one as heaptrace_clear_filter
 */
void heaptrace_set_filter_cpu(int cpu);

/** Records again whatever is allocated. */
void heaptrace_clear_filter(void);

/** Returns the thread that the filter is for, or NULL if it is not for one. */
k_tid_t heaptrace_get_filter_tid(void);

/**
 * Copies the text that the filter looks for in names, "" if it is not for names.
 *
 * @param buf where it goes, cut to fit
 * @param len bytes there, at least 1
 * @return @p buf
 */
const char *heaptrace_get_filter_name(char *buf, size_t len);

/** Returns the processor that the filter is for, or -1 if it is not for one. */
int heaptrace_get_filter_cpu(void);

/**
 * Describes the filter: "none", "tid 0x7f...", "name text" or "cpu 3".
 *
 * @param buf where it goes, cut to fit
 * @param len bytes there, at least 1
 * @return @p buf
 */
const char *heaptrace_filter_str(char *buf, size_t len);

/**
 * Returns a thread of this name.
 *
 * @param name the whole name
 * @return a thread that had this name when it allocated a block that is outstanding; NULL iff @p
 *         name is NULL or there is no such record
 *
 * Cost: O(records).
 * Differs from Zephyr: there it finds threads without records, too.
 */
k_tid_t heaptrace_find_tid_by_name(const char *name);

/** Returns "libc" for HEAP_ID_LIBC, else "sys_heap". */
const char *heaptrace_heap_id_to_name(uintptr_t heap_id);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
