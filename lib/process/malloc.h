/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the public face have in common: blocks that are in no slice. */
#ifndef QUARRY_PROCESS_MALLOC_H
#define QUARRY_PROCESS_MALLOC_H

#include "core/check.h"
#include "process/address_map.h"

/* Who owns a block that a caller gives us. Does not return if the block was freed already. */
static inline struct address_owner malloc_owner_of(const void *block)
{
    struct address_owner owner = address_map_find(block);

    REQUIRE(owner.kind != ADDRESS_LARGE_FREED, "large block was freed already", NULL, block);
    return owner;
}

/* A caller has given us an address that is nobody's: counts it, or does not return. */
void malloc_meet_foreign(const void *address);

#endif
