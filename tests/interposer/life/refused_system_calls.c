/* SPDX-License-Identifier: Apache-2.0 */
/* Where a sandbox refuses the system calls that are not vital, the allocator goes without: the
 * program installs such a filter and runs itself, so that it holds from the first call on. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "../blocks.h"

#define REFUSE(name)                                                                               \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1),                                         \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS)

static void refuse_system_calls(void)
{
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        REFUSE(getrandom),
        REFUSE(madvise),
        REFUSE(process_madvise),
        REFUSE(mremap),
        REFUSE(membarrier),
        REFUSE(sched_getaffinity),
        REFUSE(getcpu),
        REFUSE(sysinfo),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof(rules) / sizeof(rules[0]), .filter = rules};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0) {
        exit(EXIT_SKIPPED);
    }
}

static void test(char **argv)
{
    static struct block blocks[1000];
    uint32_t state = 59;
    if (argv[1] == NULL) {
        refuse_system_calls();
        execl(argv[0], argv[0], "filtered", (char *)NULL);
        EXPECT(argv[1] != NULL); /* execl does not return if it can do its work */
    }
    for (int step = 0; step < 50000; step++) {
        blocks_step(blocks, 1000, &state);
    }
    blocks_free(blocks, 1000);
    char *grown = NULL;
    for (size_t bytes = 1; bytes < 64 * MIB; bytes *= 2) {
        grown = realloc(grown, bytes);
        EXPECT(grown != NULL && is_filled(grown, 'g', bytes / 2));
        memset(grown, 'g', bytes);
    }
    errno = 4711;
    free(grown);
    for (size_t bytes = 16; bytes < 16 * MIB; bytes *= 2) {
        void *dirty = malloc(bytes);
        EXPECT(dirty != NULL);
        memset(dirty, 0xa5, bytes);
        free(dirty);
        EXPECT(errno == 4711);
        malloc_trim(0);
        void *cleared = calloc(1, bytes);
        EXPECT(cleared != NULL && is_filled(cleared, 0, malloc_usable_size(cleared)));
        free(cleared);
        errno = 4711;
    }
}
