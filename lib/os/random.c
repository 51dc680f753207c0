/* SPDX-License-Identifier: Apache-2.0 */
/* The random bits that core asks for. */
#include "core/harden.h"
#include "os/os.h"

uint64_t harden_random(void)
{
    return os_random();
}
