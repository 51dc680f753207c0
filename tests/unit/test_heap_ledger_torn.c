/* SPDX-License-Identifier: Apache-2.0 */
/* What is left of a ledger when a note is interrupted: tested on the compiled code. A child process
 * makes one note in shared memory and is stepped through it, instruction by instruction; at each,
 * the parent looks at what a survivor would find if the child were killed there:
 *
 *     before the note |  before, one stale mark  | after, one stale mark  | after the note
 *     ----------------+--------------------------+------------------------+----------------> time
 *                             one of these two is not there
 *
 * It must be the state before or the state after, and stay the latter once it is; and tidying must
 * make that state's very words of it. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <core/heap_ledger.h>
#include "../support/random.h"

#define HEAP_BYTES   8000u
#define LEDGER_BYTES 272u

/* Room for a ledger. */
struct room {
    _Alignas(LEDGER_ALIGN) uint8_t bytes[LEDGER_BYTES];
};

static struct heap_ledger *ledger; /* in shared memory */
static struct room before, after, found;

static struct heap_ledger *in(struct room *room)
{
    return (struct heap_ledger *)(void *)room->bytes;
}

static int map_ledger(void **state)
{
    void *mem = mmap(NULL, LEDGER_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    ledger = mem;
    return mem != MAP_FAILED && ledger_bytes(HEAP_BYTES) == LEDGER_BYTES ? 0 : -1;
}

static int unmap_ledger(void **state)
{
    return munmap(ledger, LEDGER_BYTES);
}

struct note {
    void (*make)(void);
    uint32_t first_unit;
    uint32_t units_before;
    uint32_t units_after;
};

static void use_chunk(void)
{
    ledger_note_used(ledger, 120, 30);
}

static void free_chunk(void)
{
    ledger_note_free(ledger, 120);
}

static void grow_chunk(void)
{
    ledger_note_resized(ledger, 120, 80);
}

static void shrink_chunk(void)
{
    ledger_note_resized(ledger, 120, 2);
}

static void use_smallest_chunk(void)
{
    ledger_note_used(ledger, 120, 1);
}

/* Does what a survivor does. Says whether the note has taken effect. */
static bool has_taken_effect(const struct note *note)
{
    memcpy(&found, ledger, LEDGER_BYTES);
    uint32_t units = ledger_units_at(in(&found), note->first_unit);
    bool is_after = units == note->units_after;
    assert_true(is_after || units == note->units_before);
    ledger_tidy(in(&found));
    assert_memory_equal(&found, is_after ? &after : &before, LEDGER_BYTES);
    return is_after;
}

/* A child that stops, and then makes the note and exits. */
static pid_t start_child(const struct note *note)
{
    pid_t child = fork();
    if (child == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0) {
            raise(SIGSTOP);
        }
        note->make();
        _exit(0);
    }
    return child;
}

/* Lets the child take one step. False iff it has exited. */
static bool step(pid_t child)
{
    int status;
    if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) != 0 || waitpid(child, &status, 0) != child) {
        return false;
    }
    return WIFSTOPPED(status);
}

/* Skips the test where no process may be traced. */
static void wait_until_traced(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSTOPPED(status)) {
        skip();
    }
}

/* Makes the note on a ledger that is `before` now, one instruction at a time. */
static void make_in_steps(const struct note *note)
{
    pid_t child = start_child(note);
    bool effective = false;
    size_t steps = 0;

    assert_true(child > 0);
    wait_until_traced(child);
    do {
        bool is_after = has_taken_effect(note);
        assert_true(is_after || !effective);
        effective = is_after;
        steps++;
    } while (step(child));
    assert_true(effective && steps > 1);
    assert_memory_equal(ledger, &after, LEDGER_BYTES);
}

static void expect_one_moment_of_effect(struct note note)
{
    memcpy(&before, ledger, LEDGER_BYTES);
    note.make();
    memcpy(&after, ledger, LEDGER_BYTES);
    memcpy(ledger, &before, LEDGER_BYTES);
    make_in_steps(&note);
}

static void interrupted_notes_are_made_or_not(void **state)
{
    if (scaled_rounds(2) != 2) {
        skip(); /* a child under Valgrind would be stepped through Valgrind */
    }
    ledger_init(ledger, HEAP_BYTES);
    ledger_note_used(ledger, 100, 20);
    ledger_note_used(ledger, 200, 20);
    expect_one_moment_of_effect((struct note){use_chunk, 120, 0, 30});
    expect_one_moment_of_effect((struct note){grow_chunk, 120, 30, 80});
    expect_one_moment_of_effect((struct note){shrink_chunk, 120, 80, 2});
    expect_one_moment_of_effect((struct note){free_chunk, 120, 2, 0});
    expect_one_moment_of_effect((struct note){use_smallest_chunk, 120, 0, 1});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interrupted_notes_are_made_or_not),
    };

    return cmocka_run_group_tests(tests, map_ledger, unmap_ledger);
}
