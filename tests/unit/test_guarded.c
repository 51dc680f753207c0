/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of the hardened library: what they have, what they keep, and what is found out when they
 * come back. tests/interposer/hardened has whole programs. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "process/block_bits.h"
#include "process/guarded.h"
#include "process/slab.h"
#include "../support/death.h"
#include "../support/random.h"

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif

#define BLOCKS  300
#define STEPS   20000
#define THREADS 3

#define PAST_END   "block was written past its end"
#define NOT_IN_USE "block of a slab is not in use: freed twice, or never handed out"

struct block {
    unsigned char *start;
    size_t bytes;
};

/* Small sizes are many, and all kinds of blocks are there; but no mappings under Valgrind, which
 * takes memory that was moved onto reserved space for memory of nobody. */
static size_t random_size(struct random *random)
{
    static const size_t limits[] = {1, 20, 200, 2000, 40000, 200000, 2000000};

    return random_below(random, limits[random_below(random, RUNNING_ON_VALGRIND ? 6 : 7)]);
}

static void fill(struct block block)
{
    memset(block.start, (int)(block.bytes % 251), block.bytes);
}

static void expect_filled(struct block block, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 1 + i / 16) {
        assert_int_equal(block.start[i], block.bytes % 251);
    }
}

static void step(struct block *block, struct random *random)
{
    size_t bytes = random_size(random);

    if (block->start == NULL) {
        block->start = guarded_malloc(bytes);
    } else {
        size_t kept = block->bytes < bytes ? block->bytes : bytes;

        assert_int_equal(guarded_malloc_usable_size(block->start), block->bytes);
        expect_filled(*block, block->bytes);
        if (bytes == 0 || random_below(random, 2) == 0) {
            guarded_free(block->start);
            block->start = NULL;
            return;
        }
        block->start = guarded_realloc(block->start, bytes);
        expect_filled(*block, kept);
    }
    assert_non_null(block->start);
    assert_int_equal((uintptr_t)block->start % 16, 0);
    block->bytes = bytes;
    fill(*block);
}

static void test_blocks_have_what_was_asked_for(void **state)
{
    static struct block blocks[BLOCKS];
    struct random random = random_from(1);

    for (int i = 0; i < STEPS; i++) {
        step(&blocks[random_below(&random, BLOCKS)], &random);
    }
    for (int i = 0; i < BLOCKS; i++) {
        guarded_free(blocks[i].start);
    }
}

static void test_too_many_bytes(void **state)
{
    void *out = &out;

    for (size_t less = 0; less < 64; less++) {
        assert_null(guarded_malloc(SIZE_MAX - less));
        assert_null(guarded_calloc(1, SIZE_MAX - less));
        assert_null(guarded_memalign(64, SIZE_MAX - less));
        assert_null(guarded_pvalloc(SIZE_MAX - less));
        assert_int_not_equal(guarded_posix_memalign(&out, 64, SIZE_MAX - less), 0);
        assert_ptr_equal(out, &out);
    }
    assert_null(guarded_calloc(SIZE_MAX, 2));
}

static void test_failed_resize_keeps_block(void **state)
{
    unsigned char *block = guarded_malloc(100);

    fill((struct block){block, 100});
    assert_null(guarded_realloc(block, SIZE_MAX));
    assert_null(guarded_realloc(block, PTRDIFF_MAX));
    assert_int_equal(guarded_malloc_usable_size(block), 100);
    expect_filled((struct block){block, 100}, 100);
    guarded_free(block);
}

static void test_bit_is_set_while_in_use(void **state)
{
    char *block = guarded_malloc(100);

    assert_true(block_bits_get(block));
    assert_false(block_bits_get(block + 16));
    guarded_free(block);
    assert_false(block_bits_get(block));
}

/* --- Between threads --- */

static _Atomic(void *) exchange[BLOCKS];

static void *exchange_blocks(void *seed)
{
    struct random random = random_from((uintptr_t)seed);

    for (int i = 0; i < STEPS; i++) {
        size_t bytes = 8 + random_below(&random, 300);
        unsigned char *mine = guarded_malloc(bytes);

        memset(mine, (int)bytes % 251, bytes);
        unsigned char *theirs = atomic_exchange(&exchange[random_below(&random, BLOCKS)], mine);
        if (theirs != NULL) {
            size_t their_bytes = guarded_malloc_usable_size(theirs);

            expect_filled((struct block){theirs, their_bytes}, their_bytes);
            guarded_free(theirs);
        }
    }
    return NULL;
}

static void test_blocks_of_other_threads(void **state)
{
    pthread_t threads[THREADS];

    for (uintptr_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, exchange_blocks, (void *)(i + 1)), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    for (int i = 0; i < BLOCKS; i++) {
        guarded_free(exchange[i]);
    }
}

/* --- Crimes --- */

static void change_byte_behind(void *bytes)
{
    unsigned char *block = guarded_malloc(*(size_t *)bytes);

    block[*(size_t *)bytes] ^= 0x80;
    guarded_free(block);
}

/* A string's end behind a block is never what is there. */
static void test_no_zero_behind(void **state)
{
    for (size_t bytes = 0; bytes < 40000; bytes += 1 + bytes / 100) {
        unsigned char *block = guarded_malloc(bytes);

        assert_int_not_equal(block[bytes], 0);
    }
}

static void change_trailer(void *ignored)
{
    unsigned char *block = guarded_malloc(40); /* of 48 bytes: no fence */

    block[47] ^= 1;
    guarded_malloc_usable_size(block);
}

static void free_twice(void *bytes)
{
    void *block = guarded_malloc(*(size_t *)bytes);

    guarded_free(block);
    guarded_free(block);
}

static void resize_freed(void *bytes)
{
    void *block = guarded_malloc(*(size_t *)bytes);

    guarded_free(block);
    guarded_realloc(block, 2 * *(size_t *)bytes);
}

static void measure_freed(void *bytes)
{
    void *block = guarded_malloc(*(size_t *)bytes);

    guarded_free(block);
    guarded_malloc_usable_size(block);
}

static void free_inside(void *offset)
{
    guarded_free((char *)guarded_malloc(100) + *(size_t *)offset);
}

static void free_with_another_size(void *ignored)
{
    guarded_free_sized(guarded_malloc(100), 99);
}

/* As if a list had led to a block in use, and another call had got it. */
static void hand_out_twice(void *ignored)
{
    void *first = guarded_malloc(100);

    guarded_free(first);
    block_bits_set(first);
    for (int i = 0; i < 10000; i++) {
        guarded_malloc(100);
    }
}

static void test_damage_is_found(void **state)
{
    static const size_t sizes[] = {0, 1, 7, 8, 15, 16, 24, 100, 5000, 32000, 100000, 1000000};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t bytes = sizes[i];

        expect_death(change_byte_behind, &bytes, PAST_END);
    }
    expect_death(change_trailer, NULL, PAST_END);
}

static void test_blocks_that_are_none(void **state)
{
    size_t bytes = 100;
    size_t offset = 16;

    expect_death(free_twice, &bytes, NOT_IN_USE);
    expect_death(resize_freed, &bytes, NOT_IN_USE);
    expect_death(measure_freed, &bytes, NOT_IN_USE);
    expect_death(hand_out_twice, NULL, "free list is damaged: it leads to what is no free block");
    expect_death(free_inside, &offset, "address is in the middle of a block of a slab");
    offset = 8;
    expect_death(free_inside, &offset, "address is not aligned as a block is that malloc returns");
    expect_death(free_with_another_size, NULL,
                 "block is freed with another size than it was asked for");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_have_what_was_asked_for),
        cmocka_unit_test(test_too_many_bytes),
        cmocka_unit_test(test_failed_resize_keeps_block),
        cmocka_unit_test(test_bit_is_set_while_in_use),
        cmocka_unit_test(test_blocks_of_other_threads),
        cmocka_unit_test(test_no_zero_behind),
        cmocka_unit_test(test_damage_is_found),
        cmocka_unit_test(test_blocks_that_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
