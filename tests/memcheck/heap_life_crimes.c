/* SPDX-License-Identifier: Apache-2.0 */
/* Deeds of heap_crimes on whole heaps: begun, abandoned, ended, one in another, several in one. */
#include <quarry/heap.h>
#include <stdlib.h>
#include <string.h>
#include <zephyr/multi_heap/shared_multi_heap.h>
#include <zephyr/sys/multi_heap.h>

#include "heap_crimes.h"

static void write_past_block_of_second_heap(void)
{
    free_block(alloc(BYTES));
    sys_heap_init(&heap, buffer + 64, BUFFER_BYTES / 2);
    block = alloc(BYTES);
    block[BYTES] = 1;
}

/* A program may abandon a heap and begin another one anywhere in its buffer. */
static void make_heaps_one_over_the_other(void)
{
    for (size_t offset = 0; offset < 256; offset += 24) {
        sys_heap_init(&heap, buffer + offset, BUFFER_BYTES - 2 * offset);
        kept[0] = alloc(BYTES);
        fill(kept[0], BYTES);
        block = alloc(1);
        fill(block, 1);
        free_block(block);
    }
}

/* What the second heap does not take of the first one's buffer is the program's again. */
static void use_rest_of_abandoned_heap(void)
{
    fill(alloc(BYTES), BYTES);
    sys_heap_init(&heap, buffer + 1024, 1024);
    memset(buffer, 0, 1024);
    memset(buffer + 2048, 0, BUFFER_BYTES - 2048);
}

static void use_buffer_of_ended_heap(void)
{
    fill(alloc(BYTES), BYTES);
    quarry_heap_end(&heap);
    memset(buffer, 1, BUFFER_BYTES);
    sink = buffer[BUFFER_BYTES - 1];
    quarry_heap_end(&heap);
}

static void use_buffer_of_heap(void)
{
    block = alloc(BYTES);
    fill(block, BYTES);
    buffer[BUFFER_BYTES / 2] = 1;
}

__attribute__((noinline)) static void make_heap_on_stack(void)
{
    _Alignas(8) char memory[1024];
    struct sys_heap inner;

    sys_heap_init(&inner, memory, sizeof(memory));
    fill(announce(sys_heap_alloc(&inner, BYTES)), BYTES);
    quarry_heap_end(&inner);
}

__attribute__((noinline)) static void use_stack(void)
{
    volatile char memory[2048];

    fill(memory, sizeof(memory));
    sink = memory[1000];
}

static void use_stack_after_heap(void)
{
    make_heap_on_stack();
    use_stack();
}

/* A heap in a block of another one, which goes on being used. */
static struct sys_heap nested;

static void nest(void)
{
    block = alloc(1024);
    sys_heap_init(&nested, (void *)(size_t)block, 1024);
    kept[0] = announce(sys_heap_alloc(&nested, BYTES));
    fill(kept[0], BYTES);
}

static void use_nested(void)
{
    for (int round = 0; round < 3; round++) {
        nest();
        sys_heap_free(&nested, (void *)(size_t)kept[0]);
        kept[0] = announce(sys_heap_alloc(&nested, 2 * BYTES));
        fill(kept[0], 2 * BYTES);
        kept[1] = alloc(BYTES);
        fill(kept[1], BYTES);
        free_block(block); /* and with it the heap in it */
        block = alloc(1000);
        fill(block, 1000);
        free_block(block);
        free_block(kept[1]);
    }
}

static void leave_nested(void)
{
    nest();
    kept[1] = alloc(BYTES);
}

static void write_past_nested(void)
{
    nest();
    kept[0][BYTES] = 1;
}

static void read_freed_nested(void)
{
    nest();
    sys_heap_free(&nested, (void *)(size_t)kept[0]);
    sink = kept[0][16];
}

static void write_past_outer(void)
{
    nest();
    quarry_heap_end(&nested);
    fill(block, 1024);
    block[1024] = 1;
}

static void make_heap_in_freed_buffer(void)
{
    block = announce(malloc(1024));
    free((void *)(size_t)block);
    sys_heap_init(&nested, (void *)(size_t)block, 1024);
    sink = nested.heap != NULL; /* so that the call above is no jump */
}

static void make_heap_beyond_buffer(void)
{
    block = announce(malloc(1024));
    sys_heap_init(&nested, (void *)(size_t)block, 1032);
    sink = nested.heap != NULL; /* so that the call above is no jump */
}

/* The only pointer to a block of malloc is in the heap. */
static void point_to_malloc(void)
{
    block = alloc(sizeof(void *));
    *(void *volatile *)(size_t)block = malloc(BYTES);
}

static void make_many_heaps(void)
{
    static _Alignas(8) char buffers[KEPT_BLOCKS][128];

    for (size_t i = 0; i < KEPT_BLOCKS; i++) {
        sys_heap_init(&heap, buffers[i], sizeof(buffers[i]));
        kept[i] = alloc(8);
        fill(kept[i], 8);
    }
}

/* A block that moves from one heap to another. */
static _Alignas(8) char other_buffer[BUFFER_BYTES];
static struct sys_heap other_heap;
static struct sys_multi_heap multi;

static void *choose_other(struct sys_multi_heap *mheap, void *cfg, size_t align, size_t size)
{
    (void)mheap;
    (void)cfg;
    return sys_heap_aligned_alloc(&other_heap, align, size);
}

static void move_and_use(volatile char *(*move)(void))
{
    kept[0] = move();
    if (kept[0][BYTES - 1] == 1) {
        sink = 1;
    }
    fill(kept[0], BUFFER_BYTES / 2);
}

static volatile char *move_to_other(void)
{
    sys_heap_init(&other_heap, other_buffer, BUFFER_BYTES);
    sys_multi_heap_init(&multi, choose_other);
    sys_multi_heap_add_heap(&multi, &heap, NULL);
    sys_multi_heap_add_heap(&multi, &other_heap, NULL);
    block = alloc(BYTES);
    fill(block, BYTES);
    kept[1] = alloc(BUFFER_BYTES / 2);
    return announce(sys_multi_heap_realloc(&multi, NULL, (void *)(size_t)block, BUFFER_BYTES / 2));
}

static void move_to_other_heap(void)
{
    move_and_use(move_to_other);
}

static void read_moved_to_other_heap(void)
{
    move_and_use(move_to_other);
    sink = block[16];
}

static volatile char *move_in_the_pool(void)
{
    struct shared_multi_heap_region region = {0, (size_t)buffer, BUFFER_BYTES};
    struct shared_multi_heap_region other = {0, (size_t)other_buffer, BUFFER_BYTES};

    quarry_heap_end(&heap);
    shared_multi_heap_add(&region, NULL);
    shared_multi_heap_add(&other, NULL);
    block = announce(shared_multi_heap_alloc(0, BYTES));
    fill(block, BYTES);
    kept[1] = announce(shared_multi_heap_alloc(0, BUFFER_BYTES / 2));
    return announce(shared_multi_heap_realloc(0, (void *)(size_t)block, BUFFER_BYTES / 2));
}

static void move_in_pool(void)
{
    move_and_use(move_in_the_pool);
}

static void read_moved_in_pool(void)
{
    move_and_use(move_in_the_pool);
    sink = block[16];
}

const struct deed heap_life_deeds[] = {
    {"write_past_block_of_second_heap", write_past_block_of_second_heap},
    {"make_heaps_one_over_the_other", make_heaps_one_over_the_other},
    {"use_rest_of_abandoned_heap", use_rest_of_abandoned_heap},
    {"make_many_heaps", make_many_heaps},
    {"use_buffer_of_ended_heap", use_buffer_of_ended_heap},
    {"use_buffer_of_heap", use_buffer_of_heap},
    {"use_stack_after_heap", use_stack_after_heap},
    {"use_nested", use_nested},
    {"leave_nested", leave_nested},
    {"write_past_nested", write_past_nested},
    {"read_freed_nested", read_freed_nested},
    {"write_past_outer", write_past_outer},
    {"make_heap_in_freed_buffer", make_heap_in_freed_buffer},
    {"make_heap_beyond_buffer", make_heap_beyond_buffer},
    {"point_to_malloc", point_to_malloc},
    {"move_to_other_heap", move_to_other_heap},
    {"read_moved_to_other_heap", read_moved_to_other_heap},
    {"move_in_pool", move_in_pool},
    {"read_moved_in_pool", read_moved_in_pool},
    {NULL, NULL},
};
