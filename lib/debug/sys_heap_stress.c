/* SPDX-License-Identifier: Apache-2.0 */
/* A load for allocators that is the same on every machine: sizes and choices come from a generator
 * whose state runs on from call to call, and are drawn by Zephyr's rules exactly, so that the same
 * program counts the same on a PC and on a device.
 *
 * Live blocks are the first `live` records of the scratch memory, in no order:
 *
 *    | block, bytes | block, bytes | block, bytes | unused ...
 *                                                 ^ live
 *
 * Freeing draws one and fills the hole with the last. Numbers are drawn in this order: whether to
 * allocate, unless there is no choice; then for an allocation its scale and its size, for a free
 * its record. Sizes follow a power law: each further doubling is half as likely. */
#include <zephyr/sys/sys_heap.h>

struct live_block {
    void *mem;
    size_t bytes; /* as asked for */
};

struct load {
    struct live_block *blocks;
    size_t live;
    size_t capacity;
    size_t live_bytes;
    size_t total_bytes;
    uint32_t target_percent;
};

/* Runs on over all calls. Atomic and relaxed: threads draw different numbers of one sequence. */
static uint64_t generator = 123456789;

static uint32_t draw(void)
{
    uint64_t state = __atomic_load_n(&generator, __ATOMIC_RELAXED);
    uint64_t next;

    do {
        next = state * 2862933555777941757u + 3037000493u;
    } while (!__atomic_compare_exchange_n(&generator, &state, next, true, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    return (uint32_t)(next >> 32);
}

/* The fuller, the more likely to free: never when empty, one in two at the target, always above. */
static bool choose_to_allocate(const struct load *load)
{
    if (load->live == 0) {
        return true;
    }
    if (load->live == load->capacity) {
        return false;
    }
    uint64_t full_percent = (uint64_t)load->live_bytes * 100 / load->total_bytes;
    uint32_t free_below = UINT32_MAX;

    if (full_percent < load->target_percent) {
        free_below = (uint32_t)full_percent * (0x80000000u / load->target_percent);
    }
    return draw() > free_below;
}

static size_t draw_size(void)
{
    uint32_t drawn = draw();
    unsigned int scale = 4 + (drawn != 0 ? (unsigned int)__builtin_clz(drawn) : 32);
    uint32_t mask = scale < 32 ? ((uint32_t)1 << scale) - 1 : UINT32_MAX;

    return draw() & mask;
}

static struct live_block take_any(struct load *load)
{
    struct live_block *hole = &load->blocks[draw() % load->live];
    struct live_block taken = *hole;

    *hole = load->blocks[--load->live];
    load->live_bytes -= taken.bytes;
    return taken;
}

static void keep(struct load *load, void *mem, size_t bytes)
{
    load->blocks[load->live++] = (struct live_block){mem, bytes};
    load->live_bytes += bytes;
}

void sys_heap_stress(void *(*alloc_fn)(void *arg, size_t bytes),
                     void (*free_fn)(void *arg, void *p), void *arg, size_t total_bytes,
                     uint32_t op_count, void *scratch_mem, size_t scratch_bytes, int target_percent,
                     struct z_heap_stress_result *result)
{
    struct load load = {
        .blocks = scratch_mem,
        .capacity = scratch_bytes / sizeof(struct live_block),
        .total_bytes = total_bytes,
        .target_percent = target_percent > 0 ? (uint32_t)target_percent : 0,
    };

    *result = (struct z_heap_stress_result){0};
    for (uint32_t i = 0; i < op_count; i++) {
        if (choose_to_allocate(&load)) {
            size_t bytes = draw_size();
            void *mem = alloc_fn(arg, bytes);

            result->total_allocs++;
            if (mem != NULL) {
                result->successful_allocs++;
                keep(&load, mem, bytes);
            }
        } else {
            free_fn(arg, take_any(&load).mem);
            result->total_frees++;
        }
        result->accumulated_in_use_bytes += load.live_bytes;
    }
}
