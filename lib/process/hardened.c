/* SPDX-License-Identifier: Apache-2.0 */
/* The hardened library's secrets. They are drawn in the first call of a process, before there are
 * blocks; threads and signal handlers that come meanwhile draw as well, and one of them wins. */
#include "process/hardened.h"

#include "os/os.h"

struct hardened_key hardened_key_of_links;
struct hardened_key hardened_key_of_ends;

static void draw(uint64_t *number)
{
    uint64_t undrawn = 0;

    __atomic_compare_exchange_n(number, &undrawn, os_random() | 1, false, __ATOMIC_ACQ_REL,
                                __ATOMIC_ACQUIRE);
}

void hardened_draw_keys(void)
{
    draw(&hardened_key_of_links.addend);
    draw(&hardened_key_of_links.factor);
    draw(&hardened_key_of_ends.addend);
    draw(&hardened_key_of_ends.factor);
}
