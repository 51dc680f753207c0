/* SPDX-License-Identifier: Apache-2.0 */
/* Two heaps behind one: a small fast memory and a large slow one. A function of ours chooses by
 * attribute: what should be fast may be slow if it must, what is large is never fast. */
#include <stdio.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/multi_heap.h>

enum attribute { FAST, LARGE };

static char __aligned(8) fast_memory[Z_HEAP_MIN_SIZE_FOR(256)];
static char __aligned(8) large_memory[4096];
static struct sys_heap fast_heap;
static struct sys_heap large_heap;
static struct sys_multi_heap memory;

static void *choose(struct sys_multi_heap *mheap, void *cfg, size_t align, size_t size)
{
    void *block = NULL;

    ARG_UNUSED(mheap);
    if (*(const enum attribute *)cfg == FAST) {
        block = sys_heap_aligned_alloc(&fast_heap, align, size);
    }
    return block != NULL ? block : sys_heap_aligned_alloc(&large_heap, align, size);
}

static void *take(enum attribute attribute, size_t bytes)
{
    void *block = sys_multi_heap_alloc(&memory, &attribute, bytes);
    const struct sys_multi_heap_rec *record = sys_multi_heap_get_heap(&memory, block);

    printf("%zu bytes, %s: %s memory\n", bytes, attribute == FAST ? "fast" : "large",
           block == NULL ? "no" : (const char *)record->user_data);
    return block;
}

int main(void)
{
    static char fast_name[] = "fast";
    static char large_name[] = "large";

    sys_heap_init(&fast_heap, fast_memory, sizeof(fast_memory));
    sys_heap_init(&large_heap, large_memory, sizeof(large_memory));
    sys_multi_heap_init(&memory, choose);
    sys_multi_heap_add_heap(&memory, &fast_heap, fast_name);
    sys_multi_heap_add_heap(&memory, &large_heap, large_name);

    void *table = take(FAST, 200);
    void *spill = take(FAST, 200); /* the fast memory has no room for a second one */
    void *image = take(LARGE, 1000);
    take(LARGE, 10000);

    sys_multi_heap_free(&memory, table); /* goes back to where it came from */
    table = take(FAST, 100);
    sys_multi_heap_free(&memory, table);
    sys_multi_heap_free(&memory, spill);
    sys_multi_heap_free(&memory, image);
    return 0;
}
