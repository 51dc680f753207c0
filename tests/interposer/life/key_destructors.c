/* SPDX-License-Identifier: Apache-2.0 */
/* Destructors of thread-specific data run before and after the allocator's own and may allocate,
 * resize and free in each of their rounds; nothing is left behind. */
#include <limits.h>
#include <pthread.h>

#include "../memory_use.h"

enum { KEYS = 40, ROUNDS = PTHREAD_DESTRUCTOR_ITERATIONS };

struct value {
    int rounds_left;
    int key;
};

static pthread_key_t keys[KEYS]; /* the first is created before the allocator's first call */

static void destroy(void *pointer)
{
    struct value *value = pointer;
    value = realloc(value, (size_t)value->rounds_left * 3000);
    EXPECT(value != NULL);
    free(malloc(100));
    value->rounds_left--;
    if (value->rounds_left > 0) {
        EXPECT(pthread_setspecific(keys[value->key], value) == 0);
    } else {
        free(value);
    }
}

static void create_first_key(int argc, char **argv)
{
    EXPECT(pthread_key_create(&keys[0], destroy) == 0);
}

BEFORE_CONSTRUCTORS(create_first_key);

static void *use_all_keys(void *unused)
{
    for (int i = 0; i < KEYS; i++) {
        struct value *value = malloc(sizeof(*value));
        EXPECT(value != NULL);
        value->rounds_left = ROUNDS;
        value->key = i;
        EXPECT(pthread_setspecific(keys[i], value) == 0);
    }
    return unused;
}

static void run_threads(int count)
{
    for (int i = 0; i < count; i++) {
        pthread_t thread;
        EXPECT(pthread_create(&thread, NULL, use_all_keys, NULL) == 0);
        EXPECT(pthread_join(thread, NULL) == 0);
    }
}

static void test(char **argv)
{
    for (int i = 1; i < KEYS; i++) {
        EXPECT(pthread_key_create(&keys[i], destroy) == 0);
    }
    run_threads(30);
    size_t live = live_bytes();
    size_t resident = resident_bytes();
    run_threads(600);
    EXPECT(live_bytes() <= live + 16 * KIB);
    EXPECT(resident_bytes() < resident + resident / 2 + MIB);
}
