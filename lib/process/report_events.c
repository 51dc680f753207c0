/* SPDX-License-Identifier: Apache-2.0 */
/* When reports are written by themselves: at exit, if there is a path for them, and on a signal, if
 * one is named.
 *
 * A signal may come while its thread is in the allocator, or in another report, and several threads
 * may get one at the same time. So a report has nothing in common with another: a mapping is made
 * for it, which holds the census and the text, and the text goes to its file in one piece. It waits
 * for nobody; arenas that somebody is in are said to be busy. */
#include <stdatomic.h>
#include <string.h>

#include "core/bits.h"
#include "os/fault.h"
#include "os/os.h"
#include "process/options.h"
#include "process/report.h"

/* More than a table takes that has all size classes and arenas in it. */
#define TEXT_BYTES ((size_t)24 << 10)

struct room {
    struct census census;
    size_t length;
    char text[TEXT_BYTES];
};

/* Lines that do not fit are left out. */
static void keep(const char *text, size_t bytes, void *arg)
{
    struct room *room = arg;

    if (bytes <= TEXT_BYTES - room->length) {
        memcpy(room->text + room->length, text, bytes);
        room->length += bytes;
    }
}

static void complain(const char *problem, const char *path)
{
    struct line line = {.length = 0};

    line_add(&line, "quarry: ");
    line_add(&line, problem);
    line_add(&line, path);
    line_to_stderr(&line);
}

static void report(const char *path, enum census_way way)
{
    size_t bytes = round_up(sizeof(struct room), os_page_bytes());
    struct room *room = os_map(bytes, os_page_bytes());

    if (room == NULL) {
        complain("no memory for statistics to ", path);
        return;
    }
    const struct report_sink sink = {keep, room};
    census_take(&room->census, way);
    report_write(&room->census, options_stats_form(), &sink);
    if (!os_append(path, room->text, room->length)) {
        complain("cannot write statistics to ", path);
    }
    os_unmap(room, bytes);
}

__attribute__((destructor)) static void report_at_exit(void)
{
    if (options_stats_path()[0] != '\0') {
        report(options_stats_path(), CENSUS_SETTLED);
    }
}

static void report_on_signal(void)
{
    const char *path = options_stats_path();

    report(path[0] != '\0' ? path : "stderr", CENSUS_AT_ONCE);
}

void report_begin(void)
{
    if (options_stats_signal() != 0) {
        os_signal_handle(options_stats_signal(), report_on_signal);
    }
}
