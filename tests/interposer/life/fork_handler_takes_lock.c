/* SPDX-License-Identifier: Apache-2.0 */
/* A library holds its own lock over fork, and other threads allocate under that lock: whoever waits
 * for the lock in fork must not keep those threads from allocating. */
#include "../children.h"
#include "../libraries/locking.h"

static atomic_bool stop;

static void *allocate_often(void *unused)
{
    while (!atomic_load(&stop)) {
        allocate_locked();
    }
    return unused;
}

static void test(char **argv)
{
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        EXPECT(pthread_create(&threads[i], NULL, allocate_often, NULL) == 0);
    }
    for (int i = 0; i < 200; i++) {
        pid_t child = fork_with_alarm();
        if (child == 0) {
            allocate_locked();
            _exit(0);
        }
        expect_exits_0(child);
    }
    atomic_store(&stop, 1);
    for (int i = 0; i < 2; i++) {
        EXPECT(pthread_join(threads[i], NULL) == 0);
    }
}
