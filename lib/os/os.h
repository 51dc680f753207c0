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

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Smallest unit of memory that the system hands out; a power of two. */
size_t os_page_bytes(void);

/* Processors that this process may run on; at least 1. */
unsigned int os_cpu_count(void);

/* Nanoseconds on a clock that never goes back, and that is the same for all processes. */
uint64_t os_now_ns(void);

/* Waits until os_now_ns() has reached the deadline, whatever signal handlers run meanwhile;
 * UINT64_MAX: for ever. The one function here that blocks, and a cancellation point if it does. */
void os_sleep_until(uint64_t deadline_ns);

/* Reserves address space at a multiple of `align` (a power of two, a page or more) without memory
 * behind it: touching it faults. NULL if there is none. */
void *os_reserve(size_t bytes, size_t align);

/* Makes reserved memory usable; it reads as zeros. Pages take physical memory when first touched.
 * False if the system refuses. */
bool os_commit(void *start, size_t bytes);

/* Makes reserved memory readable, as zeros: until it is committed, no page of it takes physical
 * memory. False if the system refuses. */
bool os_make_readable(void *start, size_t bytes);

/* Back to the reserved state: contents and physical memory are gone. False if the system refuses:
 * then the memory is usable as before, and may be committed again. */
bool os_decommit(void *start, size_t bytes);

/* Gives the physical memory of usable pages back; they stay usable and read as zeros. False if the
 * system refuses, in which case the contents may or may not be kept. */
bool os_discard(void *start, size_t bytes);

/* Asks for huge pages where usable memory has none yet and they fit. The system may not listen. */
void os_prefer_huge(void *start, size_t bytes);

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

/* Moves the pages of usable memory, of os_commit or os_map, onto `target`, reserved, `new_bytes`
 * large and at least as large as that. Then target is usable as if it were made by os_map, and the
 * old range is usable still, and reads as zeros. Fails also for locked memory. */
bool os_move_out(void *start, size_t old_bytes, void *target, size_t new_bytes);

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

/* Appends text to a file, made if need be, in one write if the system takes it at once; "stderr" is
 * standard error. False if it could not all be written. */
bool os_append(const char *path, const char *text, size_t bytes);

/* Writes all of a text to standard output, at once if the system takes it at once. False if it
 * could not all be written. */
bool os_print(const char *text, size_t bytes);

/* A function of a library that is loaded already, to be cast to its type; NULL if there is no such
 * library or function. May allocate. */
void (*os_find_function(const char *library, const char *name))(void);

/* Whether memory is a variable of the running program, or part of one, and not of a shared library:
 * static, and there until the process ends. Any address and size. */
bool os_is_program_variable(const void *address, size_t bytes);

/* Process id, for reports. */
int os_process_id(void);

/* Short name of the running program, for reports; never NULL. */
const char *os_program_name(void);

/* Memory of special kinds, kept by os_memory.c, which the tests' fake leaves as it is. It is given
 * back by os_unmap, all of it at once. What returns an int returns 0, or the error that is told. */

/* Size of a huge page, a power of two; 0: the system has none. */
size_t os_huge_page_bytes(void);

/* Usable zeroed memory of huge pages that were set aside for such calls, and belong to this mapping
 * now; `bytes` is a multiple of `page_bytes`. NULL: there are not enough. */
void *os_map_huge(size_t bytes, size_t page_bytes);

/* Asks for huge pages in the place of usual ones, from now on and where possible. False: the system
 * makes none. */
bool os_advise_huge(void *start, size_t bytes);

/* Makes all pages be there, and stay. -EPERM: the process may not have so many; -ENOMEM: there are
 * not so many. If it fails, some may be. */
int os_lock_pages(void *start, size_t bytes);

/* Makes all pages be there, those that can be written to ready for that, and leaves their contents:
 * so that using them does not fault for as long as the system does not take them away. False if
 * there are not so many: then some may be. */
bool os_populate(void *start, size_t bytes, bool writable);

/* Locks and populates the code and the variables of the library, or of the program that it is
 * linked into. As os_lock_pages. */
int os_lock_image(void);

/* Has untouched pages come from one node of the machine. -EINVAL: there is none of that number, or
 * none for this process; -EPERM: the process may not ask; -ENOTSUP: the system knows none;
 * -ENOMEM. */
int os_bind_pages(void *start, size_t bytes, unsigned int node);

/* Makes a nameless file in memory, closed on exec, of zeros, whose size nobody can change. Its
 * descriptor; or -EPERM: the process may have none so large; -EMFILE: too many are open; -ENOTSUP;
 * -ENOMEM. `name` is for people. */
int os_file_make(const char *name, size_t bytes);

/* Bytes of a file that can be written to, and whose size nobody can change; 0: it is no such file.
 */
size_t os_file_sealed_bytes(int file);

/* Another descriptor of a file, closed on exec, or -EMFILE. */
int os_file_duplicate(int file);
void os_file_close(int file);

/* Maps such a file, so that its contents are shared. NULL if there is no room. */
void *os_map_file(size_t bytes, int file);

/* The calling thread, kept by os_thread.c, which the tests' fake leaves as it is. */

/* Identity of the calling thread, not NULL: no other living thread of the process has it, and the
 * thread that forks keeps it in the child. */
const void *os_thread_id(void);

/* Replaces what the system knows a thread by as its identity. `self` keeps the above, and may be
 * called at any time; it stays for good. */
void os_thread_identify_by(const void *(*self)(void));

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

/* Signals that the library answers, kept by os_signal.c, which the tests' fake leaves as it is. */

/* Number of a signal: of "USR1", "USR2", "RTMIN+" and a number, or a number. 0: there is none, or
 * it is not for such use. */
int os_signal_number(const char *name, size_t length);

/* Has the function called by whatever thread gets the signal, on that thread's signal stack if it
 * has one; interrupted system calls go on where they can. False, and nothing is changed, if
 * anything else was arranged for the signal, or the system refuses. */
bool os_signal_handle(int number, void (*called)(void));

/* Other threads, kept by os_thread.c as well. These may allocate and take locks of the C library,
 * unless said otherwise, so they are not for signal handlers. A pthread_t is that of a thread that
 * was created and neither joined nor, if detached, has ended. */

/* Does what pthread_create does, and returns what it returns. */
int os_thread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                     void *arg);

/* Creates a thread with a stack of so many bytes, not necessarily whole pages, that is to be
 * joined. False if the system has no room for it. */
bool os_thread_start(size_t stack_bytes, void *(*start)(void *), void *arg);

/* The calling thread as os_thread_join and others want it. Allocates nothing. */
pthread_t os_thread_handle(void);

/* The kernel's number of the calling thread; other than its identity, it has a new one in the child
 * of a fork. Allocates nothing. */
int os_thread_number(void);

#define OS_THREAD_USUAL_PRIORITY 20

/* How urgent a thread is, lower is higher: minus its priority if it is scheduled as SCHED_FIFO or
 * SCHED_RR, else OS_THREAD_USUAL_PRIORITY plus its nice value; OS_THREAD_USUAL_PRIORITY if there is
 * no such thread. By the kernel's number; 0 is the calling thread. Allocates nothing. */
int os_thread_priority(int number);

/* Arranges for `ended` to be called by each thread that has called os_thread_end_arm, late in its
 * end, once for each call. False if the system refuses. Once. */
bool os_thread_at_end(void (*ended)(void));

/* May allocate. Without effect if os_thread_at_end failed. */
void os_thread_end_arm(void);

/* Gives a thread a name, cut to fit, or leaves it as it is if the system refuses. */
void os_thread_set_name(pthread_t thread, const char *name);

/* Waits until the thread has ended, and frees what the system keeps of it. No cancellation point.
 */
void os_thread_join(pthread_t thread);

/* Ends the thread at its next cancellation point, once it does not refuse to be cancelled. */
void os_thread_cancel(pthread_t thread);

/* From now on the calling thread refuses to be cancelled. Allocates nothing. */
void os_thread_refuse_cancel(void);

/* Ends the calling thread, as if it were cancelled here and now. */
_Noreturn void os_thread_exit(void);

#endif
