/* SPDX-License-Identifier: Apache-2.0 */
/* Small wrong programs on a sys_heap, for memcheck to find what is wrong with them.
 *
 *     heap_crimes BUFFER DEED
 *
 * BUFFER is where the heap lies: static, malloc or mmap. DEED is one of the names below; each wrong
 * one has a right one beside it, which differs in nothing but the wrong step.
 *
 * memcheck looks for lost blocks of a heap only if the C library's malloc has a live block, too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <zephyr/sys/sys_heap.h>

#define BUFFER_BYTES 4096u
#define BYTES        100u
#define KEPT_BLOCKS  400u

static _Alignas(8) char static_buffer[BUFFER_BYTES];
static char *buffer;
static struct sys_heap heap;
static void *volatile live_block_of_malloc;
/* What the deeds read and write; memcheck follows values, the compiler must not see through them.
 */
static volatile char *volatile block;
static volatile char *volatile kept[KEPT_BLOCKS];
static volatile char sink;

static volatile char *alloc(size_t bytes)
{
    return sys_heap_alloc(&heap, bytes);
}

static void free_block(volatile char *mem)
{
    sys_heap_free(&heap, (void *)(size_t)mem);
}

static volatile char *resize(volatile char *mem, size_t bytes)
{
    return sys_heap_realloc(&heap, (void *)(size_t)mem, bytes);
}

static void fill(volatile char *mem, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        mem[i] = (char)i;
    }
}

/* Writes one byte at an offset from a new block, which then stays: freeing it would end the program
 * if a header is damaged. */
static void write_at(long offset)
{
    block = alloc(BYTES);
    block[offset] = 1;
}

static void write_last(void)
{
    write_at(BYTES - 1);
}

static void write_past_end(void)
{
    write_at(BYTES);
}

static void write_in_slack(void)
{
    write_at(BYTES + 3);
}

static void write_first(void)
{
    write_at(0);
}

static void write_before(void)
{
    write_at(-1);
}

static void read_far_past_end(void)
{
    block = alloc(BYTES);
    fill(block, BYTES);
    sink = block[BYTES + 20];
}

static void write_past_aligned(void)
{
    block = sys_heap_aligned_alloc(&heap, 256, BYTES);
    block[BYTES] = 1;
}

static void write_in_aligned(void)
{
    block = sys_heap_aligned_alloc(&heap, 256, BYTES);
    fill(block, BYTES);
    free_block(block);
}

static void branch_on_fresh(void)
{
    block = alloc(BYTES);
    if (block[7] == 1) {
        puts("one");
    }
}

static void branch_on_written(void)
{
    block = alloc(BYTES);
    fill(block, BYTES);
    if (block[7] == 1) {
        puts("one");
    }
}

/* Memory that was written, freed and handed out again is undefined again. */
static void branch_on_reused(void)
{
    block = alloc(BYTES);
    fill(block, BYTES);
    free_block(block);
    branch_on_fresh();
}

static void read_freed(void)
{
    block = alloc(BYTES);
    fill(block, BYTES);
    free_block(block);
    sink = block[16];
}

static void write_freed(void)
{
    block = alloc(BYTES);
    free_block(block);
    block[BYTES - 1] = 1;
}

static void read_moved(void)
{
    block = alloc(BYTES);
    fill(block, BYTES);
    volatile char *neighbour = alloc(1);
    volatile char *moved = resize(block, 2 * BYTES);
    sink = moved[BYTES - 1];
    sink = block[16];
    free_block(moved);
    free_block(neighbour);
}

static void read_new_place(void)
{
    block = alloc(BYTES);
    fill(block, BYTES);
    volatile char *neighbour = alloc(1);
    volatile char *moved = resize(block, 2 * BYTES);
    sink = moved[16];
    free_block(moved);
    free_block(neighbour);
}

static void lose(void)
{
    block = alloc(BYTES);
    block = alloc(10);
}

static void keep(void)
{
    block = alloc(BYTES);
    kept[0] = alloc(10);
}

static void resize_in_place(size_t bytes)
{
    block = alloc(BYTES);
    fill(block, BYTES);
    if (resize(block, bytes) != block) {
        puts("the block has moved");
        exit(1);
    }
}

static void write_past_grown(void)
{
    resize_in_place(2 * BYTES);
    block[2 * BYTES] = 1;
}

static void branch_on_grown(void)
{
    resize_in_place(2 * BYTES);
    if (block[BYTES + 7] == 1) {
        puts("one");
    }
}

static void use_grown(void)
{
    resize_in_place(2 * BYTES);
    if (block[BYTES - 1] == 1) { /* the old contents are still defined */
        puts("one");
    }
    fill(block, 2 * BYTES);
    sink = block[2 * BYTES - 1];
    free_block(block);
}

static void write_past_shrunk(void)
{
    resize_in_place(BYTES / 2);
    block[BYTES / 2] = 1;
}

/* Within the same unit of the heap: nothing changes but the size that was asked for. */
static void write_past_hardly_shrunk(void)
{
    resize_in_place(BYTES - 1);
    block[BYTES - 1] = 1;
}

static void use_shrunk(void)
{
    resize_in_place(BYTES / 2);
    if (block[BYTES / 2 - 1] == 1) {
        puts("one");
    }
    free_block(block);
    block = alloc(BYTES);
    fill(block, BYTES);
    free_block(block);
}

static void write_past_block_of_second_heap(void)
{
    free_block(alloc(BYTES));
    sys_heap_init(&heap, buffer + 64, BUFFER_BYTES / 2);
    write_past_end();
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

static void make_many_heaps(void)
{
    static _Alignas(8) char buffers[KEPT_BLOCKS][128];

    for (size_t i = 0; i < KEPT_BLOCKS; i++) {
        sys_heap_init(&heap, buffers[i], sizeof(buffers[i]));
        kept[i] = alloc(8);
        fill(kept[i], 8);
    }
}

static void look_around(void)
{
    block = alloc(BYTES);
    fill(block, BYTES);
    sink = (char)sys_heap_usable_size(&heap, (void *)(size_t)block);
    if (!sys_heap_validate(&heap)) {
        puts("damaged");
        exit(1);
    }
    free_block(block);
}

static const struct {
    const char *name;
    void (*run)(void);
} deeds[] = {
    {"write_last", write_last},
    {"write_past_end", write_past_end},
    {"write_in_slack", write_in_slack},
    {"write_first", write_first},
    {"write_before", write_before},
    {"read_far_past_end", read_far_past_end},
    {"write_past_aligned", write_past_aligned},
    {"write_in_aligned", write_in_aligned},
    {"branch_on_fresh", branch_on_fresh},
    {"branch_on_written", branch_on_written},
    {"branch_on_reused", branch_on_reused},
    {"read_freed", read_freed},
    {"write_freed", write_freed},
    {"read_moved", read_moved},
    {"read_new_place", read_new_place},
    {"lose", lose},
    {"keep", keep},
    {"write_past_grown", write_past_grown},
    {"branch_on_grown", branch_on_grown},
    {"use_grown", use_grown},
    {"write_past_shrunk", write_past_shrunk},
    {"write_past_hardly_shrunk", write_past_hardly_shrunk},
    {"use_shrunk", use_shrunk},
    {"write_past_block_of_second_heap", write_past_block_of_second_heap},
    {"make_heaps_one_over_the_other", make_heaps_one_over_the_other},
    {"use_rest_of_abandoned_heap", use_rest_of_abandoned_heap},
    {"make_many_heaps", make_many_heaps},
    {"look_around", look_around},
};

static char *make_buffer(const char *kind)
{
    if (strcmp(kind, "static") == 0) {
        return static_buffer;
    }
    if (strcmp(kind, "malloc") == 0) {
        return malloc(BUFFER_BYTES);
    }
    if (strcmp(kind, "mmap") == 0) {
        char *mapped =
            mmap(NULL, BUFFER_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        return mapped != MAP_FAILED ? mapped : NULL;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    buffer = argc == 3 ? make_buffer(argv[1]) : NULL;
    if (buffer == NULL) {
        return 2;
    }
    live_block_of_malloc = malloc(1);
    sys_heap_init(&heap, buffer, BUFFER_BYTES);
    for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++) {
        if (strcmp(argv[2], deeds[i].name) == 0) {
            deeds[i].run();
            return 0;
        }
    }
    return 2;
}
