/* SPDX-License-Identifier: Apache-2.0 */
/* The C library's allocation functions, by the process allocator. What is added here is errno, and
 * nothing else: the functions of quarry/malloc.h never touch it. */
#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>

#include "process/face.h"
#include "process/fast.h"

#pragma GCC visibility push(default)

/* Not yet, or no longer, or never in the C library's headers. */
void free_sized(void *block, size_t bytes);
void free_aligned_sized(void *block, size_t align, size_t bytes);
void cfree(void *block);
void *__libc_malloc(size_t bytes);
void __libc_free(void *block);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *block, size_t bytes);
void __libc_cfree(void *block);
void *__libc_memalign(size_t align, size_t bytes);
void *__libc_valloc(size_t bytes);
void *__libc_pvalloc(size_t bytes);
int __posix_memalign(void **out, size_t align, size_t bytes);

/* Passes a block on, and says why if there is none. */
static inline void *or_errno(void *block, int error)
{
    if (__builtin_expect(block == NULL, 0)) {
        errno = error;
    }
    return block;
}

static __attribute__((noinline)) void *malloc_slowly(size_t bytes)
{
    return or_errno(face_slow_malloc(bytes), ENOMEM);
}

void *malloc(size_t bytes)
{
    void *block = HARDENED ? NULL : fast_malloc(bytes);

    return __builtin_expect(block != NULL, 1) ? block : malloc_slowly(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    return or_errno(face_calloc(count, bytes), ENOMEM);
}

void free(void *block)
{
    if (HARDENED || __builtin_expect(!fast_free(block), 0)) {
        face_slow_free(block);
    }
}

void free_sized(void *block, size_t bytes)
{
    face_free_sized(block, bytes);
}

void free_aligned_sized(void *block, size_t align, size_t bytes)
{
    (void)align;
    face_free_sized(block, bytes);
}

void cfree(void *block)
{
    face_free(block);
}

void *realloc(void *block, size_t bytes)
{
    void *resized = face_realloc(block, bytes);
    bool freed = block != NULL && bytes == 0; /* NULL is then no failure */

    return freed ? NULL : or_errno(resized, ENOMEM);
}

/* Like the C library's own, this goes through whichever realloc the program has, which may be a
 * debugger's. */
void *reallocarray(void *block, size_t count, size_t bytes)
{
    size_t total;

    if (__builtin_mul_overflow(count, bytes, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(block, total);
}

void *aligned_alloc(size_t align, size_t bytes)
{
    bool is_power_of_two = align != 0 && (align & (align - 1)) == 0;

    return or_errno(face_aligned_alloc(align, bytes), is_power_of_two ? ENOMEM : EINVAL);
}

void *memalign(size_t align, size_t bytes)
{
    const size_t largest_power = SIZE_MAX / 2 + 1;

    return or_errno(face_memalign(align, bytes), align <= largest_power ? ENOMEM : EINVAL);
}

int posix_memalign(void **out, size_t align, size_t bytes)
{
    return face_posix_memalign(out, align, bytes);
}

void *valloc(size_t bytes)
{
    return or_errno(face_valloc(bytes), ENOMEM);
}

void *pvalloc(size_t bytes)
{
    return or_errno(face_pvalloc(bytes), ENOMEM);
}

size_t malloc_usable_size(void *block)
{
    return face_malloc_usable_size(block);
}

/* Names by which old or odd programs reach past malloc to the C library's own. */

void *__libc_malloc(size_t bytes)
{
    return malloc(bytes);
}

void __libc_free(void *block)
{
    free(block);
}

void *__libc_calloc(size_t count, size_t bytes)
{
    return calloc(count, bytes);
}

void *__libc_realloc(void *block, size_t bytes)
{
    return realloc(block, bytes);
}

void __libc_cfree(void *block)
{
    free(block);
}

void *__libc_memalign(size_t align, size_t bytes)
{
    return memalign(align, bytes);
}

void *__libc_valloc(size_t bytes)
{
    return valloc(bytes);
}

void *__libc_pvalloc(size_t bytes)
{
    return pvalloc(bytes);
}

int __posix_memalign(void **out, size_t align, size_t bytes)
{
    return posix_memalign(out, align, bytes);
}
