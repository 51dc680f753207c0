/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <cmocka.h>
#include <zephyr/sys/util.h>
#include "heap_load.h"

#define UNIT      8u
#define MOST_LIVE 512u

struct load {
    struct sys_heap heap;
    size_t header_bytes;
    uint32_t allocs;
    uint32_t frees;
};

/* What byte i of a block holds: blocks differ by their addresses, and bytes by their offsets. */
static uint8_t byte_of(const uint8_t *mem, size_t i)
{
    return (uint8_t)(((uintptr_t)mem >> 2) * 31 + i * 7 + (i >> 8));
}

static void fill(uint8_t *mem, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        mem[i] = byte_of(mem, i);
    }
}

static bool is_intact(const uint8_t *mem, size_t bytes)
{
    size_t i = 0;

    while (i < bytes && mem[i] == byte_of(mem, i)) {
        i++;
    }
    return i == bytes;
}

static void *allocate(void *arg, size_t bytes)
{
    struct load *load = arg;
    void *mem = sys_heap_alloc(&load->heap, bytes);

    load->allocs++;
    if (mem != NULL) {
        size_t usable = sys_heap_usable_size(&load->heap, mem);

        assert_int_equal(usable, ROUND_UP(bytes + load->header_bytes, UNIT) - load->header_bytes);
        fill(mem, usable);
    }
    assert_true(sys_heap_validate(&load->heap));
    return mem;
}

static void give_back(void *arg, void *mem)
{
    struct load *load = arg;

    load->frees++;
    assert_true(is_intact(mem, sys_heap_usable_size(&load->heap, mem)));
    sys_heap_free(&load->heap, mem);
    assert_true(sys_heap_validate(&load->heap));
}

struct z_heap_stress_result heap_load(void *buffer, size_t bytes, size_t header_bytes,
                                      uint32_t steps, int percent)
{
    static void *scratch[2 * MOST_LIVE];
    struct load load = {.header_bytes = header_bytes};
    struct z_heap_stress_result result;

    sys_heap_init(&load.heap, buffer, bytes);
    assert_non_null(load.heap.heap);
    sys_heap_stress(allocate, give_back, &load, bytes, steps, scratch, sizeof(scratch), percent,
                    &result);
    assert_int_equal(result.total_allocs, load.allocs);
    assert_int_equal(result.total_frees, load.frees);
    assert_int_equal(load.allocs + load.frees, steps);
    return result;
}

unsigned int heap_load_percent(const struct z_heap_stress_result *result, size_t bytes)
{
    uint64_t steps = (uint64_t)result->total_allocs + result->total_frees;

    return (unsigned int)(result->accumulated_in_use_bytes * 100 / (steps * bytes));
}

size_t heap_load_header_bytes(size_t heap_bytes)
{
    return Z_HEAP_IS_BIG_(heap_bytes / UNIT) ? Z_HEAP_BIG_HEADER_BYTES_
                                             : Z_HEAP_SMALL_HEADER_BYTES_;
}
