/* SPDX-License-Identifier: Apache-2.0 */
/* Valgrind's tools preload a library each, whose name tells which tool it is. */
#include "race_detector.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "os/checkers.h"

static bool is_preloaded(const char *name)
{
    const char *preloaded = getenv("LD_PRELOAD");

    return preloaded != NULL && strstr(preloaded, name) != NULL;
}

bool race_detector_announce(void)
{
    bool runs = is_preloaded("vgpreload_helgrind") || race_detector_is_drd();

    if (runs) {
        checkers_present = 1;
    }
    return runs;
}

bool race_detector_is_drd(void)
{
    return is_preloaded("vgpreload_drd");
}
