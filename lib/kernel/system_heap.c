/* SPDX-License-Identifier: Apache-2.0 */
/* The system heap: one k_heap for the whole program, and k_malloc and its kin on it.
 *
 *    k_malloc --> owned_block_alloc --> | _system_heap | --- first use ---> memory of the system's
 *    k_free ----> owned_block_free ---> the heap that the block names
 *
 * The heap has no memory until somebody asks it for some, in whichever way: k_heap.c then calls
 * `get`, with the heap's lock held, which makes that safe among threads, signal handlers and forked
 * children. So a program that does not use the heap pays nothing for it, and its constructors may
 * use it. Its size is, the later before the earlier:
 *
 *   - that of the library's build: QUARRY_HEAP_MEM_POOL_SIZE;
 *   - that of the program's build: the object quarry_heap_mem_pool_bytes, which the header emits
 *     into programs that are compiled with a size, and which is found here by a weak reference;
 *   - system_heap=SIZE in QUARRY_OPTIONS.
 *
 * The size is what a caller can get in one piece, its owner's word included, not what is mapped;
 * the heap is as Zephyr's of that size, address for address. Its pages take physical memory when
 * they are first touched: at the beginning the first and the last. */
#include <zephyr/kernel/system_heap.h>

#include <stdint.h>
#include <string.h>

#include "core/bits.h"
#include "core/heap.h"
#include "kernel/k_heap.h"
#include "kernel/owned_block.h"
#include "os/option_text.h"
#include "os/os.h"

/* What a heap can hold, and its bookkeeping, with ample room for the latter. */
#define KIB            ((size_t)1 << 10)
#define MOST_IN_SMALL  (252 * KIB)
#define MOST_IN_32_BIT (1024 * 1024 * KIB)
#define MOST_BYTES                                                                                 \
    (QUARRY_HEAP_SMALL_ONLY && sizeof(void *) == 4 ? MOST_IN_SMALL                                 \
     : sizeof(void *) == 4                         ? MOST_IN_32_BIT                                \
                                                   : 15 * MOST_IN_32_BIT)

/* Both are written once, with the heap's lock held. */
static size_t heap_bytes;
static bool size_is_known;

static bool set_bytes(struct option_text value)
{
    size_t bytes;

    if (!option_text_size(value, &bytes) || bytes > MOST_BYTES) {
        return false;
    }
    heap_bytes = bytes;
    return true;
}

static const option_setter setters[OPTION_COUNT] = {[OPTION_SYSTEM_HEAP] = set_bytes};

static size_t built_bytes(void)
{
    size_t bytes = &quarry_heap_mem_pool_bytes != NULL ? quarry_heap_mem_pool_bytes
                                                       : (size_t)QUARRY_HEAP_MEM_POOL_SIZE;

    return bytes < MOST_BYTES ? bytes : MOST_BYTES;
}

/* Asks anew as long as the environment is not known. */
static void find_size(void)
{
    if (!size_is_known) {
        heap_bytes = built_bytes();
        size_is_known = option_text_read(setters);
    }
}

static void *get(size_t *bytes)
{
    size_t page = os_page_bytes();

    find_size();
    if (heap_bytes == 0) {
        return NULL;
    }
    *bytes = Z_HEAP_MIN_SIZE_FOR(heap_bytes);
    size_t mapped_bytes = round_up(*bytes, page);
    void *mem = os_map(mapped_bytes, page);
    if (mem != NULL) {
        os_name(mem, mapped_bytes, "quarry system heap");
    }
    return mem;
}

static struct k_heap_source source = {get};

struct k_heap _system_heap = {
    .heap = {.heap = NULL, .init_mem = &source, .init_bytes = 0},
    .wait_q = Z_WAIT_Q_INIT,
    .shared = NULL,
};

void heap_make_ready(struct sys_heap *heap)
{
    if (heap == &_system_heap.heap) {
        k_heap_ready(&_system_heap);
    }
}

/* --- The public calls --- */

void *k_malloc(size_t size)
{
    return owned_block_alloc(&_system_heap, 0, size);
}

void *k_aligned_alloc(size_t align, size_t size)
{
    return owned_block_alloc(&_system_heap, align, size);
}

void *k_calloc(size_t nmemb, size_t size)
{
    size_t bytes;

    if (!size_multiply(nmemb, size, &bytes)) {
        return NULL;
    }
    void *mem = k_malloc(bytes);
    if (mem != NULL) {
        memset(mem, 0, bytes);
    }
    return mem;
}

void *k_realloc(void *ptr, size_t size)
{
    return k_aligned_realloc(ptr, 0, size);
}

void *k_aligned_realloc(void *ptr, size_t align, size_t size)
{
    if (ptr == NULL) {
        return k_aligned_alloc(align, size);
    }
    if (size == 0) {
        k_free(ptr);
        return NULL;
    }
    return owned_block_realloc(ptr, align, size);
}

void k_free(void *ptr)
{
    if (ptr != NULL) {
        owned_block_free(ptr);
    }
}
