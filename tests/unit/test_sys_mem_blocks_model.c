/* SPDX-License-Identifier: Apache-2.0 */
/* Random calls of memory blocks against a model that is slow and obvious: an array that says of
 * each block whether it is taken. Results, addresses, counters, bits, and what listeners hear must
 * be the model's.
 *
 *     test_sys_mem_blocks_model [--seed N] */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <quarry/mem_blocks.h>
#include <zephyr/sys/heap_listener.h>
#include <zephyr/sys/mem_blocks.h>
#include "../support/random.h"

#define MOST_BLOCKS 5000u
#define MOST_EVENTS (2 * MOST_BLOCKS)
#define BLOCK_BYTES 8u
#define ROUNDS      30000u

static struct random numbers;
static size_t below(size_t limit)
{
    return (size_t)random_below(&numbers, limit);
}

static sys_mem_blocks_t blocks;
static sys_bitarray_t bitmap;
static uint32_t words[QUARRY_BITARRAY_WORDS(MOST_BLOCKS)];
static _Alignas(8) char buffer[MOST_BLOCKS * BLOCK_BYTES];
static void *addresses[MOST_BLOCKS + 1];

/* --- The model --- */

static size_t num_blocks;
static size_t used;
static size_t most;
static bool is_taken[MOST_BLOCKS + 1]; /* the last one stands for what is no block */

static void model_begin(size_t count)
{
    num_blocks = count;
    used = most = 0;
    memset(is_taken, 0, sizeof(is_taken));
}

static void model_take(size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++) {
        assert_false(is_taken[i]);
        is_taken[i] = true;
    }
    used += count;
    most = used > most ? used : most;
}

static void model_give(size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++) {
        assert_true(is_taken[i]);
        is_taken[i] = false;
    }
    used -= count;
}

/* How many of a region are taken. */
static size_t model_count(size_t first, size_t count)
{
    size_t taken = 0;

    for (size_t i = first; i < first + count; i++) {
        taken += is_taken[i];
    }
    return taken;
}

/* The first place for so many; num_blocks if there is none. */
static size_t model_place(size_t count)
{
    size_t free_blocks = 0;

    for (size_t i = 0; i < num_blocks; i++) {
        free_blocks = is_taken[i] ? 0 : free_blocks + 1;
        if (free_blocks == count) {
            return i + 1 - count;
        }
    }
    return num_blocks;
}

/* --- Listeners --- */

struct event {
    enum heap_event_types kind;
    void *mem;
    size_t bytes;
};

static struct event heard[MOST_EVENTS];
static size_t heard_count;
static struct event expected[MOST_EVENTS];
static size_t expected_count;

static void hear(enum heap_event_types kind, uintptr_t heap_id, void *mem, size_t bytes)
{
    if (heap_id == HEAP_ID_FROM_POINTER(&blocks) && heard_count < MOST_EVENTS) {
        heard[heard_count++] = (struct event){kind, mem, bytes};
    }
}

static void hear_alloc(uintptr_t heap_id, void *mem, size_t bytes)
{
    hear(HEAP_ALLOC, heap_id, mem, bytes);
}

static void hear_free(uintptr_t heap_id, void *mem, size_t bytes)
{
    hear(HEAP_FREE, heap_id, mem, bytes);
}

static HEAP_LISTENER_ALLOC_DEFINE(alloc_listener, HEAP_ID_FROM_POINTER(&blocks), hear_alloc);
static HEAP_LISTENER_FREE_DEFINE(free_listener, HEAP_ID_FROM_POINTER(&blocks), hear_free);
static bool listening;

static void listen(bool wanted)
{
    if (wanted && !listening) {
        heap_listener_register(&alloc_listener);
        heap_listener_register(&free_listener);
    } else if (!wanted && listening) {
        heap_listener_unregister(&alloc_listener);
        heap_listener_unregister(&free_listener);
    }
    listening = wanted;
}

static void *block(size_t number)
{
    return buffer + number * BLOCK_BYTES;
}

static void expect_event(enum heap_event_types kind, size_t first, size_t count)
{
    expected[expected_count++] = (struct event){kind, block(first), count * BLOCK_BYTES};
}

static void check_events(void)
{
    if (listening) {
        assert_int_equal(heard_count, expected_count);
        for (size_t i = 0; i < heard_count; i++) {
            assert_int_equal(heard[i].kind, expected[i].kind);
            assert_ptr_equal(heard[i].mem, expected[i].mem);
            assert_int_equal(heard[i].bytes, expected[i].bytes);
        }
    }
    heard_count = expected_count = 0;
}

/* --- One call each --- */

/* Mostly few, now and then all, and one more than there are. */
static size_t some_count(void)
{
    switch (below(8)) {
    case 0:
        return below(num_blocks + 2);
    case 1:
        return num_blocks - used + below(2);
    default:
        return random_log_uniform(&numbers, num_blocks);
    }
}

static void try_alloc(void)
{
    size_t count = some_count();
    int result = sys_mem_blocks_alloc(&blocks, count, addresses);
    size_t next = 0;

    assert_int_equal(result, count > num_blocks - used ? -ENOMEM : 0);
    for (size_t i = 0; result == 0 && i < count; i++) {
        while (is_taken[next]) {
            next++;
        }
        assert_ptr_equal(addresses[i], block(next));
        model_take(next, 1);
        expect_event(HEAP_ALLOC, next, 1);
    }
}

static void try_alloc_contiguous(void)
{
    size_t count = some_count();
    size_t place = count > num_blocks ? num_blocks : model_place(count);
    void *mem = &blocks;
    int result = sys_mem_blocks_alloc_contiguous(&blocks, count, &mem);

    if (count == 0) {
        assert_int_equal(result, 0);
        assert_null(mem);
    } else if (place == num_blocks) {
        assert_int_equal(result, -ENOMEM);
        assert_ptr_equal(mem, &blocks);
    } else {
        assert_int_equal(result, 0);
        assert_ptr_equal(mem, block(place));
        model_take(place, count);
        expect_event(HEAP_ALLOC, place, count);
    }
}

static void try_get(void)
{
    size_t count = some_count();
    size_t first = below(num_blocks);
    char *inside = (char *)block(first) + below(BLOCK_BYTES);
    int result = sys_mem_blocks_get(&blocks, inside, count);

    if (count > num_blocks - first || model_count(first, count) != 0) {
        assert_int_equal(result, -ENOMEM);
    } else {
        assert_int_equal(result, 0);
        model_take(first, count);
        if (count != 0) {
            expect_event(HEAP_ALLOC, first, count);
        }
    }
}

static void try_is_region_free(void)
{
    size_t first = below(num_blocks);
    size_t count = below(num_blocks - first + 1);
    bool is_free = count != 0 && model_count(first, count) == 0;

    assert_int_equal(sys_mem_blocks_is_region_free(&blocks, block(first), count), is_free);
}

/* A block's number, num_blocks for an address that is none: most of them taken, many side by side.
 */
static size_t next_number(size_t last)
{
    size_t number = below(4) != 0 ? last + 1 : below(num_blocks);

    for (size_t i = 0; i < 10 && number < num_blocks && !is_taken[number]; i++) {
        number++;
    }
    return number < num_blocks ? number : below(num_blocks + 1);
}

/* In Zephyr's words: each pointer by itself, and the last error counts. */
static void try_free(void)
{
    size_t count = random_log_uniform(&numbers, num_blocks);
    size_t number = below(num_blocks);
    int result = 0;

    count = below(50) == 0 ? num_blocks + 1 : count;
    for (size_t i = 0; i < count; i++) {
        number = next_number(number);
        addresses[i] = block(number);
        if (count > num_blocks) {
            result = -EINVAL;
        } else if (!is_taken[number]) {
            result = -EFAULT;
        } else {
            model_give(number, 1);
            expect_event(HEAP_FREE, number, 1);
        }
    }
    assert_int_equal(sys_mem_blocks_free(&blocks, count, addresses), result);
}

static void try_free_contiguous(void)
{
    size_t first = below(num_blocks + 1);
    size_t count = some_count();
    int result = sys_mem_blocks_free_contiguous(&blocks, block(first), count);

    if (count == 0) {
        assert_int_equal(result, 0);
    } else if (count > num_blocks) {
        assert_int_equal(result, -EINVAL);
    } else if (first == num_blocks) {
        assert_int_equal(result, -EFAULT);
    } else if (count > num_blocks - first) {
        assert_int_equal(result, -EINVAL);
    } else if (model_count(first, count) != count) {
        assert_int_equal(result, -EFAULT);
    } else {
        assert_int_equal(result, 0);
        model_give(first, count);
        expect_event(HEAP_FREE, first, count);
    }
}

static void try_reset(void)
{
    if (below(10) == 0) {
        assert_int_equal(sys_mem_blocks_runtime_stats_reset_max(&blocks), 0);
        most = used;
    }
}

/* --- All of them --- */

static void check_state(void)
{
    struct sys_memory_stats stats;

    assert_int_equal(sys_mem_blocks_runtime_stats_get(&blocks, &stats), 0);
    assert_int_equal(stats.allocated_bytes, used * BLOCK_BYTES);
    assert_int_equal(stats.free_bytes, (num_blocks - used) * BLOCK_BYTES);
    assert_int_equal(stats.max_allocated_bytes, most * BLOCK_BYTES);
    for (size_t i = 0; i < num_blocks; i++) {
        int value = -1;

        assert_int_equal(sys_bitarray_test_bit(&bitmap, i, &value), 0);
        assert_int_equal(value, is_taken[i]);
    }
    assert_true(quarry_bitarray_validate(&bitmap));
}

static void play(size_t count, size_t rounds)
{
    static void (*const tries[])(void) = {
        try_alloc, try_alloc_contiguous, try_get,  try_is_region_free, try_free,
        try_free,  try_free_contiguous,  try_reset};

    model_begin(count);
    memset(words, 0, sizeof(words));
    assert_int_equal(quarry_bitarray_init(&bitmap, count, words, ARRAY_SIZE(words)), 0);
    assert_int_equal(quarry_mem_blocks_init(&blocks, buffer, BLOCK_BYTES, &bitmap), 0);
    for (size_t i = 0; i < rounds; i++) {
        tries[below(ARRAY_SIZE(tries))]();
        check_events();
        if (i % 64 == 0) {
            check_state();
            listen(below(2) == 0);
        }
    }
    listen(false);
}

static void small_ones_are_the_models(void **state)
{
    for (size_t count = 1; count <= 130; count++) {
        play(count, scaled_rounds(ROUNDS / 10));
    }
}

static void middling_ones_are_the_models(void **state)
{
    play(500, scaled_rounds(ROUNDS));
    play(Z_BITARRAY_DIRECT_BITS, scaled_rounds(ROUNDS / 2));
}

/* With a summary of what is full. */
static void large_ones_are_the_models(void **state)
{
    play(Z_BITARRAY_DIRECT_BITS + 1, scaled_rounds(ROUNDS / 2));
    play(4097, scaled_rounds(ROUNDS / 10));
    play(MOST_BLOCKS, scaled_rounds(ROUNDS / 10));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_ones_are_the_models),
        cmocka_unit_test(middling_ones_are_the_models),
        cmocka_unit_test(large_ones_are_the_models),
    };

    numbers = random_from(random_seed_from_args(argc, argv));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
