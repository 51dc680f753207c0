/* SPDX-License-Identifier: Apache-2.0 */
/* Scratch memory of a subsystem: a heap of its own without a lock, watched by listeners, and large
 * tables from the system's heap. */
#include <string.h>
#include <zephyr/kernel.h>
#include <zephyr/spinlock.h>
#include <zephyr/sys/heap_listener.h>
#include <zephyr/sys/mem_stats.h>
#include <zephyr/sys/printk.h>
#include <zephyr/sys/sys_heap.h>
#include <zephyr/types.h>
#include "firmware.h"

#define SCRATCH_SIZE KB(2)

static uint8_t __noinit __aligned(8) scratch_memory[SCRATCH_SIZE];
static struct sys_heap scratch;
static size_t watermark;
static size_t in_use;

static void on_alloc(uintptr_t heap_id, void *mem, size_t bytes)
{
    ARG_UNUSED(heap_id);
    ARG_UNUSED(mem);
    in_use += bytes;
    watermark = MAX(watermark, in_use);
}

static void on_free(uintptr_t heap_id, void *mem, size_t bytes)
{
    ARG_UNUSED(heap_id);
    ARG_UNUSED(mem);
    in_use -= bytes;
}

static HEAP_LISTENER_ALLOC_DEFINE(alloc_listener, HEAP_ID_FROM_POINTER(&scratch), on_alloc);
static HEAP_LISTENER_FREE_DEFINE(free_listener, HEAP_ID_FROM_POINTER(&scratch), on_free);

int scratch_init(void)
{
    sys_heap_init(&scratch, scratch_memory, sizeof(scratch_memory));
    heap_listener_register(&alloc_listener);
    heap_listener_register(&free_listener);
    return sys_heap_validate(&scratch) ? 0 : -EFAULT;
}

static int use_table(size_t rows)
{
    uint32_t *table = (uint32_t *)k_malloc(rows * sizeof(*table));
    uint32_t *larger;

    if (table == NULL) {
        return -ENOMEM;
    }
    memset(table, 0xff, rows * sizeof(*table));
    larger = (uint32_t *)k_realloc(table, 2 * rows * sizeof(*table));
    if (larger == NULL) {
        k_free(table);
        return -ENOMEM;
    }
    int ret = larger[rows - 1] == UINT32_MAX ? 0 : -EIO;

    k_free(larger);
    return ret;
}

int scratch_run(void)
{
    struct sys_memory_stats stats;
    void *first = sys_heap_alloc(&scratch, 100);
    void *second = sys_heap_aligned_alloc(&scratch, 64, 100);

    if (first == NULL || second == NULL) {
        return -ENOMEM;
    }
    first = sys_heap_realloc(&scratch, first, 50);
    sys_heap_free(&scratch, first);
    sys_heap_free(&scratch, second);
    heap_listener_unregister(&alloc_listener);
    heap_listener_unregister(&free_listener);

#ifdef CONFIG_SYS_HEAP_RUNTIME_STATS
    if (sys_heap_runtime_stats_get(&scratch, &stats) != 0 || stats.allocated_bytes != 0) {
        return -EIO;
    }
#else
    ARG_UNUSED(stats);
#endif
    if (in_use != 0 || watermark < 200) {
        printk("%zu bytes are still in use, %zu were at most\n", in_use, watermark);
        return -EIO;
    }
    return use_table(20);
}
