/* SPDX-License-Identifier: Apache-2.0 */
/* What the two files of deeds share. */
#ifndef HEAP_CRIMES_H
#define HEAP_CRIMES_H

#include <stddef.h>
#include <zephyr/sys/sys_heap.h>

#define BUFFER_BYTES 4096u
#define BYTES        100u
#define KEPT_BLOCKS  400u

/* A deed of heap_crimes, by the name that it has on the command line. */
struct deed {
    const char *name;
    void (*run)(void);
};

/* What is done to whole heaps; the last one has no name. */
extern const struct deed heap_life_deeds[];

extern char *buffer;
extern struct sys_heap heap;
/* What the deeds read and write; memcheck follows values, the compiler must not see through them.
 */
extern volatile char *volatile block;
extern volatile char *volatile kept[KEPT_BLOCKS];
extern volatile char sink;

/* Prints a block's address. */
volatile char *announce(char *mem);
/* On the heap. */
volatile char *alloc(size_t bytes);
void free_block(volatile char *mem);

void fill(volatile char *mem, size_t bytes);

#endif
