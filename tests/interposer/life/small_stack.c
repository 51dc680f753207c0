/* SPDX-License-Identifier: Apache-2.0 */
/* The allocator needs little stack: it works in a thread with the smallest stack there is, and on a
 * small alternate signal stack. */
#include <limits.h>
#include <pthread.h>
#include <signal.h>

#include "../blocks.h"

static void allocate_and_free(void)
{
    for (size_t bytes = 1; bytes < 4 * MIB; bytes *= 3) {
        void *block = realloc(malloc(bytes), 2 * bytes);
        void *aligned = memalign(256, bytes);
        EXPECT(block != NULL && aligned != NULL);
        free(aligned);
        free(block);
    }
}

static void *run_thread(void *unused)
{
    allocate_and_free();
    return unused;
}

static void handle(int number)
{
    (void)number;
    allocate_and_free();
}

static void test(char **argv)
{
    pthread_attr_t attributes;
    pthread_t thread;
    EXPECT(pthread_attr_init(&attributes) == 0);
    EXPECT(pthread_attr_setstacksize(&attributes, (size_t)PTHREAD_STACK_MIN) == 0);
    EXPECT(pthread_create(&thread, &attributes, run_thread, NULL) == 0);
    EXPECT(pthread_join(thread, NULL) == 0);

    size_t bytes = (size_t)sysconf(_SC_MINSIGSTKSZ) + 4096;
    stack_t stack = {.ss_sp = valloc(bytes), .ss_size = bytes};
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_ONSTACK};
    EXPECT(sigaltstack(&stack, NULL) == 0 && sigaction(SIGUSR1, &action, NULL) == 0);
    EXPECT(raise(SIGUSR1) == 0);
}
