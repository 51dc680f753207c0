/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the kernel's files with plain system calls, into buffers on the stack. */
#include "resident.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_BYTES     4096
#define KIBIBYTE_BYTES 1024u

/* The file's text, ended by 0; empty if there is none. */
static void read_text(const char *path, char text[FILE_BYTES])
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    size_t length = 0;

    for (ssize_t got = 1; file >= 0 && got > 0 && length < FILE_BYTES - 1; length += (size_t)got) {
        got = read(file, text + length, FILE_BYTES - 1 - length);
        if (got < 0) {
            got = 0;
        }
    }
    text[length] = '\0';
    if (file >= 0) {
        (void)close(file);
    }
}

uint64_t resident_bytes(void)
{
    char text[FILE_BYTES];
    const char *second;

    read_text("/proc/self/statm", text);
    second = strchr(text, ' ');
    return second == NULL ? 0 : strtoull(second, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Of a line "Name:   12345 kB". The name comes with the line's beginning and the colon. */
static uint64_t field_bytes(const char *text, const char *name)
{
    const char *field = strstr(text, name);

    return field == NULL ? 0 : strtoull(field + strlen(name), NULL, 10) * KIBIBYTE_BYTES;
}

struct resident resident_exactly(void)
{
    char text[FILE_BYTES];
    struct resident resident;

    read_text("/proc/self/smaps_rollup", text);
    resident.rss_bytes = field_bytes(text, "\nRss:");
    resident.pss_bytes = field_bytes(text, "\nPss:");
    resident.anonymous_bytes = field_bytes(text, "\nAnonymous:");
    resident.lazy_free_bytes = field_bytes(text, "\nLazyFree:");
    if (resident.rss_bytes == 0) {
        resident.rss_bytes = resident_bytes();
    }
    return resident;
}

/* Not from getrusage, which counts what the process was before exec too. */
uint64_t resident_peak_bytes(void)
{
    char text[FILE_BYTES];

    read_text("/proc/self/status", text);
    return field_bytes(text, "\nVmHWM:");
}
