/* SPDX-License-Identifier: Apache-2.0 */
/* Printing to the console, one write a call; log messages, which are such lines with a head.
 *
 *    vprintk --> vsnprintf into a kilobyte on the stack -- it fits --> os_print
 *                                     |
 *                                     +-- it does not --> once more, into pages mapped for it
 *
 * stdio's stdout is not used: its buffer holds text back, and its lock is not for signal handlers.
 * If there is no memory for a long text, its beginning is printed, and that it was cut. */
#include <zephyr/logging/log.h>
#include <zephyr/sys/printk.h>
#include <zephyr/sys_clock.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/bits.h"
#include "os/os.h"

#define LINE_BYTES     1024u
#define BYTES_PER_LINE 16u /* of a dump */

static const char cut_mark[] = "...\n";

/* `bytes`: of the text, known from the first attempt, whose result `cut` is. */
__printf_like(3, 0) static void print_long(char *cut, size_t bytes, const char *fmt, va_list ap)
{
    size_t room = round_up(bytes + 1, os_page_bytes());
    char *text = (char *)os_map(room, os_page_bytes());

    if (text == NULL) {
        memcpy(cut + LINE_BYTES - sizeof(cut_mark), cut_mark, sizeof(cut_mark));
        os_print(cut, LINE_BYTES - 1);
        return;
    }
    vsnprintf(text, room, fmt, ap);
    os_print(text, bytes);
    os_unmap(text, room);
}

void vprintk(const char *fmt, va_list ap)
{
    char text[LINE_BYTES];
    va_list again;

    va_copy(again, ap);
    int bytes = vsnprintf(text, sizeof(text), fmt, ap);
    if (bytes >= (int)sizeof(text)) {
        print_long(text, (size_t)bytes, fmt, again);
    } else if (bytes > 0) {
        os_print(text, (size_t)bytes);
    }
    va_end(again);
}

void printk(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vprintk(fmt, ap);
    va_end(ap);
}

int vsnprintk(char *str, size_t size, const char *fmt, va_list ap)
{
    return vsnprintf(str, size, fmt, ap);
}

int snprintk(char *str, size_t size, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int bytes = vsnprintf(str, size, fmt, ap);
    va_end(ap);
    return bytes;
}

/* --- Log messages --- */

static const char *const level_names[] = {"non", "err", "wrn", "inf", "dbg"};

/* Where a line begins, in a line of LINE_BYTES: "[00:00:00.000,000] <inf> module: ". */
static size_t write_head(char *line, int level, const char *module)
{
    uint64_t us = os_now_ns() / NSEC_PER_USEC;
    uint64_t ms = us / USEC_PER_MSEC;
    uint64_t seconds = ms / MSEC_PER_SEC;
    uint64_t minutes = seconds / SEC_PER_MIN;
    int bytes = snprintf(line, LINE_BYTES,
                         "[%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64 ".%03" PRIu64 ",%03" PRIu64
                         "] <%s> %s: ",
                         minutes / MIN_PER_HOUR, minutes % MIN_PER_HOUR, seconds % SEC_PER_MIN,
                         ms % MSEC_PER_SEC, us % USEC_PER_MSEC, level_names[level], module);

    return bytes < (int)LINE_BYTES ? (size_t)bytes : LINE_BYTES - 1;
}

/* A message that is longer than a line is cut. */
void z_log_print(int level, const char *module, const char *format, ...)
{
    char line[LINE_BYTES];
    size_t used = write_head(line, level, module);
    size_t room = sizeof(line) - used;
    va_list ap;

    va_start(ap, format);
    int bytes = vsnprintf(line + used, room, format, ap);
    va_end(ap);
    if (bytes >= (int)room) {
        memcpy(line + LINE_BYTES - sizeof(cut_mark), cut_mark, sizeof(cut_mark));
        os_print(line, LINE_BYTES - 1);
        return;
    }
    used += bytes > 0 ? (size_t)bytes : 0;
    line[used] = '\n'; /* where the 0 is */
    os_print(line, used + 1);
}

static void dump_line(int level, const char *module, const unsigned char *data, uint32_t length)
{
    char text[BYTES_PER_LINE * 4 + 4];
    char *at = text;

    for (uint32_t i = 0; i < BYTES_PER_LINE; i++) {
        at += i < length ? sprintf(at, "%02x ", data[i]) : sprintf(at, "   ");
    }
    *at++ = '|';
    for (uint32_t i = 0; i < length; i++) {
        *at++ = data[i] >= ' ' && data[i] <= '~' ? (char)data[i] : '.';
    }
    *at = '\0';
    z_log_print(level, module, "%s", text);
}

void z_log_hexdump(int level, const char *module, const void *data, uint32_t length,
                   const char *text)
{
    const unsigned char *bytes = (const unsigned char *)data;

    z_log_print(level, module, "%s", text);
    for (uint32_t done = 0; done < length; done += BYTES_PER_LINE) {
        uint32_t left = length - done;

        dump_line(level, module, bytes + done, left < BYTES_PER_LINE ? left : BYTES_PER_LINE);
        if (left <= BYTES_PER_LINE) {
            break; /* done would wrap around for the largest of lengths */
        }
    }
}
