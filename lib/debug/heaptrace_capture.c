/* SPDX-License-Identifier: Apache-2.0 */
/* The thread, the time, the processor and the stack of an allocation.
 *
 * The back-trace shall begin with the caller's frame, whatever the compiler made of the functions
 * between it and the unwinder. So the unwinder's frames are searched for the return address of the
 * call that asked for memory:
 *
 *    os_backtrace:   capture | watch_alloc | ... | sys_heap_alloc | caller | its caller | ...
 *                    \--------- at most OWN_FRAMES ------------/   ^ found, kept from here on
 *
 * Not promised: that it is found. Then all frames are kept, from the innermost on. */
#include "debug/heaptrace_capture.h"

#include "os/os.h"

#define NS_PER_MS 1000000u
/* A few more than the calls from os_backtrace to a heap function, none of them inlined. */
#define OWN_FRAMES 16u

_Static_assert(HEAPTRACE_NAME_BYTES == OS_THREAD_NAME_BYTES, "names fit as they are");

static void capture_stack(struct heaptrace_record *record)
{
    void *frames[OWN_FRAMES + CONFIG_HEAPTRACE_BACKTRACE_SKIP + HEAPTRACE_BACKTRACE_ROOM];
    size_t count = os_backtrace(frames, sizeof(frames) / sizeof(frames[0]));
    size_t first = 0;

    while (first < count && frames[first] != record->caller) {
        first++;
    }
    first = (first < count ? first : 0) + CONFIG_HEAPTRACE_BACKTRACE_SKIP;
    for (; first < count && record->backtrace_depth < HEAPTRACE_BACKTRACE_ROOM; first++) {
        record->backtrace[record->backtrace_depth++] = frames[first];
    }
}

int64_t heaptrace_now_ms(void)
{
    return (int64_t)(os_now_ns() / NS_PER_MS);
}

void heaptrace_capture(struct heaptrace_record *record, void *ptr, size_t size, uintptr_t heap_id,
                       const void *caller)
{
    *record = (struct heaptrace_record){
        .ptr = ptr,
        .size = size,
        .heap_id = heap_id,
        .tid = (k_tid_t)(uintptr_t)os_thread_id(),
        .time_ms = heaptrace_now_ms(),
        .cpu = os_cpu(),
        .caller = caller,
    };
    os_thread_name(record->thread_name, sizeof(record->thread_name));
    if (CONFIG_HEAPTRACE_BACKTRACE_DEPTH > 0) {
        capture_stack(record);
    }
}
