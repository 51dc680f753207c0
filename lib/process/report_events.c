/* SPDX-License-Identifier: Apache-2.0 */
/* When reports are written by themselves: at exit, if there is a path for them, and on a signal, if
 * one is named.
 *
 * A signal may come while its thread is in the allocator, or in another report, and several threads
 * may get one at the same time. So a report has nothing in common with another: a mapping is made
 * for it, which holds the census and the text, and the text goes to its file in one piece. It waits
 * for nobody; arenas that somebody is in are said to be busy. Where no mapping can be made, which
 * is when a report is of interest, there is room for one at a time. */
#include <stdatomic.h>
#include <string.h>

#include "core/bits.h"
#include "os/fault.h"
#include "os/os.h"
#include "process/options.h"
#include "process/report.h"
#include "process/variable_page.h"

/* More than a table takes that has all size classes and arenas in it. */
#define TEXT_BYTES ((size_t)24 << 10)

struct room {
    struct census census;
    size_t length;
    char text[TEXT_BYTES];
};

static LAST_OF_VARIABLES struct room spare_room;
static _Atomic(bool) spare_is_taken; /* in the child of a fork it may stay so */

static size_t room_bytes(void)
{
    return round_up(sizeof(struct room), os_page_bytes());
}

static struct room *find_room(void)
{
    struct room *room = os_map(room_bytes(), os_page_bytes());

    if (room == NULL && !atomic_exchange(&spare_is_taken, true)) {
        room = &spare_room;
    }
    return room;
}

static void leave_room(struct room *room)
{
    if (room != &spare_room) {
        os_unmap(room, room_bytes());
    } else {
        atomic_store(&spare_is_taken, false);
    }
}

/* Lines that do not fit are left out. */
static void keep(const char *text, size_t bytes, void *arg)
{
    struct room *room = arg;

    if (bytes <= TEXT_BYTES - room->length) {
        memcpy(room->text + room->length, text, bytes);
        room->length += bytes;
    }
}

static void report(const char *path, enum census_way way)
{
    struct room *room = find_room();

    if (room == NULL) {
        line_complain("no memory for statistics to ", path);
        return;
    }
    const struct report_sink sink = {keep, room};
    room->length = 0;
    census_take(&room->census, way);
    report_write(&room->census, options_stats_form(), &sink);
    if (!os_append(path, room->text, room->length)) {
        line_complain("cannot write statistics to ", path);
    }
    leave_room(room);
}

__attribute__((destructor)) static void report_at_exit(void)
{
    if (options_has_stats_path()) {
        report(options_stats_path(), CENSUS_SETTLED);
    }
}

static void report_on_signal(void)
{
    report(options_has_stats_path() ? options_stats_path() : "stderr", CENSUS_AT_ONCE);
}

void report_begin(void)
{
    if (options_stats_signal() != 0) {
        os_signal_handle(options_stats_signal(), report_on_signal);
    }
}
