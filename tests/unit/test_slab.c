/* SPDX-License-Identifier: Apache-2.0 */
/* The stack of free blocks of a slab by itself: order, waiting, what validating and taking notice
 * of damage, and threads that use it at once. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "core/slab.h"
#include "../support/death.h"
#include "../support/random.h"

#define BLOCKS      8u
#define BLOCK_BYTES 24u
#define THREADS     4u
#define ROUNDS      100000u
#define HELD        3u

static struct k_mem_slab_info info;
static _Alignas(16) char buffer[BLOCKS * BLOCK_BYTES];

static struct k_mem_slab_info info_of(size_t block_size, uint32_t num_blocks)
{
    return (struct k_mem_slab_info){.block_size = block_size,
                                    .reciprocal = UINT64_MAX / block_size + 1,
                                    .num_blocks = num_blocks};
}

static int begin(void **state)
{
    info = info_of(BLOCK_BYTES, BLOCKS);
    memset(buffer, 0xa5, sizeof(buffer));
    return 0;
}

static bool is_good(void)
{
    return slab_validate(&info, buffer);
}

static char *at(uint32_t block)
{
    return slab_block_at(&info, buffer, block);
}

static uint32_t take(void)
{
    return slab_take(&info, buffer);
}

static bool give(uint32_t block)
{
    return slab_give(&info, at(block), block);
}

static void take_all(void)
{
    while (take() != SLAB_NO_BLOCK) {
    }
}

/* --- Order --- */

static void fresh_blocks_come_in_ascending_order(void **state)
{
    for (uint32_t i = 0; i < BLOCKS; i++) {
        assert_int_equal(take(), i);
        assert_int_equal(info.num_used, i + 1);
        assert_int_equal(info.max_used, i + 1);
        assert_true(is_good());
    }
    assert_int_equal(take(), SLAB_NO_BLOCK);
    assert_int_equal(info.num_used, BLOCKS);
}

static void the_last_given_is_the_first_taken(void **state)
{
    take_all();
    assert_true(give(2));
    assert_true(give(7));
    assert_true(give(0));
    assert_int_equal(info.num_used, BLOCKS - 3);
    assert_true(is_good());
    assert_int_equal(take(), 0);
    assert_int_equal(take(), 7);
    assert_int_equal(take(), 2);
    assert_int_equal(take(), SLAB_NO_BLOCK);
    assert_int_equal(info.max_used, BLOCKS);
}

static void what_was_given_goes_before_what_is_fresh(void **state)
{
    take();
    take();
    give(0);
    assert_int_equal(info.touched, 2);
    assert_int_equal(take(), 0);
    assert_int_equal(take(), 2);
    give(1);
    give(2);
    assert_int_equal(take(), 2);
    assert_int_equal(take(), 1);
    assert_int_equal(take(), 3);
    assert_true(is_good());
}

static void fresh_blocks_are_not_touched(void **state)
{
    take();
    give(0);
    take();
    for (size_t i = BLOCK_BYTES; i < sizeof(buffer); i++) {
        assert_int_equal((unsigned char)buffer[i], 0xa5);
    }
}

static void nothing_of_a_block_changes_but_its_first_word(void **state)
{
    take();
    give(0);
    take();
    for (size_t i = sizeof(uintptr_t); i < BLOCK_BYTES; i++) {
        assert_int_equal((unsigned char)buffer[i], 0xa5);
    }
}

static void a_slab_of_zeros_has_no_block_and_is_good(void **state)
{
    static struct k_mem_slab_info none;

    assert_int_equal(slab_take(&none, NULL), SLAB_NO_BLOCK);
    assert_true(slab_validate(&none, NULL));
    assert_int_equal(slab_find_block(&none, 0), SLAB_NO_BLOCK);
    assert_int_equal(slab_block_of(&none, 0), SLAB_NO_BLOCK);
    assert_false(slab_is_free(&none, NULL, 0));
}

/* --- Waiting --- */

static void waiting_begins_only_when_there_is_no_block(void **state)
{
    assert_false(slab_begin_wait(&info)); /* fresh ones */
    take_all();
    give(3);
    assert_false(slab_begin_wait(&info)); /* one on the stack */
    take();
    assert_true(slab_begin_wait(&info));
    assert_true(slab_begin_wait(&info));
    assert_int_equal(info.first_free, SLAB_WAITED_FOR);
    assert_true(is_good());
}

static void while_somebody_waits_nothing_is_taken_or_given(void **state)
{
    take_all();
    slab_begin_wait(&info);
    memset(at(5), 0x77, BLOCK_BYTES);
    assert_false(give(5));
    assert_int_equal(take(), SLAB_NO_BLOCK);
    assert_int_equal(info.num_used, BLOCKS);
    assert_false(slab_is_free(&info, buffer, 5));
    assert_false(slab_looks_free(&info, at(5), 5));
    slab_end_wait(&info);
    assert_int_equal(info.first_free, 0);
    assert_true(give(5));
    assert_int_equal(take(), 5);
}

static void to_end_what_was_not_begun_does_nothing(void **state)
{
    slab_end_wait(&info);
    assert_int_equal(take(), 0);
    give(0);
    slab_end_wait(&info);
    assert_int_equal(take(), 0);
}

/* --- Who is free --- */

static void what_is_on_the_stack_is_free(void **state)
{
    for (uint32_t i = 0; i < 6; i++) {
        take();
    }
    give(4);
    give(1);
    for (uint32_t i = 0; i < BLOCKS; i++) {
        assert_int_equal(slab_is_free(&info, buffer, i), i == 4 || i == 1);
        assert_int_equal(slab_is_untouched(&info, i), i >= 6);
    }
    assert_true(slab_looks_free(&info, at(4), 4));
    assert_true(slab_looks_free(&info, at(1), 1));
    take();
    assert_false(slab_looks_free(&info, at(1), 1));
    assert_false(slab_is_free(&info, buffer, 1));
}

/* A used block whose contents are its old link looks free, and is not. */
static void a_walk_tells_who_only_looks_free(void **state)
{
    uintptr_t link;

    take();
    take();
    give(0);
    memcpy(&link, at(0), sizeof(link));
    take();
    memcpy(at(0), &link, sizeof(link));
    assert_true(slab_looks_free(&info, at(0), 0));
    assert_false(slab_is_free(&info, buffer, 0));
}

/* --- Damage --- */

/* Two blocks in use, three on the stack (4, 0, 2), three fresh. */
static void begin_damage(void)
{
    begin(NULL);
    for (int i = 0; i < 5; i++) {
        take();
    }
    give(2);
    give(0);
    give(4);
    assert_true(is_good());
}

static void expect_field_matters(uint32_t *field, const uint32_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        begin_damage();
        if (*field != values[i]) {
            *field = values[i];
            assert_false(is_good());
        }
    }
}

static void a_damaged_field_is_seen(void **state)
{
    static const uint32_t heads[] = {0, 1, 2, 3, 4, 6, 7, 8, 9, UINT32_MAX - 1, UINT32_MAX};
    static const uint32_t counts[] = {0, 1, 3, 4, 5, 6, 7, 8, 9, UINT32_MAX};
    static const uint32_t touched[] = {0, 1, 2, 3, 4, 6, 7, 8, 9, UINT32_MAX};
    static const uint32_t blocks[] = {0, 1, 4};

    expect_field_matters(&info.first_free, heads, sizeof(heads) / sizeof(heads[0]));
    expect_field_matters(&info.num_used, counts, sizeof(counts) / sizeof(counts[0]));
    expect_field_matters(&info.touched, touched, sizeof(touched) / sizeof(touched[0]));
    expect_field_matters(&info.num_blocks, blocks, sizeof(blocks) / sizeof(blocks[0]));
}

static void a_flipped_bit_of_a_link_is_seen(void **state)
{
    static const uint32_t on_stack[] = {4, 0, 2};

    for (size_t i = 0; i < 3; i++) {
        for (size_t bit = 0; bit < BLOCK_BYTES * 8; bit++) {
            begin_damage();
            at(on_stack[i])[bit / 8] ^= (char)(1u << bit % 8);
            assert_int_equal(is_good(), bit >= sizeof(uintptr_t) * 8);
        }
    }
}

static void a_link_to_another_block_is_seen(void **state)
{
    for (uint32_t target = 0; target <= BLOCKS; target++) {
        if (target != 2 + 1) {
            begin_damage();
            slab_write_link(at(0), 0, target);
            assert_false(is_good());
        }
    }
}

static void being_waited_for_with_free_blocks_is_seen(void **state)
{
    take_all();
    slab_begin_wait(&info);
    assert_true(is_good());
    info.num_used--;
    assert_false(is_good());
}

static void take_written_block(void *arg)
{
    *(uintptr_t *)(void *)at(4) = *(uintptr_t *)arg;
    take();
}

static void taking_a_block_that_was_written_to_dies(void **state)
{
    static const uintptr_t words[] = {0, 1, UINTPTR_MAX, UINTPTR_MAX / 2, 0x12345678};
    const char *phrase = "free block of a slab was written to";

    begin_damage();
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        uintptr_t word = words[i];
        expect_death(take_written_block, &word, phrase);
    }
    uintptr_t beyond = (BLOCKS + 1) ^ slab_link_mask(4);
    expect_death(take_written_block, &beyond, phrase);
}

static void give_to_full_slab(void *arg)
{
    begin(NULL);
    give(0);
}

static void giving_to_a_slab_without_used_blocks_dies(void **state)
{
    expect_death(give_to_full_slab, NULL, "slab has no block in use: double free");
}

/* --- Threads --- */

static uint32_t owners[BLOCKS]; /* atomic: number of the thread that has the block, or 0 */
static pthread_mutex_t without_instruction = PTHREAD_MUTEX_INITIALIZER;

static void lock_if_needed(void)
{
    if (!SLAB_LOCK_FREE) {
        pthread_mutex_lock(&without_instruction);
    }
}

static void unlock_if_needed(void)
{
    if (!SLAB_LOCK_FREE) {
        pthread_mutex_unlock(&without_instruction);
    }
}

/* The number of a block, and false if another thread has it already. */
static bool take_stamped(uint32_t self, uint32_t *block)
{
    lock_if_needed();
    *block = take();
    unlock_if_needed();
    if (*block == SLAB_NO_BLOCK) {
        return true;
    }
    memset(at(*block), (int)self, BLOCK_BYTES);
    return __atomic_exchange_n(&owners[*block], self, __ATOMIC_RELAXED) == 0;
}

static bool give_stamped(uint32_t self, uint32_t block)
{
    char expected[BLOCK_BYTES];

    memset(expected, (int)self, sizeof(expected));
    bool intact = memcmp(at(block), expected, BLOCK_BYTES) == 0 &&
                  __atomic_exchange_n(&owners[block], 0, __ATOMIC_RELAXED) == self;
    lock_if_needed();
    bool given = give(block);
    unlock_if_needed();
    return intact && given;
}

/* NULL iff anything was wrong. */
static void *hammer(void *arg)
{
    uint32_t self = *(uint32_t *)arg;
    struct random random = random_from(self);
    uint32_t held[HELD];

    for (size_t i = scaled_rounds(ROUNDS); i > 0; i--) {
        size_t count = 1 + random_below(&random, HELD);

        for (size_t j = 0; j < count; j++) {
            if (!take_stamped(self, &held[j])) {
                return NULL;
            }
        }
        for (size_t j = 0; j < count; j++) {
            if (held[j] != SLAB_NO_BLOCK && !give_stamped(self, held[j])) {
                return NULL;
            }
        }
    }
    return arg;
}

static void no_block_has_two_owners(void **state)
{
    pthread_t threads[THREADS];
    uint32_t numbers[THREADS];

    for (uint32_t i = 0; i < THREADS; i++) {
        numbers[i] = i + 1;
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, &numbers[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        void *result = NULL;

        pthread_join(threads[i], &result);
        assert_non_null(result);
    }
    assert_int_equal(info.num_used, 0);
    assert_true(is_good());
    assert_true(info.max_used <= info.touched);
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fresh_blocks_come_in_ascending_order),
        TEST(the_last_given_is_the_first_taken),
        TEST(what_was_given_goes_before_what_is_fresh),
        TEST(fresh_blocks_are_not_touched),
        TEST(nothing_of_a_block_changes_but_its_first_word),
        TEST(a_slab_of_zeros_has_no_block_and_is_good),
        TEST(waiting_begins_only_when_there_is_no_block),
        TEST(while_somebody_waits_nothing_is_taken_or_given),
        TEST(to_end_what_was_not_begun_does_nothing),
        TEST(what_is_on_the_stack_is_free),
        TEST(a_walk_tells_who_only_looks_free),
        TEST(a_damaged_field_is_seen),
        TEST(a_flipped_bit_of_a_link_is_seen),
        TEST(a_link_to_another_block_is_seen),
        TEST(being_waited_for_with_free_blocks_is_seen),
        TEST(taking_a_block_that_was_written_to_dies),
        TEST(giving_to_a_slab_without_used_blocks_dies),
        TEST(no_block_has_two_owners),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
