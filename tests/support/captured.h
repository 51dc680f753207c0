/* SPDX-License-Identifier: Apache-2.0 */
/* What a function prints on standard output, for a test to look at. */
#ifndef QUARRY_TESTS_CAPTURED_H
#define QUARRY_TESTS_CAPTURED_H

/* Runs print(arg) and returns what it printed by stdio, to be freed. */
char *captured(void (*print)(void *arg), void *arg);

#endif
