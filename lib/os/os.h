/* SPDX-License-Identifier: Apache-2.0 */
/* What Quarry asks of the operating system: the whole contract. os_posix.c keeps it with Linux
 * system calls; tests/support/fake_os.c keeps it with a script (the n-th call fails, the clock is
 * moved by hand).
 *
 * For every function: addresses and sizes are multiples of os_page_bytes(), unless said otherwise;
 * errno is the same afterwards as before; nothing is allocated and no lock is held, so all may be
 * called at any time, in a signal handler too. "Fails" means: nothing was changed. */
#ifndef QUARRY_OS_OS_H
#define QUARRY_OS_OS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Smallest unit of memory that the system hands out; a power of two. */
size_t os_page_bytes(void);

/* Processors that this process may run on; at least 1. */
unsigned int os_cpu_count(void);

/* Nanoseconds on a clock that never goes back. */
uint64_t os_now_ns(void);

/* Reserves address space at a multiple of `align` (a power of two, a page or more) without memory
 * behind it: touching it faults. NULL if there is none. */
void *os_reserve(size_t bytes, size_t align);

/* Makes reserved memory usable; it reads as zeros. Pages take physical memory when first touched.
 * False if the system refuses. */
bool os_commit(void *start, size_t bytes);

/* Back to the reserved state: contents and physical memory are gone. False if the system refuses:
 * then the memory is usable as before, and may be committed again. */
bool os_decommit(void *start, size_t bytes);

/* Gives the physical memory of usable pages back; they stay usable and read as zeros. False if the
 * system refuses, in which case the contents may or may not be kept. */
bool os_discard(void *start, size_t bytes);

/* Usable zeroed memory, as os_reserve and os_commit in one. NULL if there is none. */
void *os_map(size_t bytes, size_t align);

/* Gives address space back, usable or reserved: the whole of a mapping or a part of it. False if
 * the system refuses (it may, when splitting a mapping exceeds a limit). */
bool os_unmap(void *start, size_t bytes);

/* Changes the size of a mapping made by os_map without moving it. New bytes read as zeros. */
bool os_resize(void *start, size_t old_bytes, size_t new_bytes);

/* Moves the pages of a mapping made by os_map onto `target`, reserved, `new_bytes` large and at
 * least as large as the mapping. Then the old range is gone, and target is usable. */
bool os_move(void *start, size_t old_bytes, void *target, size_t new_bytes);

/* Labels memory for /proc/PID/maps, as far as the kernel can; `name` lives for ever. */
void os_name(void *start, size_t bytes, const char *name);

/* Random bits, not for secrets: from the kernel, or from the clock where it has none yet. */
uint64_t os_random(void);

/* Lets other threads run. */
void os_yield(void);

/* Arranges for the three to be called around fork; NULL: nothing. False if the system refuses. This
 * one may allocate, hence re-enter the caller. */
bool os_at_fork(void (*prepare)(void), void (*parent)(void), void (*child)(void));

/* The value of an environment variable, or NULL: also when the process runs with privileges that
 * its caller lacks, and must not be steered by the caller's environment. */
const char *os_environment(const char *name);

/* False as long as it is too early in the life of the process for os_environment. */
bool os_environment_ready(void);

/* Appends text to a file, made if need be, in one write; "stderr" is standard error. False if it
 * could not be written. */
bool os_append(const char *path, const char *text, size_t bytes);

/* A function of a library that is loaded already, to be cast to its type; NULL if there is no such
 * library or function. May allocate. */
void (*os_find_function(const char *library, const char *name))(void);

/* Process id, for reports. */
int os_process_id(void);

/* Short name of the running program, for reports; never NULL. */
const char *os_program_name(void);

/* The calling thread, kept by os_thread.c, which the tests' fake leaves as it is. */

/* Identity of the calling thread, not NULL: no other living thread of the process has it, and the
 * thread that forks keeps it in the child. */
const void *os_thread_id(void);

#define OS_THREAD_NAME_BYTES 16

/* Copies the calling thread's name, cut to `bytes` bytes (at least 1) with the final 0. */
void os_thread_name(char *name, size_t bytes);

/* Number of the processor that the calling thread runs on, or ran on a moment ago. */
unsigned int os_cpu(void);

/* Writes at most `max` return addresses of the calling thread, innermost first, and returns their
 * number; 0 where the system cannot tell. The first call may allocate. It waits for threads that
 * load a library where the unwinder does: with GCC's before 12, or a C library before glibc 2.35.
 */
size_t os_backtrace(void **addresses, size_t max);

struct os_signal_mask {
    sigset_t set;
};

/* Keeps signal handlers out of the calling thread until the mask is restored, but for signals that
 * an instruction of its own raises, such as SIGSEGV, and for SIGABRT, which abort raises. */
void os_block_signals(struct os_signal_mask *before);
void os_restore_signals(const struct os_signal_mask *before);

#endif
