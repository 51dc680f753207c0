/* SPDX-License-Identifier: Apache-2.0 */
/* Shared slabs and heaps as one process sees them: what is refused, numbers and addresses, two
 * views of one object, the calls of k_heap, and whose blocks they are. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>
#include <quarry/priority.h>
#include <quarry/shared.h>
#include <zephyr/kernel.h>
#include "core/heap.h"
#include "../support/death.h"

#define BLOCKS       4u
#define BLOCK_BYTES  24u
#define HEAP_BYTES   2048u
#define MAX_WAITERS  3u
#define MOST_WAITERS 65536u
#define MEMORY_BYTES 16384u
#define ALIGNMENT    64u
#define SOME_PROCESS 0x7ffffffe
#define PATIENCE_S   10u
#define LAST_SIZES   64u

/* Two mappings of the same memory. */
static char *memory;
static char *second;
static struct k_mem_slab *slab; /* in the first half of `memory` */
static struct k_heap heap;      /* in the second half */

static int map_twice(void **state)
{
    int fd = memfd_create("test_shared", MFD_CLOEXEC);

    if (fd < 0 || ftruncate(fd, 2 * MEMORY_BYTES) != 0) {
        return -1;
    }
    memory = mmap(NULL, 2 * MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    second = mmap(NULL, 2 * MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return memory != MAP_FAILED && second != MAP_FAILED ? 0 : -1;
}

static int unmap(void **state)
{
    return munmap(memory, 2 * MEMORY_BYTES) | munmap(second, 2 * MEMORY_BYTES);
}

static int begin(void **state)
{
    memset(memory, 0xa5, 2 * MEMORY_BYTES);
    slab = quarry_shared_slab_create(memory, MEMORY_BYTES, BLOCK_BYTES, BLOCKS, MAX_WAITERS);
    assert_non_null(slab);
    return quarry_shared_heap_create(&heap, memory + MEMORY_BYTES, MEMORY_BYTES, HEAP_BYTES,
                                     MAX_WAITERS);
}

static char *take(void)
{
    void *mem;

    return k_mem_slab_alloc(slab, &mem, K_NO_WAIT) == 0 ? mem : NULL;
}

static char *allocate(size_t bytes)
{
    return k_heap_alloc(&heap, bytes, K_NO_WAIT);
}

static bool slab_is_good(void)
{
    return quarry_shared_slab_validate(slab);
}

static bool heap_is_good(void)
{
    return quarry_shared_heap_validate(&heap);
}

/* --- What is refused --- */

static void slab_bytes_at_the_boundaries(void **state)
{
    assert_int_equal(quarry_shared_slab_bytes(0, 1, 1), 0);
    assert_int_equal(quarry_shared_slab_bytes(8, 0, 1), 0);
    assert_int_equal(quarry_shared_slab_bytes(8, 1, 0), 0);
    for (size_t bytes = 1; bytes < 8; bytes++) {
        assert_int_equal(quarry_shared_slab_bytes(bytes, 1, 1), 0);
        assert_int_equal(quarry_shared_slab_bytes(8 + bytes, 1, 1), 0);
    }
    assert_true(quarry_shared_slab_bytes(8, 1, MOST_WAITERS) > MOST_WAITERS);
    assert_int_equal(quarry_shared_slab_bytes(8, 1, MOST_WAITERS + 1), 0);
    assert_int_equal(quarry_shared_slab_bytes(8, 1, UINT32_MAX), 0);
    assert_int_equal(quarry_shared_slab_bytes(8, UINT32_MAX, 1), 0);
    assert_int_equal(quarry_shared_slab_bytes(SIZE_MAX / 2 + 1, 2, 1), 0);
    for (size_t less = 0; less < LAST_SIZES; less++) {
        assert_int_equal(quarry_shared_slab_bytes(SIZE_MAX - less, 1, 1), 0);
    }
    assert_true(quarry_shared_slab_bytes(8, UINT32_MAX - 1, 1) > (size_t)8 * UINT32_MAX ||
                sizeof(size_t) == 4);
}

static void heap_bytes_at_the_boundaries(void **state)
{
    assert_int_equal(quarry_shared_heap_bytes(1024, 0), 0);
    assert_int_equal(quarry_shared_heap_bytes(1024, MOST_WAITERS + 1), 0);
    assert_true(quarry_shared_heap_bytes(1024, MOST_WAITERS) > MOST_WAITERS);
    for (size_t more = 1; more < 8; more++) {
        assert_int_equal(quarry_shared_heap_bytes(1024 + more, 1), 0);
    }
    for (size_t less = 0; less < LAST_SIZES; less++) {
        assert_int_equal(quarry_shared_heap_bytes(SIZE_MAX - less, 1), 0);
    }
}

static struct k_mem_slab *create_slab(char *at, size_t bytes)
{
    return quarry_shared_slab_create(at, bytes, BLOCK_BYTES, BLOCKS, MAX_WAITERS);
}

static void slabs_that_cannot_be_created(void **state)
{
    size_t bytes = quarry_shared_slab_bytes(BLOCK_BYTES, BLOCKS, MAX_WAITERS);

    assert_null(create_slab(NULL, bytes));
    assert_null(create_slab(memory, bytes - 1));
    assert_null(create_slab(memory, 0));
    assert_null(create_slab(memory + ALIGNMENT / 2, bytes));
    assert_null(quarry_shared_slab_create(memory, SIZE_MAX, SIZE_MAX - 7, BLOCKS, MAX_WAITERS));
    assert_null(quarry_shared_slab_create(memory, MEMORY_BYTES, 0, BLOCKS, MAX_WAITERS));
    assert_non_null(create_slab(memory + ALIGNMENT, bytes));
}

static int create_heap(char *at, size_t bytes, size_t heap_bytes)
{
    struct k_heap made;

    return quarry_shared_heap_create(&made, at, bytes, heap_bytes, MAX_WAITERS);
}

static void heaps_that_cannot_be_created(void **state)
{
    size_t bytes = quarry_shared_heap_bytes(HEAP_BYTES, MAX_WAITERS);

    assert_int_equal(create_heap(NULL, bytes, HEAP_BYTES), -EINVAL);
    assert_int_equal(create_heap(memory, bytes - 1, HEAP_BYTES), -EINVAL);
    assert_int_equal(create_heap(memory + ALIGNMENT / 2, bytes, HEAP_BYTES), -EINVAL);
    assert_int_equal(create_heap(memory, bytes, HEAP_BYTES - 1), -EINVAL);
    assert_int_equal(create_heap(memory, SIZE_MAX, SIZE_MAX - 7), -EINVAL);
    assert_int_equal(create_heap(memory, bytes, 0), -EINVAL);
    assert_int_equal(create_heap(memory, bytes, 8), -EINVAL);
    assert_int_equal(create_heap(memory, bytes, HEAP_BYTES), 0);
}

static void only_the_right_object_is_attached_to(void **state)
{
    struct k_heap view;

    assert_null(quarry_shared_slab_attach(NULL, MEMORY_BYTES));
    assert_null(quarry_shared_slab_attach(memory + ALIGNMENT / 2, MEMORY_BYTES));
    assert_null(quarry_shared_slab_attach(memory + ALIGNMENT, MEMORY_BYTES));
    assert_null(quarry_shared_slab_attach(memory + MEMORY_BYTES, MEMORY_BYTES));       /* a heap */
    assert_int_equal(quarry_shared_heap_attach(&view, memory, MEMORY_BYTES), -EINVAL); /* a slab */
    assert_int_equal(quarry_shared_heap_attach(&view, NULL, MEMORY_BYTES), -EINVAL);
    assert_int_equal(
        quarry_shared_heap_attach(&view, memory + MEMORY_BYTES + ALIGNMENT / 2, MEMORY_BYTES),
        -EINVAL);
}

static void only_the_whole_object_is_attached_to(void **state)
{
    size_t slab_bytes = quarry_shared_slab_bytes(BLOCK_BYTES, BLOCKS, MAX_WAITERS);
    size_t heap_bytes = quarry_shared_heap_bytes(HEAP_BYTES, MAX_WAITERS);
    char *at = memory + MEMORY_BYTES;
    struct k_heap view;

    assert_null(quarry_shared_slab_attach(memory, slab_bytes - 1));
    assert_null(quarry_shared_slab_attach(memory, 0));
    assert_ptr_equal(quarry_shared_slab_attach(memory, slab_bytes), slab);
    assert_int_equal(quarry_shared_heap_attach(&view, at, heap_bytes - 1), -EINVAL);
    assert_int_equal(quarry_shared_heap_attach(&view, at, 0), -EINVAL);
    assert_int_equal(quarry_shared_heap_attach(&view, at, heap_bytes), 0);
}

static void an_object_that_is_not_made_anew_is_gone(void **state)
{
    assert_null(quarry_shared_slab_create(memory, MEMORY_BYTES - ALIGNMENT, MEMORY_BYTES, BLOCKS,
                                          MAX_WAITERS));
    assert_ptr_equal(quarry_shared_slab_attach(memory, MEMORY_BYTES), slab); /* was not touched */
    memset(memory, 0, MEMORY_BYTES);
    assert_null(quarry_shared_slab_attach(memory, MEMORY_BYTES));
}

static void shared_objects_inherit_no_priority(void **state)
{
    assert_int_equal(quarry_mem_slab_inherit_priority(slab), -EINVAL);
    assert_int_equal(quarry_heap_inherit_priority(&heap), -EINVAL);
}

/* --- Numbers and addresses --- */

static void numbers_are_those_of_blocks(void **state)
{
    for (uint32_t number = 0; number < BLOCKS; number++) {
        char *mem = quarry_shared_slab_block(slab, number);

        assert_true(mem >= memory && mem + BLOCK_BYTES <= memory + MEMORY_BYTES);
        assert_int_equal(quarry_shared_slab_number(slab, mem), number);
        assert_int_equal(quarry_shared_slab_number(slab, mem + 8), UINT32_MAX);
        assert_ptr_equal(take(), mem);
    }
    assert_null(take());
    assert_null(quarry_shared_slab_block(slab, BLOCKS));
    assert_null(quarry_shared_slab_block(slab, UINT32_MAX));
}

static void other_addresses_have_no_number(void **state)
{
    char *first = quarry_shared_slab_block(slab, 0);

    assert_int_equal(quarry_shared_slab_number(slab, NULL), UINT32_MAX);
    assert_int_equal(quarry_shared_slab_number(slab, memory), UINT32_MAX);
    assert_int_equal(quarry_shared_slab_number(slab, first - BLOCK_BYTES), UINT32_MAX);
    assert_int_equal(quarry_shared_slab_number(slab, first + BLOCKS * (size_t)BLOCK_BYTES),
                     UINT32_MAX);
    assert_int_equal(quarry_shared_slab_number(slab, second), UINT32_MAX);
}

static void two_views_of_a_slab_are_one(void **state)
{
    struct k_mem_slab *view = quarry_shared_slab_attach(second, MEMORY_BYTES);
    void *mem;

    assert_non_null(view);
    assert_ptr_not_equal(view, slab);
    char *block = take();
    strcpy(block, "seen");
    uint32_t number = quarry_shared_slab_number(slab, block);
    assert_string_equal(quarry_shared_slab_block(view, number), "seen");
    assert_int_equal(k_mem_slab_num_used_get(view), 1);
    k_mem_slab_free(view, quarry_shared_slab_block(view, number));
    assert_int_equal(k_mem_slab_num_used_get(slab), 0);
    assert_int_equal(k_mem_slab_alloc(view, &mem, K_NO_WAIT), 0);
    assert_ptr_equal(quarry_shared_slab_block(slab, quarry_shared_slab_number(view, mem)), block);
    assert_true(slab_is_good() && quarry_shared_slab_validate(view));
    k_mem_slab_free(slab, block);
    assert_true(slab_is_good() && quarry_shared_slab_validate(view));
}

static void two_views_of_a_heap_are_one(void **state)
{
    struct k_heap view;

    assert_int_equal(quarry_shared_heap_attach(&view, second + MEMORY_BYTES, MEMORY_BYTES), 0);
    char *block = allocate(100);
    strcpy(block, "seen");
    char *seen = second + (block - memory);
    assert_string_equal(seen, "seen");
    assert_true(quarry_shared_heap_validate(&view));
    char *moved = k_heap_realloc(&view, seen, 300, K_NO_WAIT);
    assert_string_equal(memory + (moved - second), "seen");
    k_heap_free(&heap, memory + (moved - second));
    assert_true(heap_is_good() && quarry_shared_heap_validate(&view));
    assert_int_equal(quarry_shared_heap_reclaim(&view, getpid()), 0);
}

/* --- The calls of k_heap --- */

static bool is_zero(const char *mem, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (mem[i] != 0) {
            return false;
        }
    }
    return true;
}

static void blocks_are_zeroed_and_aligned(void **state)
{
    char *zeros = k_heap_calloc(&heap, 10, 20, K_NO_WAIT);

    assert_true(zeros != NULL && is_zero(zeros, 200));
    assert_null(k_heap_calloc(&heap, SIZE_MAX, 2, K_FOREVER));
    for (size_t align = 1; align <= 256; align *= 2) {
        char *mem = k_heap_aligned_alloc(&heap, align, 1, K_NO_WAIT);

        assert_non_null(mem);
        assert_int_equal((uintptr_t)mem % align, 0);
        assert_true(heap_is_good());
    }
    assert_int_equal(quarry_shared_heap_reclaim(&heap, getpid()), 10);
}

static void contents_survive_every_change_of_size(void **state)
{
    static const size_t sizes[] = {1, 8, 9, 16, 200, 120, 300, 301, 900, 12, 40};
    char *wall = allocate(1);
    char *mem = k_heap_realloc(&heap, NULL, 4, K_NO_WAIT);

    memcpy(mem, "q", 2);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        mem = k_heap_realloc(&heap, mem, sizes[i], K_NO_WAIT);
        assert_true(mem != NULL && mem[0] == 'q');
        memset(mem + 1, 0x5a, sizes[i] - 1); /* all of it, and nothing else */
        assert_true(heap_is_good());
        if (i == 2) {
            k_heap_free(&heap, wall);
        }
    }
    assert_null(k_heap_realloc(&heap, mem, HEAP_BYTES, K_NO_WAIT));
    assert_null(k_heap_realloc(&heap, mem, SIZE_MAX, K_NO_WAIT));
    assert_true(mem[0] == 'q' && heap_is_good());
    assert_null(k_heap_realloc(&heap, mem, 0, K_FOREVER));
    assert_int_equal(quarry_shared_heap_reclaim(&heap, getpid()), 0);
    assert_true(heap_is_good());
}

static void sizes_that_no_heap_has_are_refused(void **state)
{
    assert_null(allocate(0));
    for (size_t less = 0; less < LAST_SIZES; less++) {
        assert_null(k_heap_alloc(&heap, SIZE_MAX - less, K_FOREVER));
        assert_null(k_heap_aligned_alloc(&heap, ALIGNMENT, SIZE_MAX - less, K_FOREVER));
    }
    assert_true(heap_is_good());
}

static void ask_for_ever(void *arg)
{
    const size_t *bytes = arg;

    alarm(PATIENCE_S);
    if (k_heap_alloc(&heap, *bytes, K_FOREVER) != NULL) {
        _exit(1);
    }
}

/* The owner of a block takes room, too. */
static void what_can_never_be_had_is_not_waited_for(void **state)
{
    size_t bytes = heap_largest_allocatable_bytes(&heap.heap);
    struct death death;

    while (allocate(bytes) == NULL) {
        bytes--;
    }
    quarry_shared_heap_reclaim(&heap, getpid());
    bytes++;
    death = death_of(ask_for_ever, &bytes);
    assert_int_equal(death.signal, 0);
    assert_int_equal(death.exit_code, 0);
}

/* --- Whose blocks they are --- */

static void blocks_of_a_process_are_reclaimed(void **state)
{
    take();
    take();
    allocate(1);
    allocate(500);
    k_heap_aligned_alloc(&heap, 128, 1, K_NO_WAIT);
    assert_int_equal(quarry_shared_slab_reclaim(slab, SOME_PROCESS), 0);
    assert_int_equal(quarry_shared_heap_reclaim(&heap, SOME_PROCESS), 0);
    assert_int_equal(quarry_shared_slab_reclaim(slab, getpid()), 2);
    assert_int_equal(quarry_shared_heap_reclaim(&heap, getpid()), 3);
    assert_int_equal(k_mem_slab_num_used_get(slab), 0);
    assert_true(slab_is_good() && heap_is_good());
    assert_int_equal(quarry_shared_slab_reclaim(slab, getpid()), 0);
    assert_int_equal(quarry_shared_heap_reclaim(&heap, getpid()), 0);
}

static void nobody_has_no_blocks(void **state)
{
    char *mem = take();

    take();
    k_mem_slab_free(slab, mem);
    for (pid_t nobody = -1; nobody <= 0; nobody++) {
        assert_int_equal(quarry_shared_slab_reclaim(slab, nobody), 0);
        assert_int_equal(quarry_shared_heap_reclaim(&heap, nobody), 0);
    }
    assert_int_equal(k_mem_slab_num_used_get(slab), 1);
    assert_true(slab_is_good() && heap_is_good());
}

static void without_a_death_there_is_nothing_to_tell(void **state)
{
    uint32_t seen = 0;

    take();
    allocate(1);
    assert_int_equal(quarry_shared_slab_check(slab, &seen), 0);
    assert_int_equal(quarry_shared_heap_check(&heap, &seen), 0);
    assert_int_equal(seen, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, begin)
    const struct CMUnitTest tests[] = {
        TEST(slab_bytes_at_the_boundaries),
        TEST(heap_bytes_at_the_boundaries),
        TEST(slabs_that_cannot_be_created),
        TEST(heaps_that_cannot_be_created),
        TEST(only_the_right_object_is_attached_to),
        TEST(only_the_whole_object_is_attached_to),
        TEST(an_object_that_is_not_made_anew_is_gone),
        TEST(shared_objects_inherit_no_priority),
        TEST(numbers_are_those_of_blocks),
        TEST(other_addresses_have_no_number),
        TEST(two_views_of_a_slab_are_one),
        TEST(two_views_of_a_heap_are_one),
        TEST(blocks_are_zeroed_and_aligned),
        TEST(contents_survive_every_change_of_size),
        TEST(sizes_that_no_heap_has_are_refused),
        TEST(what_can_never_be_had_is_not_waited_for),
        TEST(blocks_of_a_process_are_reclaimed),
        TEST(nobody_has_no_blocks),
        TEST(without_a_death_there_is_nothing_to_tell),
    };
#undef TEST

    return cmocka_run_group_tests(tests, map_twice, unmap);
}
