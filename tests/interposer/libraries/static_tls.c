/* SPDX-License-Identifier: Apache-2.0 */
/* A library whose 16 bytes of thread-local storage must lie in the static block, as in libraries
 * built with -ftls-model=initial-exec. */
#include "static_tls.h"

static _Thread_local volatile char variable[16] __attribute__((tls_model("initial-exec")));

char read_variable(int offset)
{
    return variable[offset];
}
