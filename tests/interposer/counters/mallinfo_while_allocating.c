/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers of mallinfo2 are possible ones also while other threads allocate: none is ever more
 * than what all threads together hold, nor wraps around below 0. */
#include <pthread.h>
#include <stdatomic.h>

#include "../memory_use.h"

enum { THREADS = 3, LOOKS = 30000 };

static atomic_bool stop;

static void *allocate_and_free(void *unused)
{
    while (!atomic_load(&stop)) {
        free(hidden(malloc(MIB)));
        free(hidden(malloc(3000)));
    }
    return unused;
}

static void test(char **argv)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        EXPECT(pthread_create(&threads[i], NULL, allocate_and_free, NULL) == 0);
    }
    for (size_t look = 0; look < LOOKS; look++) {
        struct mallinfo2 info = mallinfo2();
        in_case("hblks", info.hblks);
        EXPECT(info.hblks <= THREADS);
        in_case("hblkhd", info.hblkhd);
        EXPECT(info.hblkhd <= THREADS * 2 * MIB);
        in_case("uordblks", info.uordblks);
        EXPECT(info.uordblks <= THREADS * 2 * MIB);
        in_case("fordblks", info.fordblks);
        EXPECT(info.arena == info.uordblks + info.fordblks);
    }
    atomic_store(&stop, 1);
    for (int i = 0; i < THREADS; i++) {
        EXPECT(pthread_join(threads[i], NULL) == 0);
    }
}
