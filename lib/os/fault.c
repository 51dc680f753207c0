/* SPDX-License-Identifier: Apache-2.0 */
/* What happens when a check fails: one line on standard error, then abort. */
#include "os/fault.h"

#include <stdatomic.h>
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

void line_complain(const char *problem, const char *about)
{
    struct line line = {.length = 0};

    line_add(&line, "quarry: ");
    line_add(&line, problem);
    line_add(&line, about);
    line_to_stderr(&line);
}

static _Atomic(quarry_fault_handler) fault_handler;

quarry_fault_handler quarry_set_fault_handler(quarry_fault_handler handler)
{
    return atomic_exchange(&fault_handler, handler);
}

static void add_detail(struct line *line, const char *name, const void *address)
{
    if (address != NULL) {
        line_add(line, name);
        line_add_address(line, address);
    }
}

static void add_size(struct line *line, const char *name, size_t bytes)
{
    if (bytes != 0) {
        line_add(line, name);
        line_add_number(line, bytes);
    }
}

_Noreturn void fault_report(const struct quarry_fault *report)
{
    quarry_fault_handler handler = atomic_load(&fault_handler);
    struct line line = {.length = 0};

    if (handler != NULL) {
        handler(report);
    }
    line_add(&line, "quarry: ");
    line_add(&line, report->what);
    add_detail(&line, ", heap ", report->heap);
    add_detail(&line, ", address ", report->address);
    add_size(&line, ", size ", report->size_bytes);
    add_size(&line, ", neighbour says ", report->neighbour_size);
    line_to_stderr(&line);
    abort();
}
