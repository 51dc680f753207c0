/* SPDX-License-Identifier: Apache-2.0 */
/* The filter of heaptrace: one condition, or none. */
#include "debug/heaptrace_filter.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "debug/event_lock.h"

enum filter_kind { FILTER_NONE, FILTER_TID, FILTER_NAME, FILTER_CPU };

struct filter {
    enum filter_kind kind;
    k_tid_t tid;
    char name[HEAPTRACE_NAME_BYTES];
    int cpu;
};

/* Guarded by EVENT_LOCK_TRACE. A copy of it that was torn by fork is a filter, too. */
static struct filter filter;

bool heaptrace_filter_passes(const struct heaptrace_record *record)
{
    switch (filter.kind) {
    case FILTER_TID:
        return record->tid == filter.tid;
    case FILTER_NAME:
        return strstr(record->thread_name, filter.name) != NULL;
    case FILTER_CPU:
        return record->cpu == (unsigned int)filter.cpu;
    default:
        return true;
    }
}

static void set(struct filter wanted)
{
    struct event_hold hold;

    if (event_lock_enter(EVENT_LOCK_TRACE, &hold)) {
        filter = wanted;
        event_lock_leave(EVENT_LOCK_TRACE, &hold);
    }
}

static struct filter get(void)
{
    struct event_hold hold;
    struct filter copy = {0};

    if (event_lock_enter(EVENT_LOCK_TRACE, &hold)) {
        copy = filter;
        event_lock_leave(EVENT_LOCK_TRACE, &hold);
    }
    return copy;
}

void heaptrace_set_filter_tid(k_tid_t tid)
{
    set((struct filter){.kind = tid != NULL ? FILTER_TID : FILTER_NONE, .tid = tid});
}

void heaptrace_set_filter_name(const char *name)
{
    struct filter wanted = {.kind = FILTER_NONE};

    if (name != NULL && name[0] != '\0') {
        wanted.kind = FILTER_NAME;
        strncpy(wanted.name, name, sizeof(wanted.name) - 1);
    }
    set(wanted);
}

void heaptrace_set_filter_cpu(int cpu)
{
    set((struct filter){.kind = cpu >= 0 ? FILTER_CPU : FILTER_NONE, .cpu = cpu});
}

void heaptrace_clear_filter(void)
{
    set((struct filter){.kind = FILTER_NONE});
}

k_tid_t heaptrace_get_filter_tid(void)
{
    return get().tid;
}

const char *heaptrace_get_filter_name(char *buf, size_t len)
{
    struct filter current = get();

    snprintf(buf, len, "%s", current.name);
    return buf;
}

int heaptrace_get_filter_cpu(void)
{
    struct filter current = get();

    return current.kind == FILTER_CPU ? current.cpu : -1;
}

const char *heaptrace_filter_str(char *buf, size_t len)
{
    struct filter current = get();

    switch (current.kind) {
    case FILTER_TID:
        snprintf(buf, len, "tid %p", (void *)current.tid);
        break;
    case FILTER_NAME:
        snprintf(buf, len, "name %s", current.name);
        break;
    case FILTER_CPU:
        snprintf(buf, len, "cpu %d", current.cpu);
        break;
    default:
        snprintf(buf, len, "none");
        break;
    }
    return buf;
}
