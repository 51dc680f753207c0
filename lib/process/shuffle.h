/* SPDX-License-Identifier: Apache-2.0 */
/* Random order of a slab's free blocks, so that which block is handed out next, and which blocks
 * are neighbours, cannot be foretold. Hardened library only. */
#ifndef QUARRY_PROCESS_SHUFFLE_H
#define QUARRY_PROCESS_SHUFFLE_H

#include <stddef.h>
#include <stdint.h>

/* As many blocks, and at the least as many, are put in order together. */
#define SHUFFLE_MOST_BLOCKS  256u
#define SHUFFLE_LEAST_BLOCKS 8u

/* Links `count` blocks, 1 to SHUFFLE_MOST_BLOCKS, that lie one behind the other. Returns the list's
 * first. */
void *shuffle_link(char *start, size_t block_bytes, uint32_t count);

/* Changes the order of a list; returns its first. NULL: no blocks. */
void *shuffle_list(void *first);

#endif
