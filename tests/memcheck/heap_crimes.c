/* SPDX-License-Identifier: Apache-2.0 */
/* Small wrong programs on a sys_heap, for memcheck, AddressSanitizer and MemorySanitizer to find
 * what is wrong with them.
 *
 *     heap_crimes BUFFER DEED
 *
 * BUFFER is where the heap lies: static, malloc or mmap. DEED is one of the names below; each wrong
 * one has a right one beside it, which differs in nothing but the wrong step. The addresses of all
 * blocks are printed to standard error.
 *
 * memcheck looks for lost blocks of a heap only if the C library's malloc has a live block, too. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "heap_crimes.h"

static _Alignas(8) char static_buffer[BUFFER_BYTES];
char *buffer;
struct sys_heap heap;
volatile char *volatile block;
volatile char *volatile kept[KEPT_BLOCKS];
volatile char sink;

static void *volatile live_block_of_malloc;

volatile char *announce(char *mem)
{
    fprintf(stderr, "block %p\n", (void *)mem);
    return mem;
}

volatile char *alloc(size_t bytes)
{
    return announce(sys_heap_alloc(&heap, bytes));
}

void free_block(volatile char *mem)
{
    sys_heap_free(&heap, (void *)(size_t)mem);
}

static volatile char *resize(volatile char *mem, size_t bytes)
{
    return sys_heap_realloc(&heap, (void *)(size_t)mem, bytes);
}

void fill(volatile char *mem, size_t bytes)
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
    block = announce(sys_heap_aligned_alloc(&heap, 256, BYTES));
    block[BYTES] = 1;
}

static void write_in_aligned(void)
{
    block = announce(sys_heap_aligned_alloc(&heap, 256, BYTES));
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

/* A block that moves takes along which of its bytes were written. */
static void move_half_written(void)
{
    block = alloc(BYTES);
    fill(block, BYTES / 2);
    kept[0] = alloc(1);
    block = resize(block, 2 * BYTES);
}

static void branch_on_moved(void)
{
    move_half_written();
    if (block[BYTES / 2 - 1] == 1) {
        puts("one");
    }
}

static void branch_on_moved_fresh(void)
{
    move_half_written();
    if (block[BYTES / 2] == 1) {
        puts("one");
    }
}

static void branch_on_freed(void)
{
    block = alloc(BYTES);
    fill(block, BYTES);
    free_block(block);
    if (block[16] == 1) {
        puts("one");
    }
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

static const struct deed block_deeds[] = {
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
    {"look_around", look_around},
    {"branch_on_moved", branch_on_moved},
    {"branch_on_moved_fresh", branch_on_moved_fresh},
    {"branch_on_freed", branch_on_freed},
    {NULL, NULL},
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

/* False if there is none of that name. */
static bool do_deed(const struct deed *deeds, const char *name)
{
    for (const struct deed *deed = deeds; deed->name != NULL; deed++) {
        if (strcmp(name, deed->name) == 0) {
            deed->run();
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    buffer = argc == 3 ? make_buffer(argv[1]) : NULL;
    if (buffer == NULL) {
        return 2;
    }
    live_block_of_malloc = malloc(1);
    sys_heap_init(&heap, buffer, BUFFER_BYTES);
    return do_deed(block_deeds, argv[2]) || do_deed(heap_life_deeds, argv[2]) ? 0 : 2;
}
