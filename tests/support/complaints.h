/* SPDX-License-Identifier: Apache-2.0 */
/* Complaints about options, for tests that are not about their hints. */
#ifndef QUARRY_TESTS_SUPPORT_COMPLAINTS_H
#define QUARRY_TESTS_SUPPORT_COMPLAINTS_H

#include <string.h>

/* Whether a text has these lines, what follows a semicolon in each left out. */
static inline int are_complaints(const char *text, const char *lines)
{
    while (*lines != '\0') {
        size_t length = strcspn(lines, "\n");

        if (strncmp(text, lines, length) != 0 || (text[length] != ';' && text[length] != '\n')) {
            return 0;
        }
        lines += length + 1;
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    return *text == '\0';
}

#endif
