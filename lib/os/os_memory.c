/* SPDX-License-Identifier: Apache-2.0 */
/* What os.h says about memory of special kinds, on Linux.
 *
 * Other than the calls of os_posix.c, these are made with no lock held and never on the way of an
 * allocation. So mappings are the C library's, which sanitizers see. Pages are locked by syscall(2)
 * all the same, as sanitizers make the C library's mlock do nothing; mbind is in no C library.
 *
 * Populating is for the start of a process. Where the kernel cannot do it, pages are touched: a
 * byte is written by an atomic instruction that does not change it, so others may use it meanwhile.
 *
 * System calls used: mmap, madvise, mlock, mbind, memfd_create, ftruncate, fcntl, fstat, close,
 * getrlimit; openat and read of files below /proc and /sys, which tell how huge a page is. */
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mempolicy.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/bits.h"
#include "os/checkers.h"

/* Older headers lack the names. */
#ifndef MAP_HUGE_SHIFT
#define MAP_HUGE_SHIFT 26
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x10
#endif

/* Since Linux 5.14. */
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif

#define SYSTEM_FILE_BYTES 8192              /* more than what is looked for has in front of it */
#define MOST_HUGE_BYTES   ((size_t)1 << 30) /* what an int of flags has room for */
#define MAX_NODES         1024u             /* more than a kernel can be built for */
#define LONG_BITS         (sizeof(unsigned long) * CHAR_BIT)
#define SIZE_SEALS        (F_SEAL_SHRINK | F_SEAL_GROW)
#define WRITE_SEALS       (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)

/* Reads the beginning of a file of the system's as text. False if there is none. */
static bool read_system_file(const char *path, char *text, size_t bytes)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);

    if (file < 0) {
        return false;
    }
    ssize_t count = read(file, text, bytes - 1);
    close(file);
    text[count > 0 ? count : 0] = '\0';
    return count > 0;
}

/* --- Huge pages --- */

/* The number of bytes, if it is the size of a page; larger ones than mmap can be asked for are for
 * others. */
static size_t page_size_of(const char *number, size_t unit)
{
    unsigned long count = strtoul(number, NULL, 10);
    size_t bytes;
    bool fits = size_multiply(count, unit, &bytes) && bytes <= MOST_HUGE_BYTES;

    return fits && is_power_of_two(bytes) ? bytes : 0;
}

/* Of transparent huge pages, or where there are none, of those that can be set aside. */
static size_t read_huge_page_bytes(void)
{
    static const char label[] = "Hugepagesize:"; /* in KiB */
    char text[SYSTEM_FILE_BYTES];

    if (read_system_file("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", text,
                         sizeof(text))) {
        return page_size_of(text, 1);
    }
    if (!read_system_file("/proc/meminfo", text, sizeof(text))) {
        return 0;
    }
    const char *line = strstr(text, label);
    return line != NULL ? page_size_of(line + sizeof(label) - 1, 1024) : 0;
}

size_t os_huge_page_bytes(void)
{
    int saved_errno = errno;
    size_t bytes = read_huge_page_bytes();

    errno = saved_errno;
    return bytes;
}

void *os_map_huge(size_t bytes, size_t page_bytes)
{
    int saved_errno = errno;
    int size_flag = (int)(lowest_bit((uint32_t)page_bytes) << MAP_HUGE_SHIFT);
    void *start = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | size_flag, -1, 0);

    errno = saved_errno;
    if (start == MAP_FAILED) {
        return NULL;
    }
    checkers_mapped(start, bytes);
    return start;
}

bool os_advise_huge(void *start, size_t bytes)
{
    char text[SYSTEM_FILE_BYTES];
    int saved_errno = errno;
    /* The advice is taken as well where they are switched off. */
    bool done =
        read_system_file("/sys/kernel/mm/transparent_hugepage/enabled", text, sizeof(text)) &&
        strstr(text, "[never]") == NULL && madvise(start, bytes, MADV_HUGEPAGE) == 0;

    errno = saved_errno;
    return done;
}

/* --- Pages that are to be somewhere --- */

int os_lock_pages(void *start, size_t bytes)
{
    struct rlimit limit = {0};
    int saved_errno = errno;
    int result = 0;

    if (syscall(SYS_mlock, start, bytes) != 0) {
        /* ENOMEM is the answer to both: more than the limit, and no memory. */
        bool limited =
            errno == EPERM || (errno == ENOMEM && getrlimit(RLIMIT_MEMLOCK, &limit) == 0 &&
                               limit.rlim_cur != RLIM_INFINITY);
        result = limited ? -EPERM : -ENOMEM;
    }
    errno = saved_errno;
    return result;
}

/* Writes what is there already: an or with 0 clang makes a load of. */
static void touch(char *page, bool writable)
{
    char there = __atomic_load_n(page, __ATOMIC_RELAXED);

    while (writable && !__atomic_compare_exchange_n(page, &there, there, true, __ATOMIC_RELAXED,
                                                    __ATOMIC_RELAXED)) {
    }
}

bool os_populate(void *start, size_t bytes, bool writable)
{
    int saved_errno = errno;
    long result =
        syscall(SYS_madvise, start, bytes, writable ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
    bool is_unknown = result != 0 && (errno == EINVAL || errno == ENOSYS);

    errno = saved_errno;
    for (size_t offset = 0; is_unknown && offset < bytes; offset += os_page_bytes()) {
        touch((char *)start + offset, writable);
    }
    return result == 0 || is_unknown;
}

static int bind_error(int error)
{
    switch (error) {
    case EINVAL:
        return -EINVAL;
    case ENOSYS:
        return -ENOTSUP;
    case EPERM:
        return -EPERM;
    default:
        return -ENOMEM;
    }
}

int os_bind_pages(void *start, size_t bytes, unsigned int node)
{
    unsigned long mask[MAX_NODES / LONG_BITS] = {0};
    int saved_errno = errno;
    int result = 0;

    if (node >= MAX_NODES) {
        return -EINVAL;
    }
    mask[node / LONG_BITS] = 1ul << node % LONG_BITS;
    /* The kernel takes the number of bits plus one. */
    if (syscall(SYS_mbind, start, bytes, MPOL_BIND, mask, (unsigned long)MAX_NODES + 1, 0u) != 0) {
        result = bind_error(errno);
    }
    errno = saved_errno;
    return result;
}

/* --- Files in memory --- */

static int file_error(int error)
{
    switch (error) {
    case EMFILE:
    case ENFILE:
        return -EMFILE;
    case EPERM:
    case EFBIG:
        return -EPERM;
    case ENOSYS:
        return -ENOTSUP;
    default:
        return -ENOMEM;
    }
}

/* Beyond the limit the process would get a signal. */
static bool may_have_file(size_t bytes)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
           bytes <= limit.rlim_cur;
}

static int make_file(const char *name, size_t bytes)
{
    if (!may_have_file(bytes)) {
        return -EPERM;
    }
    int file = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file < 0) {
        return file_error(errno);
    }
    if (ftruncate(file, (off_t)bytes) != 0 ||
        fcntl(file, F_ADD_SEALS, SIZE_SEALS | F_SEAL_SEAL) != 0) {
        int result = file_error(errno);

        close(file);
        return result;
    }
    return file;
}

int os_file_make(const char *name, size_t bytes)
{
    int saved_errno = errno;
    int file = make_file(name, bytes);

    errno = saved_errno;
    return file;
}

/* By its seals and by how it was opened. */
static bool is_writable_and_of_fixed_size(int file)
{
    int seals = fcntl(file, F_GET_SEALS);
    int flags = fcntl(file, F_GETFL);

    return seals >= 0 && (seals & SIZE_SEALS) == SIZE_SEALS && (seals & WRITE_SEALS) == 0 &&
           flags >= 0 && (flags & O_ACCMODE) == O_RDWR;
}

size_t os_file_sealed_bytes(int file)
{
    struct stat status;
    int saved_errno = errno;
    bool good = is_writable_and_of_fixed_size(file) && fstat(file, &status) == 0;
    bool fits = good && status.st_size > 0 && (uintmax_t)status.st_size <= PTRDIFF_MAX;
    size_t bytes = fits ? (size_t)status.st_size : 0;

    errno = saved_errno;
    return bytes;
}

int os_file_duplicate(int file)
{
    int saved_errno = errno;
    int own = fcntl(file, F_DUPFD_CLOEXEC, 0);

    if (own < 0) {
        own = file_error(errno);
    }
    errno = saved_errno;
    return own;
}

void os_file_close(int file)
{
    int saved_errno = errno;

    close(file); /* the descriptor is free again, whatever is answered */
    errno = saved_errno;
}

void *os_map_file(size_t bytes, int file)
{
    int saved_errno = errno;
    void *start = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

    errno = saved_errno;
    if (start == MAP_FAILED) {
        return NULL;
    }
    checkers_mapped(start, bytes);
    return start;
}
