/* SPDX-License-Identifier: Apache-2.0 */
/* Included before a program, makes its calls of malloc calls of quarry_malloc. */
#include <malloc.h>
#include <quarry/malloc.h>
#include <stdlib.h>

#define malloc        quarry_malloc
#define calloc        quarry_calloc
#define realloc       quarry_realloc
#define reallocarray  quarry_reallocarray
#define aligned_alloc quarry_aligned_alloc
#define free          quarry_free
#define malloc_trim   quarry_malloc_trim
