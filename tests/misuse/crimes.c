/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that misuse a sys_heap, each in a few steps, to see at which step that is noticed.
 *
 *     crimes BUCKETS MISUSE
 *
 * BUCKETS is zephyr or fine. The program announces every step on standard error before it takes it,
 * and "end" if it gets there. Row of blocks that the misuses start from, of 24 bytes each, which is
 * what their chunks can hold:
 *
 *     | left | block | right | other | last |  free  |
 *
 * A step "later" frees and allocates what is left, so that damage has a chance to be met. */
#include <quarry/heap.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define BUFFER_BYTES 4096u
#define BYTES        24u
#define JUNK         0xab /* odd: as a size it is large, and marked as in use */
#define USERS_BYTE   0x11 /* odd, too */

static _Alignas(8) char buffer[BUFFER_BYTES];
static _Alignas(8) char second_buffer[BUFFER_BYTES];
static _Alignas(8) char no_heap[BUFFER_BYTES];
static struct sys_heap heap;
static struct sys_heap second_heap;
static char *left, *block, *right, *other, *last;

static void step(const char *name)
{
    fprintf(stderr, "step %s\n", name);
}

/* Through a pointer that the compiler cannot follow. */
static void put(char *to, size_t bytes, int byte)
{
    volatile char *volatile start = to;

    for (size_t i = 0; i < bytes; i++) {
        start[i] = (char)byte;
    }
}

static char *alloc(size_t bytes)
{
    char *mem = sys_heap_alloc(&heap, bytes);

    put(mem, bytes, USERS_BYTE);
    return mem;
}

static void release(char *mem)
{
    sys_heap_free(&heap, mem);
}

static void later(void)
{
    step("later");
    release(left);
    release(right);
    release(other);
    release(last);
    alloc(100);
    alloc(BUFFER_BYTES / 4);
}

/* After damage around the block. */
static void go_on(void)
{
    step("alloc");
    alloc(BYTES);
    step("free");
    release(block);
    later();
}

static void overflow(size_t bytes)
{
    step("write");
    put(block + BYTES, bytes, JUNK);
    go_on();
}

static void overflow_1(void)
{
    overflow(1);
}

static void overflow_8(void)
{
    overflow(8);
}

static void overflow_64(void)
{
    overflow(64);
}

static void underflow(void)
{
    step("write");
    put(block - 8, 8, JUNK);
    go_on();
}

/* Hits the word that says where the left neighbour starts, and nothing else. */
static void underflow_far(void)
{
    step("write");
    put(block - 8, 4, JUNK);
    go_on();
}

static void double_free_adjacent(void)
{
    release(left);
    release(block);
    step("free");
    release(block);
    step("later");
    release(right);
    alloc(100);
}

static void double_free_delayed(void)
{
    release(block);
    alloc(BYTES * 10);
    alloc(BYTES * 20);
    step("free");
    release(block);
    later();
}

/* The second free is another owner's first, and the owner's is noticed instead. */
static void double_free_reused(void)
{
    char *mine = block;

    release(block);
    for (int i = 0; i < 1000 && mine != NULL; i++) {
        char *theirs = sys_heap_alloc(&heap, BYTES);

        mine = theirs == block || theirs == NULL ? NULL : mine;
    }
    step("free");
    release(block);
    step("use");
    put(block, BYTES, USERS_BYTE);
    step("owner's");
    release(block);
    later();
}

static void free_one(char *mem)
{
    step("free");
    release(mem);
    later();
}

static void free_interior(void)
{
    free_one(block + 8);
}

static void free_foreign(void)
{
    put(no_heap, sizeof(no_heap), USERS_BYTE);
    free_one(no_heap + BUFFER_BYTES / 2);
}

__attribute__((noinline)) static void free_stack(void)
{
    _Alignas(8) char local[256];

    put(local, sizeof(local), USERS_BYTE);
    free_one(local + 128);
    put(local, sizeof(local), 0);
}

static void free_wrong_heap(void)
{
    step("free");
    sys_heap_free(&second_heap, block);
    step("later");
    sys_heap_alloc(&second_heap, BYTES);
    later();
}

/* Two free blocks of one size, which are neighbours in a list. */
static void free_two(void)
{
    release(block);
    release(other);
}

static void meet_free_blocks(void)
{
    step("alloc");
    alloc(BYTES);
    alloc(BYTES);
    step("later");
    release(left);
    release(right);
    release(last);
    alloc(100);
    alloc(BUFFER_BYTES / 4);
}

static void write_after_free(void)
{
    free_two();
    step("write");
    put(block, BYTES, JUNK);
    put(other, BYTES, JUNK);
    meet_free_blocks();
}

/* Of a size that ends where the next chunk but one begins. */
static void double_size(const char *mem)
{
    volatile uint32_t *volatile word = (volatile uint32_t *)(uintptr_t)(mem - 4);
    uint32_t used = *word & 1u;

    *word = (*word - used) * 2 + used;
}

static void damage_size(void)
{
    step("write");
    double_size(block);
    go_on();
}

static void damage_free_size(void)
{
    free_two();
    step("write");
    double_size(block);
    double_size(other);
    meet_free_blocks();
}

/* Makes both links of the two free blocks lead to `last`, a chunk of the heap. */
static void damage_links(void)
{
    uint32_t unit = (uint32_t)((last - 8 - (char *)heap.heap) / 8);
    uint32_t links[2] = {unit, unit};

    free_two();
    step("write");
    for (size_t i = 0; i < sizeof(links); i++) {
        put(block + i, 1, ((const char *)links)[i]);
        put(other + i, 1, ((const char *)links)[i]);
    }
    meet_free_blocks();
}

static const struct {
    const char *name;
    void (*run)(void);
} misuses[] = {
    {"double_free_adjacent", double_free_adjacent},
    {"double_free_delayed", double_free_delayed},
    {"double_free_reused", double_free_reused},
    {"overflow_1", overflow_1},
    {"overflow_8", overflow_8},
    {"overflow_64", overflow_64},
    {"underflow", underflow},
    {"underflow_far", underflow_far},
    {"free_interior", free_interior},
    {"free_foreign", free_foreign},
    {"free_stack", free_stack},
    {"free_wrong_heap", free_wrong_heap},
    {"write_after_free", write_after_free},
    {"damage_size", damage_size},
    {"damage_free_size", damage_free_size},
    {"damage_links", damage_links},
};

static void make_heaps(enum quarry_heap_buckets buckets)
{
    quarry_heap_init(&heap, buffer, BUFFER_BYTES, buckets);
    quarry_heap_init(&second_heap, second_buffer, BUFFER_BYTES, buckets);
    left = alloc(BYTES);
    block = alloc(BYTES);
    right = alloc(BYTES);
    other = alloc(BYTES);
    last = alloc(BYTES);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        return 2;
    }
    make_heaps(strcmp(argv[1], "fine") == 0 ? QUARRY_HEAP_FINE_BUCKETS
                                            : QUARRY_HEAP_ZEPHYR_BUCKETS);
    for (size_t i = 0; i < sizeof(misuses) / sizeof(misuses[0]); i++) {
        if (strcmp(argv[2], misuses[i].name) == 0) {
            misuses[i].run();
            step("end");
            return 0;
        }
    }
    return 2;
}
