/* SPDX-License-Identifier: Apache-2.0 */
/* A signal handler comes after each instruction of each kind of call of memory blocks, and takes
 * blocks, or gives some back, as well: no moment is a bad one. Afterwards each block has one owner,
 * those that have none can all be taken, and the counters are right.
 *
 *    | filler, all taken | the thread's own | the handler's own | filler | hole |
 *
 * And another thread comes in the middle of a call, and must not see a part of it.
 *
 * The hole is empty, too small for both, or large enough. A signal takes so long that the handler
 * comes after every 23rd instruction only, from one that differs from trial to trial; another
 * distance may be given as an argument. QUARRY_TEST_SCALE multiplies it. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include <quarry/mem_blocks.h>
#include "../support/random.h"
#include "../support/stepping.h"

#define SMALL       150u
#define LARGE       (Z_BITARRAY_DIRECT_BITS + 50u) /* has a summary */
#define BLOCK_BYTES 8u
#define OWN_FIRST   28u /* from here on across words of bits */
#define MOST        40u /* of one party */
#define WATCHDOG_S  800u
#define DISTANCE    23u

/* Who holds blocks. */
struct party {
    void *mem[MOST];
    size_t count;
    bool holds;
};

static size_t distance = DISTANCE;

static sys_mem_blocks_t blocks;
static sys_bitarray_t bitmap;
static uint32_t words[QUARRY_BITARRAY_WORDS(LARGE)];
static _Alignas(8) uint8_t buffer[LARGE * BLOCK_BYTES];
static struct party own, handlers;
static size_t hole;
static size_t errors;

static void *block(size_t number)
{
    return buffer + number * BLOCK_BYTES;
}

/* The blocks from one on. */
static void list(struct party *party, uint8_t *first)
{
    for (size_t i = 0; i < party->count; i++) {
        party->mem[i] = first + i * BLOCK_BYTES;
    }
}

static void take(struct party *party)
{
    int result = sys_mem_blocks_alloc(&blocks, party->count, party->mem);

    party->holds = result == 0;
    errors += result != 0 && result != -ENOMEM;
}

static void give(struct party *party)
{
    errors += sys_mem_blocks_free(&blocks, party->count, party->mem) != 0;
    party->holds = false;
}

/* --- What the thread does --- */

static void own_take(void)
{
    take(&own);
}

static void own_take_side_by_side(void)
{
    own.holds = sys_mem_blocks_alloc_contiguous(&blocks, own.count, own.mem) == 0;
    if (own.holds) {
        list(&own, own.mem[0]);
    }
}

static void own_get(void)
{
    list(&own, block(blocks.info.num_blocks - hole));
    own.holds = sys_mem_blocks_get(&blocks, own.mem[0], own.count) == 0;
}

static void own_give(void)
{
    give(&own);
}

static void own_give_side_by_side(void)
{
    errors += sys_mem_blocks_free_contiguous(&blocks, own.mem[0], own.count) != 0;
    own.holds = false;
}

/* One of them twice: the others go back, and it counts once. */
static void own_give_twice(void)
{
    own.mem[own.count] = own.mem[0];
    errors += sys_mem_blocks_free(&blocks, own.count + 1, own.mem) != -EFAULT;
    own.holds = false;
}

static void own_reset(void)
{
    errors += sys_mem_blocks_runtime_stats_reset_max(&blocks) != 0;
}

/* --- What the handler does --- */

static void handlers_take(void)
{
    take(&handlers);
}

static void handlers_give(void)
{
    give(&handlers);
}

static void handlers_both(void)
{
    take(&handlers);
    if (handlers.holds) {
        give(&handlers);
    }
}

/* --- Trials --- */

struct trial {
    void (*call)(void);
    void (*come)(void);
    size_t count, handlers_count, hole;
    uint32_t size;
    bool holds; /* the thread, before the call */
};

static void make(const struct trial *trial)
{
    memset(words, 0, sizeof(words));
    assert_int_equal(quarry_bitarray_init(&bitmap, trial->size, words, ARRAY_SIZE(words)), 0);
    assert_int_equal(quarry_mem_blocks_init(&blocks, buffer, BLOCK_BYTES, &bitmap), 0);
    assert_int_equal(sys_mem_blocks_get(&blocks, block(0), trial->size - trial->hole), 0);
    hole = trial->hole;
    own.count = trial->count;
    own.holds = trial->holds;
    list(&own, block(OWN_FIRST));
    handlers.count = trial->handlers_count;
    handlers.holds = trial->come == handlers_give;
    list(&handlers, block(OWN_FIRST + trial->count));
    errors = 0;
}

static size_t held_by(const struct party *party)
{
    return party->holds ? party->count : 0;
}

/* No block belongs to both, and whoever has one has its bit. */
static void expect_owners(void)
{
    for (size_t i = 0; i < held_by(&own); i++) {
        assert_int_equal(sys_mem_blocks_is_region_free(&blocks, own.mem[i], 1), 0);
        for (size_t j = 0; j < held_by(&handlers); j++) {
            assert_ptr_not_equal(own.mem[i], handlers.mem[j]);
        }
    }
    for (size_t i = 0; i < held_by(&handlers); i++) {
        assert_int_equal(sys_mem_blocks_is_region_free(&blocks, handlers.mem[i], 1), 0);
    }
}

/* What the high-water mark may be. Whoever took what was given back came after that. */
static size_t most_allowed(const struct trial *trial, size_t used)
{
    size_t before = trial->size - trial->hole;
    size_t most = before + trial->count + trial->handlers_count;

    if (trial->holds && handlers.holds && trial->come == handlers_take &&
        handlers.mem[0] == block(OWN_FIRST)) {
        most = used > before ? used : before;
    }
    return most < trial->size ? most : trial->size;
}

static void expect_used(const struct trial *trial, size_t used)
{
    size_t bits = 0;

    sys_bitarray_popcount_region(&bitmap, bitmap.num_bits, 0, &bits);
    assert_int_equal(bits, used);
    assert_int_equal(blocks.info.used_blocks, used);
    assert_true(blocks.info.max_used_blocks >= used);
    assert_true(blocks.info.max_used_blocks <= most_allowed(trial, used));
    assert_true(quarry_bitarray_validate(&bitmap));
}

static void expect_rest_can_be_taken(size_t rest)
{
    static void *all[LARGE];

    assert_int_equal(sys_mem_blocks_alloc(&blocks, rest + 1, all), -ENOMEM);
    assert_int_equal(sys_mem_blocks_alloc(&blocks, rest, all), 0);
}

/* False if the handler would have come later. */
static bool play(const struct trial *trial, size_t count)
{
    make(trial);
    size_t others = trial->size - trial->hole - held_by(&own) - held_by(&handlers);

    stepping_begin(count, trial->come);
    trial->call();
    bool has_come = stepping_end();
    size_t used = others + held_by(&own) + held_by(&handlers);
    assert_int_equal(errors, 0);
    expect_owners();
    expect_used(trial, used);
    if (trial->call == own_take && trial->hole >= trial->count + trial->handlers_count) {
        assert_true(own.holds); /* there is room for both */
    }
    expect_rest_can_be_taken(trial->size - used);
    return has_come;
}

static void expect_no_bad_moment(const struct trial *trial)
{
    static size_t trials;
    size_t step = trial->call == own_reset ? 1 : distance; /* few instructions: all of them */
    size_t count = 1 + trials++ % step;

    while (play(trial, count)) {
        count += step;
    }
}

static void with_all_handlers(struct trial trial)
{
    const struct {
        void (*come)(void);
        size_t count;
    } handlers_calls[] = {
        {handlers_take, 1}, {handlers_take, 7}, {handlers_give, 7}, {handlers_both, 7}};

    for (size_t i = 0; i < ARRAY_SIZE(handlers_calls); i++) {
        trial.come = handlers_calls[i].come;
        trial.handlers_count = handlers_calls[i].count;
        expect_no_bad_moment(&trial);
    }
}

static void with_all_sizes(struct trial trial)
{
    trial.size = SMALL;
    with_all_handlers(trial);
    trial.size = LARGE;
    with_all_handlers(trial);
}

static void begin(void)
{
    stepping_prepare();
    alarm(WATCHDOG_S);
}

static void taking_has_no_bad_moment(void **state)
{
    begin();
    with_all_sizes((struct trial){.call = own_take, .count = 1, .hole = 0});
    with_all_sizes((struct trial){.call = own_take, .count = 1, .hole = 1});
    with_all_sizes((struct trial){.call = own_take, .count = 36, .hole = 38});
    with_all_sizes((struct trial){.call = own_take, .count = 36, .hole = 43});
}

static void taking_side_by_side_has_no_bad_moment(void **state)
{
    begin();
    with_all_sizes((struct trial){.call = own_take_side_by_side, .count = 36, .hole = 38});
    with_all_sizes((struct trial){.call = own_take_side_by_side, .count = 5, .hole = 12});
    with_all_sizes((struct trial){.call = own_get, .count = 36, .hole = 38});
}

static void giving_back_has_no_bad_moment(void **state)
{
    begin();
    with_all_sizes((struct trial){.call = own_give, .count = 1, .hole = 0, .holds = true});
    with_all_sizes((struct trial){.call = own_give, .count = 36, .hole = 2, .holds = true});
    with_all_sizes(
        (struct trial){.call = own_give_side_by_side, .count = 1, .hole = 0, .holds = true});
    with_all_sizes(
        (struct trial){.call = own_give_side_by_side, .count = 36, .hole = 2, .holds = true});
}

static void resetting_has_no_bad_moment(void **state)
{
    begin();
    with_all_sizes((struct trial){.call = own_reset, .count = 1, .hole = 9, .holds = true});
}

/* A handler that takes what was just given back must not lose it to the second try. Here it only
 * gives back, since a double free of what it has would be the program's mistake. */
static void giving_back_twice_has_no_bad_moment(void **state)
{
    struct trial trial = {.call = own_give_twice,
                          .come = handlers_give,
                          .count = 20,
                          .handlers_count = 7,
                          .hole = 0,
                          .size = SMALL,
                          .holds = true};

    begin();
    expect_no_bad_moment(&trial);
}

/* --- Another thread, instead of a handler --- */

static sem_t other_may_go;
static struct party others;

static void *take_when_told(void *arg)
{
    while (sem_wait(&other_may_go) != 0) {
    }
    take(&others);
    return arg;
}

/* Long enough for the other thread, if it does not have to wait for the lock. */
static void let_other_go(void)
{
    const struct timespec pause = {0, 3000000};

    sem_post(&other_may_go);
    nanosleep(&pause, NULL);
}

/* The thread takes what it can get, and gives it back, for it is too little. The other one must not
 * see what it had meanwhile. False if the other one would have begun later. */
static bool take_in_vain(size_t count)
{
    struct trial trial = {.size = SMALL, .count = 39, .hole = 38};
    pthread_t thread;

    make(&trial);
    others = (struct party){.count = 38};
    sem_init(&other_may_go, 0, 0);
    blocks.info.used_blocks -= 10; /* so that it has to try */
    assert_int_equal(pthread_create(&thread, NULL, take_when_told, NULL), 0);
    stepping_begin(count, let_other_go);
    own_take();
    bool has_come = stepping_end();
    if (!has_come) {
        sem_post(&other_may_go);
    }
    pthread_join(thread, NULL);
    assert_false(own.holds);
    assert_true(others.holds);
    sem_destroy(&other_may_go);
    return has_come;
}

static void other_threads_see_all_or_nothing(void **state)
{
    begin();
    for (size_t count = 1; take_in_vain(count); count += 2 * distance) {
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taking_has_no_bad_moment),
        cmocka_unit_test(taking_side_by_side_has_no_bad_moment),
        cmocka_unit_test(giving_back_has_no_bad_moment),
        cmocka_unit_test(resetting_has_no_bad_moment),
        cmocka_unit_test(giving_back_twice_has_no_bad_moment),
        cmocka_unit_test(other_threads_see_all_or_nothing),
    };

    if (argc > 1) {
        distance = strtoul(argv[1], NULL, 10);
    }
    distance *= test_scale();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
