/* SPDX-License-Identifier: Apache-2.0 */
/* What the rest of os/ tells memcheck. Nothing happens outside of it. */
#ifndef QUARRY_OS_VALGRIND_H
#define QUARRY_OS_VALGRIND_H

#include <stddef.h>

/* These bytes were mapped by mremap and read as zeros; Valgrind 3.19 does not see that by itself.
 */
void valgrind_mapped(void *start, size_t bytes);

#endif
