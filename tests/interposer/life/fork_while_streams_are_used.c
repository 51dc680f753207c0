/* SPDX-License-Identifier: Apache-2.0 */
/* fork takes the lock of libc's list of streams; one thread holds that lock and waits for a stream
 * (fflush of all), another holds the stream and allocates its buffer. The three must not wait for
 * each other. */
#include "../children.h"

static atomic_bool stop;

static void *flush_often(void *unused)
{
    while (!atomic_load(&stop)) {
        fflush(NULL);
    }
    return unused;
}

static void *write_often(void *unused)
{
    while (!atomic_load(&stop)) {
        FILE *stream = fopen("/dev/null", "we");
        EXPECT(stream != NULL && fputs("the first output allocates the buffer", stream) >= 0);
        EXPECT(fclose(stream) == 0);
    }
    return unused;
}

static void test(char **argv)
{
    void *(*const functions[])(void *) = {flush_often, write_often, write_often};
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) {
        EXPECT(pthread_create(&threads[i], NULL, functions[i], NULL) == 0);
    }
    for (int i = 0; i < 300; i++) {
        pid_t child = fork_with_alarm();
        if (child == 0) {
            free(malloc(100));
            _exit(0);
        }
        expect_exits_0(child);
    }
    atomic_store(&stop, 1);
    for (int i = 0; i < 3; i++) {
        EXPECT(pthread_join(threads[i], NULL) == 0);
    }
}
