/* SPDX-License-Identifier: Apache-2.0 */
/* Whether to believe a link of a free block. Hardened library only. */
#include "process/link.h"

#include "core/check.h"
#include "process/slab.h"

void link_require_same_slab(const void *block, const void *next)
{
    struct slab *own = slab_at(block);
    struct slab *other = slab_at(next);
    bool is_aligned = (uintptr_t)next % (1u << SIZE_CLASS_STEP_SHIFT) == 0;

    REQUIRE(is_aligned && own != NULL && other != NULL && slab_first(own) == slab_first(other),
            "link of a free block is damaged: it was written to after it was freed", NULL, block);
}
