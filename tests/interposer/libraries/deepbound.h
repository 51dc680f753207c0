/* SPDX-License-Identifier: Apache-2.0 */
#ifndef QUARRY_TESTS_INTERPOSER_DEEPBOUND_H
#define QUARRY_TESTS_INTERPOSER_DEEPBOUND_H

#include <stddef.h>

/* A block of the malloc that the library sees. */
void *make_here(size_t bytes);

/* Gives a block to the free that the library sees. */
void free_here(void *block);

/* Lets libc copy a text, and frees the copy with the free that the library sees. */
void copy_and_free(const char *text);

#endif
