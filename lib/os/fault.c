/* SPDX-License-Identifier: Apache-2.0 */
/* What happens when a check fails: one line on standard error, then abort. */
#include "os/fault.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "os/os.h"

void line_add(struct line *line, const char *text)
{
    size_t room = sizeof(line->text) - 1 - line->length; /* 1: the line feed */
    size_t length = strlen(text);

    length = length < room ? length : room;
    memcpy(line->text + line->length, text, length);
    line->length += length;
}

static void add_in_base(struct line *line, unsigned long long number, unsigned int base)
{
    char digits[sizeof(number) * 3 + 1]; /* a byte takes at most three decimal digits */
    char *first = digits + sizeof(digits) - 1;

    *first = '\0';
    do {
        *--first = "0123456789abcdef"[number % base];
        number /= base;
    } while (number != 0);
    line_add(line, first);
}

void line_add_number(struct line *line, unsigned long long number)
{
    add_in_base(line, number, 10);
}

void line_add_address(struct line *line, const void *address)
{
    line_add(line, "0x");
    add_in_base(line, (uintptr_t)address, 16);
}

void line_to_stderr(struct line *line)
{
    line->text[line->length] = '\n';
    os_append("stderr", line->text, line->length + 1);
}

_Noreturn void fault(const char *phrase, const void *heap, const void *address)
{
    struct line line = {.length = 0};

    line_add(&line, "quarry: ");
    line_add(&line, phrase);
    if (heap != NULL) {
        line_add(&line, ", heap ");
        line_add_address(&line, heap);
    }
    if (address != NULL) {
        line_add(&line, ", address ");
        line_add_address(&line, address);
    }
    line_to_stderr(&line);
    abort();
}
