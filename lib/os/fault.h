/* SPDX-License-Identifier: Apache-2.0 */
/* One-line messages without stdio, allocation or locks: usable from inside a broken heap. */
#ifndef QUARRY_OS_FAULT_H
#define QUARRY_OS_FAULT_H

#include <stddef.h>

/* A line under construction. What does not fit is cut off. */
struct line {
    char text[512];
    size_t length;
};

void line_add(struct line *line, const char *text);
void line_add_number(struct line *line, unsigned long long number);
void line_add_address(struct line *line, const void *address);

/* Writes the line to standard error, with a line feed. */
void line_to_stderr(struct line *line);

/* Writes "quarry: ", the problem, and what it is about ("" if that is said), as a line. */
void line_complain(const char *problem, const char *about);

#endif
