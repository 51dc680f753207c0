/* SPDX-License-Identifier: Apache-2.0 */
#ifndef QUARRY_TESTS_INTERPOSER_STATIC_TLS_H
#define QUARRY_TESTS_INTERPOSER_STATIC_TLS_H

/* Byte `offset` (0 to 15) of the calling thread's variable. */
char read_variable(int offset);

#endif
