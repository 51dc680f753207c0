/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the library itself is compiled with a sanitizer (1) or not (0). Its own code must then
 * not be told from its users'. */
#ifndef QUARRY_OS_SANITIZED_H
#define QUARRY_OS_SANITIZED_H

#ifndef QUARRY_SANITIZED
#define QUARRY_SANITIZED 0
#endif

#endif
