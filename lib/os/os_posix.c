/* SPDX-License-Identifier: Apache-2.0 */
/* os.h on Linux.
 *
 * Memory functions go to the kernel through syscall(2) and not through the C library's mmap: a
 * program may interpose mmap (profilers, fakeroot) with code that allocates, and would call us back
 * while a lock is held. Sanitizers, which must see every mapping, are such interposers, and are
 * known not to allocate from us; with them the C library's functions are used.
 *
 * System calls used, for those who write seccomp filters: mmap, munmap, mremap, mprotect, madvise,
 * prctl (PR_SET_VMA), sched_getaffinity, sched_yield, clock_gettime (vDSO), clock_nanosleep; at
 * exit, on faults and for reports openat, write, close, getpid. */
#include "os/os.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/bits.h"
#include "os/checkers.h"
#include "os/sanitized.h"

/* Since Linux 5.17; older headers lack the names. */
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif
#ifndef PR_SET_VMA_ANON_NAME
#define PR_SET_VMA_ANON_NAME 0
#endif

/* Since Linux 5.4 and 5.7. */
#ifndef MADV_COLD
#define MADV_COLD 20
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

#define NS_PER_SECOND 1000000000u
/* The largest that fits a time_t of 32 bits; no machine runs for the 68 years. */
#define FURTHEST_SECOND 0x7fffffffu

#if QUARRY_SANITIZED
static void *kernel_mmap(void *start, size_t bytes, int protection, int flags)
{
    return mmap(start, bytes, protection, flags, -1, 0);
}

static bool kernel_munmap(void *start, size_t bytes)
{
    return munmap(start, bytes) == 0;
}

static void *kernel_mremap(void *start, size_t old_bytes, size_t new_bytes, int flags, void *target)
{
    return mremap(start, old_bytes, new_bytes, flags, target);
}

static bool kernel_mprotect(void *start, size_t bytes, int protection)
{
    return mprotect(start, bytes, protection) == 0;
}

static bool kernel_madvise(void *start, size_t bytes, int advice)
{
    return madvise(start, bytes, advice) == 0;
}
#else
/* On 32-bit machines the call that is named mmap takes its arguments in another way. */
#ifdef SYS_mmap2
#define KERNEL_MMAP SYS_mmap2
#else
#define KERNEL_MMAP SYS_mmap
#endif

/* syscall(2) returns -1 where mmap returns MAP_FAILED: the same bits. */
static void *kernel_mmap(void *start, size_t bytes, int protection, int flags)
{
    return (void *)syscall(KERNEL_MMAP, start, bytes, protection, flags, -1, 0L);
}

static bool kernel_munmap(void *start, size_t bytes)
{
    return syscall(SYS_munmap, start, bytes) == 0;
}

static void *kernel_mremap(void *start, size_t old_bytes, size_t new_bytes, int flags, void *target)
{
    return (void *)syscall(SYS_mremap, start, old_bytes, new_bytes, flags, target);
}

static bool kernel_mprotect(void *start, size_t bytes, int protection)
{
    return syscall(SYS_mprotect, start, bytes, protection) == 0;
}

static bool kernel_madvise(void *start, size_t bytes, int advice)
{
    return syscall(SYS_madvise, start, bytes, advice) == 0;
}
#endif

size_t os_page_bytes(void)
{
    return (size_t)getauxval(AT_PAGESZ);
}

unsigned int os_cpu_count(void)
{
    cpu_set_t allowed;
    int saved_errno = errno;
    int count = sched_getaffinity(0, sizeof(allowed), &allowed) == 0 ? CPU_COUNT(&allowed) : 1;

    errno = saved_errno;
    return (unsigned int)count;
}

uint64_t os_now_ns(void)
{
    struct timespec now = {0};

    clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail: the clock exists and &now is ours */
    return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

void os_sleep_until(uint64_t deadline_ns)
{
    const uint64_t second = deadline_ns / NS_PER_SECOND;
    const struct timespec until = {
        .tv_sec = (time_t)(second < FURTHEST_SECOND ? second : FURTHEST_SECOND),
        .tv_nsec = (long)(deadline_ns % NS_PER_SECOND),
    };

    /* Signal handlers end the call before its time. It sets no errno. */
    while (os_now_ns() < deadline_ns) {
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    }
}

/* Maps `bytes` at a multiple of align; NULL if there is no room. Where the kernel's own choice does
 * not fit, more is mapped and the ends are cut off again. */
static void *map_aligned(size_t bytes, size_t align, int protection, int flags)
{
    const size_t page_bytes = os_page_bytes();
    size_t padded_bytes;

    void *start = kernel_mmap(NULL, bytes, protection, flags);
    if (start == MAP_FAILED) {
        return NULL;
    }
    if ((uintptr_t)start % align == 0) {
        return start;
    }
    kernel_munmap(start, bytes);

    if (!size_add(bytes, align - page_bytes, &padded_bytes)) {
        return NULL;
    }
    start = kernel_mmap(NULL, padded_bytes, protection, flags);
    if (start == MAP_FAILED) {
        return NULL;
    }
    size_t before = round_up((uintptr_t)start, align) - (uintptr_t)start;
    size_t behind = padded_bytes - before - bytes;
    if (before != 0) {
        kernel_munmap(start, before);
    }
    if (behind != 0) {
        kernel_munmap((char *)start + before + bytes, behind);
    }
    return (char *)start + before;
}

void *os_reserve(size_t bytes, size_t align)
{
    int saved_errno = errno;
    void *start = map_aligned(bytes, align, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);

    errno = saved_errno;
    return start;
}

void *os_map(size_t bytes, size_t align)
{
    int saved_errno = errno;
    void *start = map_aligned(bytes, align, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);

    if (start != NULL) {
        checkers_mapped(start, bytes);
    }
    errno = saved_errno;
    return start;
}

bool os_commit(void *start, size_t bytes)
{
    int saved_errno = errno;
    bool done = kernel_mprotect(start, bytes, PROT_READ | PROT_WRITE);

    if (done) {
        checkers_mapped(start, bytes);
    }
    errno = saved_errno;
    return done;
}

bool os_make_readable(void *start, size_t bytes)
{
    int saved_errno = errno;
    bool done = kernel_mprotect(start, bytes, PROT_READ);

    if (done) {
        checkers_mapped(start, bytes);
    }
    errno = saved_errno;
    return done;
}

bool os_decommit(void *start, size_t bytes)
{
    int saved_errno = errno;
    /* Mapping anew also returns the commit charge, which MADV_DONTNEED and mprotect would keep. */
    bool done = kernel_mmap(start, bytes, PROT_NONE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED) == start;

    errno = saved_errno;
    return done;
}

bool os_discard(void *start, size_t bytes)
{
    int saved_errno = errno;
    bool done = kernel_madvise(start, bytes, MADV_DONTNEED);

    errno = saved_errno;
    return done;
}

void os_prefer_huge(void *start, size_t bytes)
{
    int saved_errno = errno;

    kernel_madvise(start, bytes, MADV_HUGEPAGE); /* refused where there are none at all */
    errno = saved_errno;
}

bool os_unmap(void *start, size_t bytes)
{
    int saved_errno = errno;
    bool done = kernel_munmap(start, bytes);

    errno = saved_errno;
    return done;
}

bool os_resize(void *start, size_t old_bytes, size_t new_bytes)
{
    int saved_errno = errno;
    bool done = kernel_mremap(start, old_bytes, new_bytes, 0, NULL) == start;

    if (done && new_bytes > old_bytes) {
        checkers_mapped((char *)start + old_bytes, new_bytes - old_bytes);
    }
    errno = saved_errno;
    return done;
}

bool os_move(void *start, size_t old_bytes, void *target, size_t new_bytes)
{
    int saved_errno = errno;
    bool done =
        kernel_mremap(start, old_bytes, new_bytes, MREMAP_MAYMOVE | MREMAP_FIXED, target) == target;

    if (done) {
        checkers_moved(target, old_bytes);
        checkers_mapped((char *)target + old_bytes, new_bytes - old_bytes);
    }
    errno = saved_errno;
    return done;
}

/* The kernel leaves the old range mapped only if the size stays, hence two steps; what is moved
 * twice is page tables. It also unlocks all of the mapping that the range is in, however large: so
 * locked memory is left alone, which the advice, of no effect here, is refused for. */
bool os_move_out(void *start, size_t old_bytes, void *target, size_t new_bytes)
{
    int saved_errno = errno;
    void *between = MAP_FAILED;
    bool done = false;

    if (kernel_madvise(start, os_page_bytes(), MADV_COLD)) {
        between =
            kernel_mremap(start, old_bytes, old_bytes, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
    }
    if (between != MAP_FAILED) {
        done = kernel_mremap(between, old_bytes, new_bytes, MREMAP_MAYMOVE | MREMAP_FIXED,
                             target) == target;
    }
    if (done) {
        checkers_moved(target, old_bytes);
        checkers_mapped((char *)target + old_bytes, new_bytes - old_bytes);
    } else if (between != MAP_FAILED) {
        kernel_mremap(between, old_bytes, old_bytes, MREMAP_MAYMOVE | MREMAP_FIXED, start);
    }
    errno = saved_errno;
    return done;
}

void os_name(void *start, size_t bytes, const char *name)
{
    static _Atomic(bool) is_unknown; /* relaxed: who does not know asks once more */
    int saved_errno = errno;

    /* Kernels without names for anonymous memory refuse; nobody asks them twice. */
    if (!atomic_load_explicit(&is_unknown, memory_order_relaxed) &&
        prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, start, bytes, name) != 0 && errno == EINVAL) {
        atomic_store_explicit(&is_unknown, true, memory_order_relaxed);
    }
    errno = saved_errno;
}

uint64_t os_random(void)
{
    int saved_errno = errno;
    uint64_t bits = 0;

    if (syscall(SYS_getrandom, &bits, sizeof(bits), GRND_NONBLOCK) != (long)sizeof(bits)) {
        bits = os_now_ns() * 0x9e3779b97f4a7c15u ^ (uintptr_t)&bits;
    }
    errno = saved_errno;
    return bits;
}

void os_yield(void)
{
    sched_yield();
}

bool os_at_fork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    return pthread_atfork(prepare, parent, child) == 0;
}

const char *os_environment(const char *name)
{
    return secure_getenv(name);
}

bool os_environment_ready(void)
{
    return environ != NULL;
}

static bool write_all(int file, const char *text, size_t bytes)
{
    ssize_t written = 0;

    while (bytes != 0 && (written >= 0 || errno == EINTR)) {
        written = write(file, text, bytes);
        if (written > 0) {
            text += written;
            bytes -= (size_t)written;
        }
    }
    return bytes == 0;
}

bool os_append(const char *path, const char *text, size_t bytes)
{
    int saved_errno = errno;
    bool to_stderr = strcmp(path, "stderr") == 0;
    int file =
        to_stderr ? STDERR_FILENO : open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    bool done = file >= 0 && write_all(file, text, bytes);

    if (file >= 0 && !to_stderr) {
        close(file);
    }
    errno = saved_errno;
    return done;
}

bool os_print(const char *text, size_t bytes)
{
    int saved_errno = errno;
    bool done = write_all(STDOUT_FILENO, text, bytes);

    errno = saved_errno;
    return done;
}

void (*os_find_function(const char *library, const char *name))(void)
{
    int saved_errno = errno;
    void (*function)(void) = NULL;
    void *handle = dlopen(library, RTLD_LAZY | RTLD_NOLOAD);

    if (handle != NULL) {
        void *address = dlsym(handle, name);

        /* POSIX has the two kinds of pointers alike; ISO C has no conversion. */
        memcpy(&function, &address, sizeof(function));
        dlclose(handle); /* the library keeps its other references */
    }
    errno = saved_errno;
    return function;
}

int os_process_id(void)
{
    return (int)getpid();
}

const char *os_program_name(void)
{
    return program_invocation_short_name != NULL ? program_invocation_short_name : "?";
}
