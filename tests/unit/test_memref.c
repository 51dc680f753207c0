/* SPDX-License-Identifier: Apache-2.0 */
/* Counted blocks: what the control block costs and keeps, who sees what when the last reference
 * goes, and misuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/memref.h>
#include "../support/death.h"
#include "../support/race_detector.h"

#define BLOCK_BYTES  256u
#define BOUNDARY     64u /* sizes up to SIZE_MAX that are tried */
#define THREADS      4u
#define ROUNDS       200u
#define HANG_SECONDS 300u

/* --- A back end that has one block, and keeps a book of it --- */

static struct {
    _Alignas(max_align_t) char block[BLOCK_BYTES];
    size_t skew; /* from the block's start to what is returned */
    size_t asked_bytes;
    unsigned int taken;
    unsigned int given;
    unsigned int released; /* calls of the callback */
    void *released_mem;
} book;

static void *take(void *be, size_t size)
{
    assert_ptr_equal(be, &book);
    book.asked_bytes = size;
    if (size > BLOCK_BYTES) {
        return NULL;
    }
    book.taken++;
    return book.block + book.skew;
}

static void give(void *be, void *mem)
{
    assert_ptr_equal(be, &book);
    assert_ptr_equal(mem, book.block);
    book.given++;
}

static void note_release(void *mem)
{
    assert_int_equal(book.given, 0);
    book.released++;
    book.released_mem = mem;
}

static MEMREF_BACKEND_DEFINE(one_block, take, give, &book);

static int begin(void **state)
{
    memset(&book, 0, sizeof(book));
    memset(book.block, 0xa5, sizeof(book.block));
    return 0;
}

static char *allocate(size_t bytes)
{
    return memref_alloc(&one_block, bytes, note_release);
}

/* --- One thread --- */

static void the_control_block_is_at_most_four_words(void **state)
{
    char *mem = allocate(100);

    assert_int_equal(book.taken, 1);
    assert_int_equal(book.asked_bytes - 100, mem - book.block);
    assert_in_range(mem - book.block, 1, 4 * sizeof(void *));
    assert_int_equal((uintptr_t)mem % _Alignof(max_align_t), 0);
    memref_unref(mem);
}

static void the_users_bytes_are_the_users(void **state)
{
    char *mem = allocate(100);

    assert_int_equal(mem[0], (char)0xa5); /* undefined, here: what the back end had in it */
    memset(mem, 0xff, 100);
    memref_ref(mem);
    memref_unref(mem);
    memset(mem, 0, 100);
    memref_unref(mem);
    assert_int_equal(book.given, 1);
}

static void the_last_reference_frees(void **state)
{
    void *mem = allocate(8);

    memref_ref(mem);
    memref_ref(mem);
    memref_unref(mem);
    memref_unref(mem);
    assert_int_equal(book.released + book.given, 0);
    memref_unref(mem);
    assert_int_equal(book.released, 1);
    assert_int_equal(book.given, 1);
    assert_ptr_equal(book.released_mem, mem);
}

static void no_callback_is_needed(void **state)
{
    void *mem = memref_alloc(&one_block, 8, NULL);

    memref_unref(mem);
    assert_int_equal(book.given, 1);
    assert_int_equal(book.released, 0);
}

static void null_is_not_counted(void **state)
{
    memref_unref(NULL);
    assert_int_equal(book.given, 0);
}

static void a_block_of_no_bytes_counts(void **state)
{
    void *mem = allocate(0);

    assert_non_null(mem);
    memref_ref(mem);
    memref_unref(mem);
    memref_unref(mem);
    assert_int_equal(book.given, 1);
}

static void calloc_clears(void **state)
{
    char *mem = memref_calloc(&one_block, 10, 16, note_release);

    for (size_t i = 0; i < 160; i++) {
        assert_int_equal(mem[i], 0);
    }
    assert_int_equal(mem[160], (char)0xa5);
    memref_unref(mem);
    assert_int_equal(book.released, 1);
    mem = memref_calloc(&one_block, 0, SIZE_MAX, NULL);
    assert_non_null(mem);
    memref_unref(mem);
}

static void a_back_end_may_have_no_memory(void **state)
{
    assert_null(allocate(BLOCK_BYTES));
    assert_null(memref_calloc(&one_block, 1, BLOCK_BYTES, NULL));
    assert_int_equal(book.taken, 0);
}

static void no_size_wraps_around(void **state)
{
    for (size_t less = 0; less < BOUNDARY; less++) {
        assert_null(allocate(SIZE_MAX - less));
        assert_null(memref_calloc(&one_block, SIZE_MAX - less, 1, NULL));
        assert_null(memref_calloc(&one_block, SIZE_MAX - less, SIZE_MAX - less, NULL));
        assert_null(memref_calloc(&one_block, SIZE_MAX / 2 + 1 + less, 2, NULL));
        assert_null(memref_calloc(&one_block, 2, SIZE_MAX / 2 + 1 + less, NULL));
    }
    assert_int_equal(book.taken, 0);
}

/* --- Several --- */

struct shared {
    int written[THREADS]; /* by each thread, without a lock */
};

static int seen;

static void sum_up(void *mem)
{
    struct shared *shared = mem;

    for (size_t i = 0; i < THREADS; i++) {
        seen += shared->written[i];
    }
}

static void write_and_let_go(void *mem, void *number, void *unused)
{
    struct shared *shared = mem;

    for (unsigned int i = 0; i < ROUNDS; i++) {
        memref_ref(mem);
        shared->written[(uintptr_t)number]++;
        memref_unref(mem);
    }
    memref_unref(mem);
}

/* The callback runs in whichever thread is last, and race detectors would see what it misses. */
static void the_last_thread_sees_what_the_others_wrote(void **state)
{
    static struct k_thread threads[THREADS];
    struct shared *shared = memref_calloc(&one_block, 1, sizeof(*shared), sum_up);

    seen = 0;
    for (uintptr_t i = 0; i < THREADS; i++) {
        memref_ref(shared);
        assert_non_null(k_thread_create(&threads[i], NULL, 0, write_and_let_go, shared, (void *)i,
                                        NULL, 0, 0, K_NO_WAIT));
    }
    memref_unref(shared);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(k_thread_join(&threads[i], K_FOREVER), 0);
    }
    assert_int_equal(seen, THREADS * ROUNDS);
    assert_int_equal(book.given, 1);
}

/* --- Misuse --- */

static void ref_null(void *arg)
{
    memref_ref(NULL);
}

static void ref_odd_address(void *arg)
{
    memref_ref(book.block + 33);
}

static void ref_what_is_no_block(void *arg)
{
    memref_ref(book.block + BLOCK_BYTES / 2);
}

static void unref_once_too_often(void *arg)
{
    void *mem = allocate(8);

    memref_unref(mem);
    memref_unref(mem);
}

static void ref_what_is_freed(void *arg)
{
    void *mem = allocate(8);

    memref_unref(mem);
    memref_ref(mem);
}

static void unref_in_callback(void *arg)
{
    memref_unref(memref_alloc(&one_block, 8, memref_unref));
}

static void ref_in_callback(void *arg)
{
    memref_unref(memref_alloc(&one_block, 8, memref_ref));
}

static void ref_without_end(void *arg)
{
    void *mem = allocate(8);
    uint32_t almost_all = UINT32_MAX - 1;

    memcpy(book.block, &almost_all, sizeof(almost_all)); /* the counter: else this takes a minute */
    memref_ref(mem);
    memref_ref(mem);
}

static void use_no_back_end(void *arg)
{
    memref_alloc(NULL, 8, NULL);
}

static void use_half_a_back_end(void *arg)
{
    struct memref_backend half = one_block;

    if (arg == NULL) {
        half.alloc = NULL;
    } else {
        half.free = NULL;
    }
    memref_alloc(&half, 8, NULL);
}

static void use_a_crooked_back_end(void *arg)
{
    book.skew = 1;
    allocate(8);
}

static void misuse_is_reported(void **state)
{
    expect_death(ref_null, NULL, "reference to NULL, or to an address at which no memref block");
    expect_death(ref_odd_address, NULL, "to an address at which no memref block can be");
    expect_death(ref_what_is_no_block, NULL, "memref block is freed already, or is none");
    expect_death(unref_once_too_often, NULL, "memref block is freed already, or is none");
    expect_death(ref_what_is_freed, NULL, "memref block is freed already, or is none");
    expect_death(unref_in_callback, NULL, "memref block loses a reference while it is being freed");
    expect_death(ref_in_callback, NULL, "memref block gets a reference while it is being freed");
    expect_death(ref_without_end, NULL, "memref block has too many references");
    expect_death(use_no_back_end, NULL, "memref back end is NULL, or lacks a function");
    expect_death(use_half_a_back_end, NULL, "memref back end is NULL, or lacks a function");
    expect_death(use_half_a_back_end, &book, "memref back end is NULL, or lacks a function");
    expect_death(use_a_crooked_back_end, NULL, "memref back end returned memory that is not");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_control_block_is_at_most_four_words, begin),
        cmocka_unit_test_setup(the_users_bytes_are_the_users, begin),
        cmocka_unit_test_setup(the_last_reference_frees, begin),
        cmocka_unit_test_setup(no_callback_is_needed, begin),
        cmocka_unit_test_setup(null_is_not_counted, begin),
        cmocka_unit_test_setup(a_block_of_no_bytes_counts, begin),
        cmocka_unit_test_setup(calloc_clears, begin),
        cmocka_unit_test_setup(a_back_end_may_have_no_memory, begin),
        cmocka_unit_test_setup(no_size_wraps_around, begin),
        cmocka_unit_test_setup(the_last_thread_sees_what_the_others_wrote, begin),
        cmocka_unit_test_setup(misuse_is_reported, begin),
    };

    race_detector_announce();
    alarm(HANG_SECONDS);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
