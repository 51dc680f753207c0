/* SPDX-License-Identifier: Apache-2.0 */
/* The heaps are found in the array of all heaps, which has them in the order of their making. */
#include "shared_regions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include "heap_picture.h"

static _Alignas(64) char buffers[SHARED_REGIONS][SHARED_REGION_BYTES];
static struct sys_heap **heaps;

void shared_regions_add(void)
{
    static const uint32_t kinds[SHARED_REGIONS] = {SMH_REG_ATTR_CACHEABLE, SMH_REG_ATTR_CACHEABLE,
                                                   SMH_REG_ATTR_NON_CACHEABLE,
                                                   SMH_REG_ATTR_EXTERNAL};
    int before = sys_heap_array_get(&heaps);

    for (size_t i = 0; i < SHARED_REGIONS; i++) {
        struct shared_multi_heap_region region = {kinds[i], (uintptr_t)buffers[i],
                                                  SHARED_REGION_BYTES};

        assert_int_equal(shared_multi_heap_add(&region, NULL), 0);
    }
    assert_int_equal(sys_heap_array_get(&heaps), before + (int)SHARED_REGIONS);
    heaps += before;
}

struct sys_heap *shared_regions_heap(size_t number)
{
    return heaps[number];
}

size_t shared_regions_number(const void *block)
{
    for (size_t i = 0; i < SHARED_REGIONS; i++) {
        if ((uintptr_t)block - (uintptr_t)buffers[i] < SHARED_REGION_BYTES) {
            return i;
        }
    }
    return SHARED_REGIONS;
}

bool shared_regions_are_empty(void)
{
    for (size_t i = 0; i < SHARED_REGIONS; i++) {
        if (!heap_picture_equals(heaps[i], "F*")) {
            return false;
        }
    }
    return true;
}
