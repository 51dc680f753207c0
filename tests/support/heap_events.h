/* SPDX-License-Identifier: Apache-2.0 */
/* What callbacks of heap_listener have heard, in order. One thread. */
#ifndef QUARRY_TESTS_HEAP_EVENTS_H
#define QUARRY_TESTS_HEAP_EVENTS_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#define MAX_EVENTS 16u

struct event {
    const char *who;
    uintptr_t heap_id;
    void *mem;
    size_t bytes;
    void *new_end;
};

static struct event events[MAX_EVENTS];
static size_t event_count;

static void heard(struct event event)
{
    assert_true(event_count < MAX_EVENTS);
    events[event_count++] = event;
}

static void on_alloc(uintptr_t heap_id, void *mem, size_t bytes)
{
    heard((struct event){.who = "alloc", .heap_id = heap_id, .mem = mem, .bytes = bytes});
}

static void on_alloc_too(uintptr_t heap_id, void *mem, size_t bytes)
{
    heard((struct event){.who = "alloc too", .heap_id = heap_id, .mem = mem, .bytes = bytes});
}

#endif
