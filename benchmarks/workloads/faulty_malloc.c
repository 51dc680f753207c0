/* SPDX-License-Identifier: Apache-2.0 */
/* A malloc that is right until its hundredth call and then wrong once, or a calloc or realloc that
 * is always wrong. To be preloaded, so that the workloads' checks can be seen to fail.
 *
 *   FAULTY_MALLOC=null        NULL instead of a block
 *   FAULTY_MALLOC=misaligned  a block that begins 8 bytes too late
 *   FAULTY_MALLOC=overlap     the same block as the call before
 *   FAULTY_MALLOC=dirty       calloc gives memory that is not zero
 *   FAULTY_MALLOC=forget      realloc gives a fresh block without the old contents */
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define CALL_THAT_FAILS 100u
#define LATE_BYTES      8u
#define LEAST_BYTES     16u
#define DIRT            0x5A

extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *block, size_t bytes);

static atomic_uint calls;
static _Atomic(void *) latest;
static atomic_size_t latest_bytes;

static int fault_is(const char *name)
{
    const char *wanted = getenv("FAULTY_MALLOC");

    return wanted != NULL && strcmp(wanted, name) == 0;
}

static void *wrong_block(void *right, size_t bytes)
{
    if (fault_is("null")) {
        return NULL;
    }
    if (fault_is("misaligned")) {
        return (char *)right + LATE_BYTES;
    }
    if (fault_is("overlap") && bytes <= latest_bytes) {
        return latest;
    }
    return right;
}

/* From the hundredth call on the first that can be wrong is. */
void *malloc(size_t bytes)
{
    void *right = __libc_malloc(bytes);
    void *given = right;

    if (bytes >= LEAST_BYTES && atomic_fetch_add(&calls, 1) >= CALL_THAT_FAILS) {
        given = wrong_block(right, bytes);
    }
    latest = given;
    latest_bytes = bytes;
    return given;
}

void *calloc(size_t count, size_t bytes)
{
    void *block = __libc_calloc(count, bytes);

    if (block != NULL && fault_is("dirty")) {
        memset(block, DIRT, count * bytes);
    }
    return block;
}

void *realloc(void *block, size_t bytes)
{
    return fault_is("forget") ? __libc_malloc(bytes) : __libc_realloc(block, bytes);
}
