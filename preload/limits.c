/* SPDX-License-Identifier: Apache-2.0 */
/* Limits that a process sets for itself. Address space which was only reserved for blocks to come
 * would count against a limit of it: new threads and mappings would be refused, though the process
 * has little. So before such a limit is set, what was reserved and not used yet goes back, but for
 * what other threads may be looking at (slice_window.c). Blocks come from the arenas and from
 * mappings afterwards, as much as the limit leaves for them. */
#undef _FILE_OFFSET_BITS /* with 64 setrlimit would be another name of setrlimit64 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "process/face.h"

#pragma GCC visibility push(default)

static void prepare(pid_t process, int resource, const struct rlimit *limit)
{
    bool is_own = process == 0 || process == getpid();

    if (resource == RLIMIT_AS && is_own && limit != NULL && limit->rlim_cur != RLIM_INFINITY) {
        face_give_address_space();
    }
}

/* What the C library makes of all of them, where a long has 64 bits. */
static int set_and_get(pid_t process, int resource, const struct rlimit *limit,
                       struct rlimit *before)
{
    prepare(process, resource, limit);
    return (int)syscall(SYS_prlimit64, process, resource, limit, before);
}

int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
    return set_and_get(0, (int)resource, limit, NULL);
}

int setrlimit64(__rlimit_resource_t resource, const struct rlimit64 *limit)
{
    return set_and_get(0, (int)resource, (const struct rlimit *)limit, NULL);
}

int prlimit(pid_t process, enum __rlimit_resource resource, const struct rlimit *limit,
            struct rlimit *before)
{
    return set_and_get(process, (int)resource, limit, before);
}

int prlimit64(pid_t process, enum __rlimit_resource resource, const struct rlimit64 *limit,
              struct rlimit64 *before)
{
    return set_and_get(process, (int)resource, (const struct rlimit *)limit,
                       (struct rlimit *)before);
}
