/* SPDX-License-Identifier: Apache-2.0 */
/* What stands for interrupts, and for the ways in which Zephyr's code gives up.
 *
 *    irq_offload --> depth + 1 -- routine(parameter) -- depth - 1
 *
 * An interrupt here is a call with a mark in the thread, which k_is_in_isr reads. What really comes
 * between two instructions, a signal handler, is known to the objects themselves (kernel/guard.h),
 * and is not meant: it would be a lie to tell others that a thread is in an interrupt.
 *
 * A failing assertion is a fault whose phrase is made up on the stack: it is on its way to a report
 * and to abort, or to the fault handler, so nobody needs it for longer. */
#include <zephyr/irq_offload.h>
#include <zephyr/kernel/context.h>
#include <zephyr/sys/__assert.h>

#include <stdarg.h>
#include <stdio.h>

#include "core/check.h"
#include "os/fault.h"

/* Calls of irq_offload that the thread is inside of; owner thread and its signal handlers only. */
static _Thread_local volatile unsigned int isr_depth;

void irq_offload(irq_offload_routine_t routine, const void *parameter)
{
    isr_depth++;
    routine(parameter);
    isr_depth--;
}

bool k_is_in_isr(void)
{
    return isr_depth != 0;
}

void k_panic(void)
{
    fault("kernel panic: k_panic was called", NULL, __builtin_return_address(0));
}

void k_oops(void)
{
    fault("kernel oops: k_oops was called", NULL, __builtin_return_address(0));
}

/* --- Assertions --- */

/* The phrase so far; a line ends it with a 0 for itself only when it is written. */
static const char *phrase_of(struct line *line)
{
    line->text[line->length] = '\0';
    return line->text;
}

static void begin_phrase(struct line *line, const char *condition, const char *file, int number)
{
    line->length = 0;
    line_add(line, "ASSERTION FAIL [");
    line_add(line, condition);
    line_add(line, "] @ ");
    line_add(line, file);
    line_add(line, ":");
    line_add_number(line, (unsigned int)number);
}

void quarry_assertion_failed(const char *condition, const char *file, int line)
{
    struct line phrase;

    begin_phrase(&phrase, condition, file, line);
    fault(phrase_of(&phrase), NULL, NULL);
}

void quarry_assertion_failed_saying(const char *condition, const char *file, int line,
                                    const char *format, ...)
{
    char reason[sizeof(((struct line *)NULL)->text)];
    struct line phrase;
    va_list ap;

    va_start(ap, format);
    vsnprintf(reason, sizeof(reason), format, ap);
    va_end(ap);
    begin_phrase(&phrase, condition, file, line);
    line_add(&phrase, ": ");
    line_add(&phrase, reason);
    fault(phrase_of(&phrase), NULL, NULL);
}
