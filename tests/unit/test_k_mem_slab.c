/* SPDX-License-Identifier: Apache-2.0 */
/* Memory slabs as far as nobody waits for long: definitions, initialisation, what alloc returns,
 * counters, and contents that are the user's. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <zephyr/kernel/mem_slab.h>
#include "core/slab.h"
#include "os/os.h"
#include "../support/death.h"
#include "../support/race_detector.h"
#include "../support/random.h"
#include "../support/slab_elsewhere.h"
#include "../support/slab_queue.h"

#define BLOCK_BYTES 40u
#define BLOCKS      5u
#define WORD        sizeof(void *)
#define NS_PER_MS   1000000u

struct message {
    _Alignas(32) char text[32];
    char tag;
};

#define IN_SECTION __attribute__((section("quarry_test_slabs")))
extern char __start_quarry_test_slabs[];
extern char __stop_quarry_test_slabs[];

K_MEM_SLAB_DEFINE(public_slab, 4, 3, 4);
K_MEM_SLAB_DEFINE_STATIC(private_slab, 64, 3, 64);
K_MEM_SLAB_DEFINE_IN_SECT(public_in_section, IN_SECTION, 24, 2, 8);
K_MEM_SLAB_DEFINE_IN_SECT_STATIC(private_in_section, IN_SECTION, 12, 4, 1);
K_MEM_SLAB_DEFINE_TYPE(public_of_type, struct message, 3);
K_MEM_SLAB_DEFINE_STATIC_TYPE(private_of_type, uint16_t, 7);

static struct k_mem_slab slab;
static _Alignas(16) char buffer[BLOCK_BYTES * BLOCKS];

static int begin(void **state)
{
    return k_mem_slab_init(&slab, buffer, BLOCK_BYTES, BLOCKS);
}

static void *take_from(struct k_mem_slab *from)
{
    void *mem = NULL;

    assert_int_equal(k_mem_slab_alloc(from, &mem, K_NO_WAIT), 0);
    assert_non_null(mem);
    return mem;
}

static void *take(void)
{
    return take_from(&slab);
}

static void *block(size_t number)
{
    return buffer + number * BLOCK_BYTES;
}

/* --- Definitions --- */

static void expect_definition(struct k_mem_slab *defined, char *defined_buffer, size_t buffer_bytes,
                              size_t block_size, uint32_t num_blocks, size_t align)
{
    assert_int_equal(defined->info.block_size, block_size);
    assert_int_equal(defined->info.num_blocks, num_blocks);
    assert_int_equal(k_mem_slab_num_used_get(defined), 0);
    assert_int_equal(k_mem_slab_num_free_get(defined), num_blocks);
    assert_ptr_equal(defined->buffer, defined_buffer);
    assert_int_equal(buffer_bytes, block_size * num_blocks);
    assert_int_equal((uintptr_t)defined_buffer % align, 0);
    for (uint32_t i = 0; i < num_blocks; i++) {
        assert_ptr_equal(take_from(defined), defined_buffer + i * block_size);
    }
    for (uint32_t i = num_blocks; i > 0; i--) {
        k_mem_slab_free(defined, defined_buffer + (i - 1) * block_size);
    }
    assert_true(slab_is_at_rest(defined, 0));
}

#define EXPECT_DEFINITION(name, block_size, num_blocks, align)                                     \
    expect_definition(&name, _k_mem_slab_buf_##name, sizeof(_k_mem_slab_buf_##name), block_size,   \
                      num_blocks, align)

static void each_macro_defines_a_slab(void **state)
{
    EXPECT_DEFINITION(public_slab, WORD, 3, WORD);
    EXPECT_DEFINITION(private_slab, 64, 3, 64);
    EXPECT_DEFINITION(public_in_section, 24, 2, WORD);
    EXPECT_DEFINITION(private_in_section, WB_UP(12), 4, WORD);
    EXPECT_DEFINITION(public_of_type, sizeof(struct message), 3, 32);
    EXPECT_DEFINITION(private_of_type, WORD, 7, WORD);
}

static void buffers_are_in_the_section_that_was_given(void **state)
{
    const char *first = _k_mem_slab_buf_public_in_section;
    const char *second = _k_mem_slab_buf_private_in_section;

    assert_true(first >= __start_quarry_test_slabs && first < __stop_quarry_test_slabs);
    assert_true(second >= __start_quarry_test_slabs && second < __stop_quarry_test_slabs);
}

static void a_slab_can_be_defined_elsewhere(void **state)
{
    void *theirs = take_elsewhere();
    void *ours = take_from(&slab_elsewhere);

    assert_ptr_equal(theirs, slab_elsewhere.buffer);
    assert_ptr_equal(ours, slab_elsewhere.buffer + ELSEWHERE_BLOCK_BYTES);
    assert_int_equal(k_mem_slab_num_free_get(&slab_elsewhere), ELSEWHERE_BLOCKS - 2);
    k_mem_slab_free(&slab_elsewhere, theirs);
    k_mem_slab_free(&slab_elsewhere, ours);
    assert_true(slab_is_at_rest(&slab_elsewhere, 0));
}

/* --- Initialisation --- */

static void refuse(struct k_mem_slab *made, void *of, size_t block_size, uint32_t num_blocks)
{
    struct k_mem_slab before = slab;

    assert_int_equal(k_mem_slab_init(made, of, block_size, num_blocks), -EINVAL);
    assert_memory_equal(&slab.info, &before.info, sizeof(slab.info));
    assert_ptr_equal(slab.buffer, before.buffer);
}

static void what_cannot_be_a_slab_is_refused(void **state)
{
    refuse(NULL, buffer, BLOCK_BYTES, BLOCKS);
    refuse(&slab, NULL, BLOCK_BYTES, BLOCKS);
    refuse(&slab, buffer, 0, BLOCKS);
    refuse(&slab, buffer, BLOCK_BYTES, 0);
    refuse(&slab, buffer, BLOCK_BYTES, UINT32_MAX);
    for (size_t off = 1; off < WORD; off++) {
        refuse(&slab, buffer, BLOCK_BYTES + off, BLOCKS);
        refuse(&slab, buffer + off, BLOCK_BYTES, BLOCKS);
    }
}

/* Whether a buffer ends before the address space does, by division. */
static bool fits(uintptr_t start, size_t block_size, uint32_t num_blocks)
{
    return num_blocks <= SIZE_MAX / block_size && block_size * num_blocks <= UINTPTR_MAX - start;
}

static void expect_fit(uintptr_t start, size_t block_size, uint32_t num_blocks)
{
    int expected = fits(start, block_size, num_blocks) ? 0 : -EINVAL;

    assert_int_equal(k_mem_slab_init(&slab, (void *)start, block_size, num_blocks), expected);
}

/* Nothing of the buffer is touched, so it need not be there. */
static void a_buffer_must_not_wrap_around(void **state)
{
    static const uint32_t counts[] = {1, 2, 3, 7, 1u << 16, UINT32_MAX - 1};

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        size_t most = SIZE_MAX / counts[i] / WORD * WORD;

        for (size_t less = 0; less <= 64 && less < most; less += WORD) {
            for (uintptr_t start = WORD; start <= 128; start += WORD) {
                expect_fit(start, most - less, counts[i]);
                expect_fit((UINTPTR_MAX / WORD * WORD) - start, less + WORD, counts[i]);
            }
        }
        if (counts[i] > 1) {
            expect_fit(WORD, most + WORD, counts[i]);
        }
    }
    refuse(&slab, buffer, SIZE_MAX / WORD * WORD, 1);
    refuse(&slab, buffer, (SIZE_MAX / 2 + 1), 2);
}

static void a_slab_in_use_can_be_made_anew(void **state)
{
    take();
    void *mem = take();
    k_mem_slab_free(&slab, mem);
    assert_int_equal(k_mem_slab_init(&slab, buffer + 8, 2 * WORD, 4), 0);
    assert_int_equal(k_mem_slab_num_used_get(&slab), 0);
    assert_int_equal(k_mem_slab_max_used_get(&slab), 0);
    assert_int_equal(slab.info.num_blocks, 4);
    assert_ptr_equal(take(), buffer + 8);
    assert_ptr_equal(take(), buffer + 8 + 2 * WORD);
    assert_true(slab_is_at_rest(&slab, 2));
}

/* --- To take and to give back --- */

static void blocks_come_in_order_and_last_in_first_out(void **state)
{
    for (size_t i = 0; i < BLOCKS; i++) {
        assert_ptr_equal(take(), block(i));
    }
    k_mem_slab_free(&slab, block(3));
    k_mem_slab_free(&slab, block(1));
    assert_ptr_equal(take(), block(1));
    assert_ptr_equal(take(), block(3));
}

static void take_all(void)
{
    for (size_t i = 0; i < BLOCKS; i++) {
        take();
    }
}

static void without_a_block_and_without_waiting_it_is_null(void **state)
{
    void *mem = &slab;

    take_all();
    errno = 77;
    assert_int_equal(k_mem_slab_alloc(&slab, &mem, K_NO_WAIT), -ENOMEM);
    assert_null(mem);
    mem = &slab;
    assert_int_equal(k_mem_slab_alloc(&slab, &mem, K_MSEC(0)), -ENOMEM);
    assert_null(mem);
    assert_int_equal(errno, 77);
    assert_true(slab_is_at_rest(&slab, BLOCKS));
}

static void expect_time_out(k_timeout_t timeout, uint64_t ns)
{
    void *mem = &slab;
    uint64_t before_ns = os_now_ns();

    assert_int_equal(k_mem_slab_alloc(&slab, &mem, timeout), -EAGAIN);
    assert_true(os_now_ns() - before_ns >= ns);
    assert_ptr_equal(mem, &slab);
    assert_true(slab_is_at_rest(&slab, BLOCKS));
}

static void a_timeout_leaves_mem_alone_and_is_waited_for(void **state)
{
    take_all();
    errno = 77;
    expect_time_out(K_MSEC(10), 10 * NS_PER_MS);
    expect_time_out(K_NSEC(1), 1);
    expect_time_out(K_TIMEOUT_ABS_NS(os_now_ns() + 5 * NS_PER_MS), 5 * NS_PER_MS - NS_PER_MS);
    expect_time_out(K_TIMEOUT_ABS_NS(0), 0);
    expect_time_out(K_TIMEOUT_ABS_NS(os_now_ns()), 0);
    assert_int_equal(errno, 77);
}

static void a_free_block_goes_before_any_timeout(void **state)
{
    const k_timeout_t timeouts[] = {K_NO_WAIT, K_FOREVER, K_NSEC(1), K_TIMEOUT_ABS_NS(0),
                                    K_HOURS(1)};

    for (size_t i = 0; i < sizeof(timeouts) / sizeof(timeouts[0]); i++) {
        void *mem = NULL;

        assert_int_equal(k_mem_slab_alloc(&slab, &mem, timeouts[i]), 0);
        assert_ptr_equal(mem, block(0));
        k_mem_slab_free(&slab, mem);
    }
}

/* --- Counters --- */

static void expect_stats(size_t used, size_t max)
{
    struct sys_memory_stats stats = {1, 1, 1};

    assert_int_equal(k_mem_slab_runtime_stats_get(&slab, &stats), 0);
    assert_int_equal(stats.allocated_bytes, used * BLOCK_BYTES);
    assert_int_equal(stats.free_bytes, (BLOCKS - used) * BLOCK_BYTES);
    assert_int_equal(stats.max_allocated_bytes, max * BLOCK_BYTES);
    assert_int_equal(k_mem_slab_num_used_get(&slab), used);
    assert_int_equal(k_mem_slab_num_free_get(&slab), BLOCKS - used);
    assert_int_equal(k_mem_slab_max_used_get(&slab), max);
}

static void counters_follow_blocks(void **state)
{
    expect_stats(0, 0);
    void *first = take();
    expect_stats(1, 1);
    void *second = take();
    void *third = take();
    expect_stats(3, 3);
    k_mem_slab_free(&slab, first);
    k_mem_slab_free(&slab, second);
    expect_stats(1, 3);
    assert_int_equal(k_mem_slab_runtime_stats_reset_max(&slab), 0);
    expect_stats(1, 1);
    take();
    expect_stats(2, 2);
    k_mem_slab_free(&slab, third);
    expect_stats(1, 2);
}

static void counters_of_nothing_are_refused(void **state)
{
    struct sys_memory_stats stats;

    assert_int_equal(k_mem_slab_runtime_stats_get(NULL, &stats), -EINVAL);
    assert_int_equal(k_mem_slab_runtime_stats_get(&slab, NULL), -EINVAL);
    assert_int_equal(k_mem_slab_runtime_stats_get(NULL, NULL), -EINVAL);
    assert_int_equal(k_mem_slab_runtime_stats_reset_max(NULL), -EINVAL);
}

/* 4 GiB and more are counted right, where a size_t has room for it. */
static void counters_do_not_wrap_around(void **state)
{
    static _Alignas(16) char place[64];
    const size_t large = SIZE_MAX / 8 / WORD * WORD;
    struct sys_memory_stats stats;
    struct k_mem_slab huge;

    assert_int_equal(k_mem_slab_init(&huge, (void *)(uintptr_t)WORD, large, 7), 0);
    huge.buffer = place; /* where its first block's first word is */
    take_from(&huge);
    k_mem_slab_runtime_stats_get(&huge, &stats);
    assert_int_equal(stats.allocated_bytes, large);
    assert_int_equal(stats.free_bytes, 6 * large);
    assert_int_equal(stats.max_allocated_bytes, large);
}

/* --- Contents --- */

/* Gives a used block back that begins with a word, and takes it again. */
static void expect_harmless(char *mem, uintptr_t word)
{
    memset(mem, 0x55, BLOCK_BYTES);
    memcpy(mem, &word, sizeof(word));
    k_mem_slab_free(&slab, mem);
    assert_ptr_equal(take(), mem);
    for (size_t i = sizeof(word); i < BLOCK_BYTES; i++) {
        assert_int_equal(mem[i], 0x55);
    }
}

/* What a block that was given back began with. */
static uintptr_t link_of(void *mem)
{
    uintptr_t word;

    k_mem_slab_free(&slab, mem);
    memcpy(&word, mem, sizeof(word));
    assert_ptr_equal(take(), mem);
    return word;
}

/* With one more block on the stack each time, so that there are stale links of several kinds. */
static void an_old_link_in_a_used_block_is_harmless(void **state)
{
    uintptr_t links[BLOCKS];

    take_all();
    for (size_t free_blocks = 0; free_blocks < BLOCKS - 1; free_blocks++) {
        for (size_t i = free_blocks; i < BLOCKS; i++) {
            links[i] = link_of(block(i));
        }
        for (size_t i = free_blocks; i < BLOCKS; i++) {
            for (size_t j = free_blocks; j < BLOCKS; j++) {
                expect_harmless(block(i), links[j]);
            }
        }
        k_mem_slab_free(&slab, block(free_blocks));
        assert_true(slab_is_at_rest(&slab, (uint32_t)(BLOCKS - 1 - free_blocks)));
    }
}

static void any_contents_are_harmless(void **state)
{
    struct random random = random_from(7);

    take_all();
    k_mem_slab_free(&slab, block(1));
    k_mem_slab_free(&slab, block(4));
    for (uint32_t number = 0; number <= BLOCKS; number++) {
        for (uint32_t next = 0; next <= BLOCKS + 1; next++) {
            expect_harmless(block(2), slab_link_mask(number) ^ next);
        }
        expect_harmless(block(2), number);
        expect_harmless(block(2), (uintptr_t)block(number));
        expect_harmless(block(2), UINTPTR_MAX - number);
    }
    for (size_t i = scaled_rounds(100000); i > 0; i--) {
        expect_harmless(block(2), (uintptr_t)random_next(&random));
    }
    assert_true(slab_is_at_rest(&slab, BLOCKS - 2));
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_macro_defines_a_slab),
        TEST(buffers_are_in_the_section_that_was_given),
        TEST(a_slab_can_be_defined_elsewhere),
        TEST(what_cannot_be_a_slab_is_refused),
        TEST(a_buffer_must_not_wrap_around),
        TEST(a_slab_in_use_can_be_made_anew),
        TEST(blocks_come_in_order_and_last_in_first_out),
        TEST(without_a_block_and_without_waiting_it_is_null),
        TEST(a_timeout_leaves_mem_alone_and_is_waited_for),
        TEST(a_free_block_goes_before_any_timeout),
        TEST(counters_follow_blocks),
        TEST(counters_of_nothing_are_refused),
        TEST(counters_do_not_wrap_around),
        TEST(an_old_link_in_a_used_block_is_harmless),
        TEST(any_contents_are_harmless),
    };

    race_detector_announce();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
