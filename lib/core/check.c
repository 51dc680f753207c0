/* SPDX-License-Identifier: Apache-2.0 */
/* Out of line, so that a check costs its caller no more than a compare and a branch. */
#include "core/check.h"

_Noreturn void fault(const char *phrase, const void *heap, const void *address)
{
    fault_report(&(struct quarry_fault){.what = phrase, .heap = heap, .address = address});
}
