/* SPDX-License-Identifier: Apache-2.0 */
#include <zephyr/sys/bitarray.h>
#include "catalogue.h"

SYS_BITARRAY_DEFINE(public_bits, 33);
SYS_BITARRAY_DEFINE_STATIC(private_bits, 64);
_SYS_BITARRAY_DEFINE(modified_bits, 65, static);

static bool has(const sys_bitarray_t *bits, uint32_t num_bits, uint32_t num_bundles)
{
    return bits->num_bits == num_bits && bits->num_bundles == num_bundles && bits->bundles[0] == 0;
}

void catalogue_bitarray(void)
{
    SYS_BITARRAY_DEFINE_STATIC(inner_bits, 1); /* inside of a function, too */
    const struct entry entries[] = {
        TYPE(sys_bitarray_t),
        TYPE(struct sys_bitarray),
        MACRO(SYS_BITARRAY_DEFINE, has(&public_bits, 33, 2)),
        MACRO(SYS_BITARRAY_DEFINE_STATIC, has(&private_bits, 64, 2) && has(&inner_bits, 1, 1)),
        MACRO(_SYS_BITARRAY_DEFINE, has(&modified_bits, 65, 3)),
        FUNCTION(sys_bitarray_set_bit),
        FUNCTION(sys_bitarray_clear_bit),
        FUNCTION(sys_bitarray_test_bit),
        FUNCTION(sys_bitarray_test_and_set_bit),
        FUNCTION(sys_bitarray_test_and_clear_bit),
        FUNCTION(sys_bitarray_alloc),
        FUNCTION(sys_bitarray_free),
        FUNCTION(sys_bitarray_is_region_set),
        FUNCTION(sys_bitarray_is_region_cleared),
        FUNCTION(sys_bitarray_set_region),
        FUNCTION(sys_bitarray_clear_region),
        FUNCTION(sys_bitarray_test_and_set_region),
        FUNCTION(sys_bitarray_popcount_region),
        FUNCTION(sys_bitarray_xor),
        FUNCTION(sys_bitarray_find_nth_set),
    };

    CATALOGUE(entries);
}
