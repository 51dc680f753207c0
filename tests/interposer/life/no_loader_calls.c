/* SPDX-License-Identifier: Apache-2.0 */
/* No function of the allocator asks the loader for anything, which would allocate: the program's
 * own dlopen and dlsym fail from the point where the test begins. */
#include <pthread.h>

#include "../blocks.h"

static int loader_is_forbidden;

void *dlopen(const char *file, int mode)
{
    (void)file;
    (void)mode;
    EXPECT(!loader_is_forbidden);
    return NULL;
}

void *dlsym(void *handle, const char *name)
{
    void *(*real)(void *, const char *);
    EXPECT(!loader_is_forbidden);
    void *address = dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.2.5");
    EXPECT(address != NULL);
    memcpy(&real, &address, sizeof(address));
    return real(handle, name);
}

static void *use_all(void *unused)
{
    static struct block blocks[300];
    uint32_t state = 83;
    for (int step = 0; step < 3000; step++) {
        blocks_step(blocks, 300, &state);
    }
    blocks_free(blocks, 300);
    free(aligned_alloc(MIB, 100));
    EXPECT(malloc(hidden_size(SIZE_MAX)) == NULL);
    EXPECT(mallinfo2().hblks < 100);
    malloc_trim(0);
    return unused;
}

static void test(char **argv)
{
    pthread_t thread;
    loader_is_forbidden = 1;
    use_all(NULL);
    EXPECT(pthread_create(&thread, NULL, use_all, NULL) == 0);
    EXPECT(pthread_join(thread, NULL) == 0);
    loader_is_forbidden = 0;
}
