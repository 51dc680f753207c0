/* SPDX-License-Identifier: Apache-2.0 */
/* sys_heap_stress: the exact sequence, worked out here a second time, and Zephyr's three loads with
 * a whole-heap validation after each step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <zephyr/sys/sys_heap.h>
#include "../support/random.h"

#define RECORD_BYTES (2 * sizeof(void *)) /* of one live block in the scratch memory */
#define SMALL_BYTES  2048u
#define BIG_BYTES    (256u * 1024u)
#define STEPS        3000u

/* What is expected of the sequence, said by its definition. */

static uint64_t expected_state = 123456789;

static uint32_t expected_number(void)
{
    expected_state = (expected_state * 2862933555777941757u + 3037000493u) & UINT64_MAX;
    return (uint32_t)(expected_state / 4294967296u);
}

static unsigned int leading_zeros(uint32_t number)
{
    unsigned int zeros = 0;

    while (zeros < 32 && number < 0x80000000u) {
        number *= 2;
        zeros++;
    }
    return zeros;
}

/* An allocator that answers as the test says, and compares what it is asked for. */
#define MOST_LIVE 8u

struct script {
    size_t total_bytes;
    uint64_t target_percent;
    size_t sizes[MOST_LIVE]; /* of the live blocks, in the order of the records */
    uintptr_t names[MOST_LIVE];
    size_t live;
    uintptr_t last_name;
    size_t capacity;
    size_t refuse_every; /* the n-th allocation of each n fails; 0: none */
    uint32_t allocs;
    uint32_t refused;
    uint32_t frees;
    uint64_t in_use;
    bool expects_alloc; /* of the step under way */
};

static size_t live_bytes(const struct script *script)
{
    size_t sum = 0;

    for (size_t i = 0; i < script->live; i++) {
        sum += script->sizes[i];
    }
    return sum;
}

static bool expected_choice(const struct script *script)
{
    if (script->live == 0) {
        return true;
    }
    if (script->live == script->capacity) {
        return false;
    }
    uint64_t percent = 100 * (uint64_t)live_bytes(script) / script->total_bytes;
    uint64_t limit = percent < script->target_percent
                         ? percent * (0x80000000u / script->target_percent)
                         : 0xffffffffu;
    return expected_number() > limit;
}

static void *scripted_alloc(void *arg, size_t bytes)
{
    struct script *script = arg;

    assert_true(expected_choice(script));
    unsigned int scale = 4 + leading_zeros(expected_number());
    uint64_t expected = expected_number() % ((uint64_t)1 << scale);
    assert_int_equal(bytes, expected);
    script->allocs++;
    if (script->refuse_every != 0 && script->allocs % script->refuse_every == 0) {
        script->refused++;
        script->in_use += live_bytes(script);
        return NULL;
    }
    script->sizes[script->live] = bytes;
    script->names[script->live] = ++script->last_name;
    script->live++;
    script->in_use += live_bytes(script);
    return (void *)script->last_name;
}

static void scripted_free(void *arg, void *block)
{
    struct script *script = arg;

    assert_false(expected_choice(script));
    size_t which = expected_number() % script->live;
    assert_int_equal((uintptr_t)block, script->names[which]);
    script->live--;
    script->sizes[which] = script->sizes[script->live];
    script->names[which] = script->names[script->live];
    script->frees++;
    script->in_use += live_bytes(script);
}

static void expect_load(struct script script, int target_percent)
{
    void *scratch[2 * MOST_LIVE + 1];
    struct z_heap_stress_result result = {1, 1, 1, 1};

    script.target_percent = target_percent > 0 ? (uint64_t)target_percent : 0;
    sys_heap_stress(scripted_alloc, scripted_free, &script, script.total_bytes, STEPS, scratch,
                    script.capacity * RECORD_BYTES + RECORD_BYTES - 1, target_percent, &result);
    assert_int_equal(result.total_allocs, script.allocs);
    assert_int_equal(result.successful_allocs, script.allocs - script.refused);
    assert_int_equal(result.total_frees, script.frees);
    assert_int_equal(result.accumulated_in_use_bytes, script.in_use);
    assert_int_equal(result.total_allocs + result.total_frees, STEPS);
}

/* One after the other: the generator runs on. */
static void follows_the_definition(void **state)
{
    expect_load((struct script){.total_bytes = 2048, .capacity = MOST_LIVE}, 50);
    expect_load((struct script){.total_bytes = 300, .capacity = MOST_LIVE, .refuse_every = 3}, 100);
    expect_load((struct script){.total_bytes = 1 << 20, .capacity = 3}, 10);
    expect_load((struct script){.total_bytes = 100, .capacity = 1}, 0);
    expect_load((struct script){.total_bytes = 64, .capacity = MOST_LIVE}, -5);
    expect_load((struct script){.total_bytes = 500, .capacity = MOST_LIVE}, 1000);
}

static void no_steps_do_nothing(void **state)
{
    struct z_heap_stress_result result = {1, 1, 1, 1};
    void *scratch[2];

    sys_heap_stress(NULL, NULL, NULL, 1, 0, scratch, sizeof(scratch), 50, &result);
    assert_int_equal(result.total_allocs, 0);
    assert_int_equal(result.successful_allocs, 0);
    assert_int_equal(result.total_frees, 0);
    assert_int_equal(result.accumulated_in_use_bytes, 0);
}

/* Zephyr's loads: each block is filled with words that depend on its address, and checked. */

static struct sys_heap heap;
static _Alignas(8) uint8_t heap_memory[BIG_BYTES];
static void *scratch_memory[BIG_BYTES / sizeof(void *)];

static void fill(void *block, size_t bytes)
{
    memset(block, (int)((uintptr_t)block / 8 % 251), bytes);
}

static void expect_filled(const uint8_t *block, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        assert_int_equal(block[i], (uintptr_t)block / 8 % 251);
    }
}

static void *checked_alloc(void *arg, size_t bytes)
{
    void *block = sys_heap_alloc(&heap, bytes);

    assert_true(sys_heap_validate(&heap));
    if (block != NULL) {
        size_t usable = sys_heap_usable_size(&heap, block);

        assert_true(usable >= bytes && usable < bytes + 8);
        fill(block, usable);
    }
    return block;
}

static void checked_free(void *arg, void *block)
{
    expect_filled(block, sys_heap_usable_size(&heap, block));
    sys_heap_free(&heap, block);
    assert_true(sys_heap_validate(&heap));
}

static void expect_heap_stands(size_t bytes, int percent, size_t steps)
{
    struct z_heap_stress_result result;

    sys_heap_init(&heap, heap_memory, bytes);
    sys_heap_stress(checked_alloc, checked_free, NULL, bytes, (uint32_t)scaled_rounds(steps),
                    scratch_memory, sizeof(scratch_memory), percent, &result);
    assert_true(result.successful_allocs > 0);
    assert_true(result.successful_allocs <= result.total_allocs);
    assert_true(result.total_frees <= result.successful_allocs);
}

static void a_small_heap_stands_half_full(void **state)
{
    expect_heap_stands(SMALL_BYTES, 50, STEPS);
}

static void a_small_heap_stands_fragmentation(void **state)
{
    expect_heap_stands(SMALL_BYTES, 100, STEPS);
}

static void a_big_heap_stands(void **state)
{
    expect_heap_stands(BIG_BYTES, 100, STEPS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_definition),
        cmocka_unit_test(no_steps_do_nothing),
        cmocka_unit_test(a_small_heap_stands_half_full),
        cmocka_unit_test(a_small_heap_stands_fragmentation),
        cmocka_unit_test(a_big_heap_stands),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
