/* SPDX-License-Identifier: Apache-2.0 */
/* The script of the fake operating system, and the one mutex that guards all of it. Signals are
 * blocked while it is held, and fork takes it, so handlers and children may call. Watchers run
 * before it is taken. */
#include "fake_os_script.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "fake_os_book.h"

struct script {
    size_t calls;
    unsigned int fail_in;   /* calls until the one that fails; 0: none */
    unsigned int fail_next; /* so many calls, the next one first */
    bool fail_all;
    void (*watch)(void *arg);
    void *watch_arg;
};

static struct script scripts[FAKE_OS_CALLS];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local sigset_t signals_before;
static _Thread_local bool in_watcher;

void script_acquire(void)
{
    sigset_t all;
    sigset_t before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_mutex_lock(&mutex);
    signals_before = before;
}

void script_release(void)
{
    sigset_t before = signals_before;

    pthread_mutex_unlock(&mutex);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void release_in_child(void)
{
    book_after_fork_in_child();
    script_release();
}

__attribute__((constructor)) static void survive_fork(void)
{
    pthread_atfork(script_acquire, script_release, release_in_child);
}

bool script_begin(enum fake_os_call call)
{
    struct script *script = &scripts[call];

    script_acquire();
    void (*watch)(void *) = in_watcher ? NULL : script->watch;
    void *arg = script->watch_arg;
    script_release();
    if (watch != NULL) {
        in_watcher = true;
        watch(arg);
        in_watcher = false;
    }
    script_acquire();
    script->calls++;
    bool fails = script->fail_all || script->fail_next != 0 || script->fail_in == 1;
    script->fail_next -= script->fail_next != 0;
    script->fail_in -= script->fail_in != 0;
    return fails;
}

void script_forget(void)
{
    memset(scripts, 0, sizeof(scripts));
}

void fake_os_fail_nth(enum fake_os_call call, unsigned int n)
{
    script_acquire();
    scripts[call].fail_in = n;
    script_release();
}

void fake_os_fail_next(enum fake_os_call call, unsigned int n)
{
    script_acquire();
    scripts[call].fail_next = n;
    script_release();
}

void fake_os_fail_all(enum fake_os_call call)
{
    script_acquire();
    scripts[call].fail_all = true;
    script_release();
}

void fake_os_fail_all_memory(void)
{
    for (int call = FAKE_OS_RESERVE; call <= FAKE_OS_MOVE_OUT; call++) {
        fake_os_fail_all((enum fake_os_call)call);
    }
}

void fake_os_fail_none(void)
{
    script_acquire();
    for (int call = 0; call < FAKE_OS_CALLS; call++) {
        scripts[call].fail_all = false;
        scripts[call].fail_in = 0;
        scripts[call].fail_next = 0;
    }
    script_release();
}

size_t fake_os_calls(enum fake_os_call call)
{
    script_acquire();
    size_t calls = scripts[call].calls;
    script_release();
    return calls;
}

void fake_os_watch(enum fake_os_call call, void (*watch)(void *arg), void *arg)
{
    script_acquire();
    scripts[call].watch = watch;
    scripts[call].watch_arg = arg;
    script_release();
}
