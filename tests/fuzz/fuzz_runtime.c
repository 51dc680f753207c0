/* SPDX-License-Identifier: Apache-2.0 */
/* What lib/core needs from outside, for fuzz targets that are built without lib/os: a fault is a
 * finding, and the base of canaries is always the same, so that a finding can be repeated. */
#include <stdio.h>
#include <stdlib.h>
#include <core/check.h>
#include <core/harden.h>

_Noreturn void fault_report(const struct quarry_fault *report)
{
    fprintf(stderr, "fault: %s\n", report->what);
    abort();
}

uint64_t harden_random(void)
{
    return 0x0123456789abcdefu;
}
