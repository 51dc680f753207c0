/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include "catalogue.h"

static size_t named;
static size_t right;

/* A function has an address, which no compiler may take for granted; anything else is right or not.
 */
static bool is_right(const struct entry *entry)
{
    void (*volatile address)(void) = entry->address;

    return entry->is_function ? address != NULL : entry->right;
}

void catalogue_count(const struct entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        named++;
        if (is_right(&entries[i])) {
            right++;
        } else {
            printf("%s is not what it should be\n", entries[i].name);
        }
    }
}

int main(void)
{
    catalogue_bitarray();
    catalogue_heap_listener();
    catalogue_heaptrace();
    catalogue_helpers();
    catalogue_k_heap();
    catalogue_mem_blocks();
    catalogue_mem_slab();
    catalogue_memref();
    catalogue_multi_heap();
    catalogue_obj_core();
    catalogue_options();
    catalogue_sync_heap();
    catalogue_sys_heap();
    catalogue_system_heap();
    catalogue_thread();
    catalogue_time();
    printf("%zu of %zu\n", right, named);
    return right == named ? 0 : 1;
}
