/* SPDX-License-Identifier: Apache-2.0 */
#include <zephyr/sys/memref.h>
#include "catalogue.h"

static char memory[64];

static void *give(void *be, size_t size)
{
    return size <= sizeof(memory) ? be : NULL;
}

static void take_back(void *be, void *mem)
{
    (void)be, (void)mem;
}

static MEMREF_BACKEND_DEFINE(backend, give, take_back, memory);

void catalogue_memref(void)
{
    const struct entry entries[] = {
        TYPE(memref_free_cb_t),
        TYPE(memref_free_func_t),
        TYPE(memref_alloc_func_t),
        TYPE(struct memref_backend),
        MACRO(MEMREF_BACKEND_DEFINE,
              backend.alloc == give && backend.free == take_back && backend.ctx == memory),
        FUNCTION(memref_alloc),
        FUNCTION(memref_calloc),
        FUNCTION(memref_ref),
        FUNCTION(memref_unref),
    };

    CATALOGUE(entries);
}
