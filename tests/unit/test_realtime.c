/* SPDX-License-Identifier: Apache-2.0 */
/* The real-time mode: what its options mean, what is there after its beginning, and what happens
 * when the reserve does not suffice. Each test is a process of its own, for the mode stays. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <quarry/malloc.h>
#include "os/os.h"
#include "process/cache_parts.h"
#include "process/options.h"
#include "process/realtime.h"
#include "process/slab.h"
#include "process/slice_reserve.h"
#include "../support/death.h"
#include "../support/fake_os.h"
#include "../support/good_child.h"
#include "../support/small_blocks.h"

#define MIB           ((size_t)1 << 20)
#define SLICES_IN_MIB (MIB >> SLICE_SHIFT)

/* The child may say what is wrong with the options. */
static void in_a_process(void (*test)(void *arg))
{
    struct death death = death_of(test, NULL);

    if (death.signal != 0 || death.exit_code != 0) {
        fail_msg("%s", death.message);
    }
}

/* What the fake's usual options ask for is another front end. */
static void read_text(const char *text)
{
    fake_os_set_options("frontend=slab");
    CHECK_THAT(options_read());
    fake_os_set_options(text);
    CHECK_THAT(options_read());
}

static void begin(const char *options)
{
    read_text(options);
    thread_cache_init();
    CHECK_THAT(slice_range_exists());
    realtime_begin();
}

static uint64_t exhausted(void)
{
    struct quarry_malloc_stats stats = {0};

    slice_reserve_add_stats(&stats);
    return stats.exhausted;
}

/* --- Options --- */

static void read_usual(void *arg)
{
    read_text("");
    CHECK_THAT(!options_rt() && options_reserve_bytes() == 64 * MIB && !options_exhausted_fails());
    read_text("rt=1");
    CHECK_THAT(options_rt() && options_slabs() && options_reserve_bytes() == 64 * MIB);
    read_text("reserve=2m,exhausted=fail");
    CHECK_THAT(options_rt() && options_reserve_bytes() == 2 * MIB && options_exhausted_fails());
    read_text("exhausted=grow,rt=0,reserve=128g");
    CHECK_THAT(!options_rt() && options_reserve_bytes() == 128 * 1024 * MIB);
    CHECK_THAT(!options_exhausted_fails());
}

static void options_have_usual_values(void **state)
{
    in_a_process(read_usual);
}

static void read_bad(void *arg)
{
    const char *const texts[] = {"rt=2", "rt=", "reserve=1023k", "reserve=129g", "exhausted=abort"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        fake_os_reset();
        fake_os_set_options(texts[i]);
        CHECK_THAT(options_read());
        CHECK_THAT(strncmp(fake_os_appended(), "quarry: bad value of option", 27) == 0);
    }
    CHECK_THAT(!options_rt());
}

static void bad_values_are_refused(void **state)
{
    in_a_process(read_bad);
}

static void read_contradictions(void *arg)
{
    read_text("reserve=2m");
    CHECK_THAT(strcmp(fake_os_appended(),
                      "quarry: reserve and exhausted have no effect without rt=1\n") == 0);
    fake_os_reset();
    fake_os_set_options("rt=1,frontend=heap");
    CHECK_THAT(options_read() && !options_rt() && !options_slabs());
    CHECK_THAT(strcmp(fake_os_appended(), "quarry: rt=1 has no effect with frontend=heap\n") == 0);
}

static void options_without_effect_are_reported(void **state)
{
    in_a_process(read_contradictions);
}

/* --- The reserve --- */

static bool is_there(char *start, size_t bytes)
{
    for (size_t offset = 0; offset < bytes; offset += os_page_bytes()) {
        unsigned char residence = 0;

        CHECK_THAT(mincore(start + offset, os_page_bytes(), &residence) == 0);
        if ((residence & 1) == 0) {
            return false;
        }
    }
    return true;
}

static void look_at_reserve(void *arg)
{
    begin("rt=1,reserve=2m");
    CHECK_THAT(fake_os_appended()[0] == '\0');
    CHECK_THAT(fake_os_is_usable(slice_start(0), 2 * MIB));
    CHECK_THAT(is_there(slice_start(0), 2 * MIB));
    CHECK_THAT(is_there((char *)slice_range_slabs, os_page_bytes()));
    CHECK_THAT(!is_there((char *)slice_start(0) + 2 * MIB, 2 * MIB));
}

static void the_reserve_is_there(void **state)
{
    in_a_process(look_at_reserve);
}

static void go_on_without_lock(void *arg)
{
    const struct rlimit none = {0, 0};

    CHECK_THAT(setrlimit(RLIMIT_MEMLOCK, &none) == 0 && (getuid() != 0 || setuid(65534) == 0));
    begin("rt=1,reserve=2m");
    CHECK_THAT(strcmp(fake_os_appended(), "quarry: rt=1: the reserve is not locked, for the system "
                                          "refuses (RLIMIT_MEMLOCK)\n") == 0);
    CHECK_THAT(is_there(slice_start(0), 2 * MIB));
}

static void without_the_right_to_lock_it_is_there_all_the_same(void **state)
{
    in_a_process(go_on_without_lock);
}

static void go_on_without_memory(void *arg)
{
    fake_os_fail_all(FAKE_OS_COMMIT);
    read_text("rt=1,reserve=2m");
    CHECK_THAT(!slices_reserve());
    realtime_begin();
    CHECK_THAT(strcmp(fake_os_appended(),
                      "quarry: rt=1: there is not enough memory for the reserve\n") == 0);
}

static void without_memory_that_is_said(void **state)
{
    in_a_process(go_on_without_memory);
}

static void take_all_and_more(void *arg)
{
    begin("rt=1,reserve=1m");
    CHECK_THAT(exhausted() == 0);
    size_t mine = slices_in_use(); /* the cache of this thread is in one */
    CHECK_THAT(slices_take(SLICES_IN_MIB - mine) != SLICE_NONE && exhausted() == 0);
    size_t slice = slices_take(1);
    CHECK_THAT(slice >= SLICES_IN_MIB && slice != SLICE_NONE && exhausted() == 1);
    CHECK_THAT(slices_take(1000) != SLICE_NONE && exhausted() == 2);
}

static void beyond_the_reserve_it_grows_and_counts(void **state)
{
    in_a_process(take_all_and_more);
}

static void take_all_and_no_more(void *arg)
{
    begin("rt=1,reserve=1m,exhausted=fail");
    size_t mine = slices_in_use();
    size_t slice = slices_take(SLICES_IN_MIB - mine);
    CHECK_THAT(slice != SLICE_NONE && exhausted() == 0);
    CHECK_THAT(slices_take(1) == SLICE_NONE && slices_in_use() == SLICES_IN_MIB);
    CHECK_THAT(quarry_malloc(100000) == NULL && exhausted() == 1);
    slices_give(slice, 1);
    CHECK_THAT(slices_take(2) == SLICE_NONE && !slices_take_at(slice + 1, 1));
    CHECK_THAT(quarry_malloc(100000) == NULL && exhausted() == 2);
    CHECK_THAT(quarry_malloc(60000) == slice_start(slice) && exhausted() == 2);
}

static void or_it_fails_and_counts(void **state)
{
    in_a_process(take_all_and_no_more);
}

static void give_and_wait(void *arg)
{
    begin("rt=1,reserve=1m,purge_delay_ms=0");
    size_t slice = slices_take(4);
    slices_give(slice, 4);
    fake_os_advance_ns(1000000);
    slices_purge_if_due();
    CHECK_THAT(slices_purge() == 0 && fake_os_calls(FAKE_OS_DISCARD) == 0);
}

static void nothing_goes_back_to_the_system(void **state)
{
    in_a_process(give_and_wait);
}

/* --- Bounded work --- */

static void take_portions(void *arg)
{
    begin("rt=1,reserve=1m");
    struct slab *slab = slab_make(1);
    CHECK_THAT(slab_thread_page(slab).count == SLAB_PORTION_BLOCKS);
    CHECK_THAT(slab_thread_page(slab).count == SLAB_PORTION_BLOCKS);
    CHECK_THAT(slab->used == 2 * SLAB_PORTION_BLOCKS);
}

static void few_blocks_are_linked_at_a_time(void **state)
{
    in_a_process(take_portions);
}

#define SENT 1000u

static void *sent[SENT];

/* A thread that has no cache at first: then each block is a letter. */
static void *give_each(void *arg)
{
    for (size_t i = 0; i < SENT; i++) {
        give(sent[i]);
    }
    return arg;
}

static void exchange(void *arg)
{
    pthread_t thread;

    begin("rt=1,reserve=2m");
    size_t before = slices_in_use();
    for (int round = 0; round < 200; round++) {
        for (size_t i = 0; i < SENT; i++) {
            sent[i] = take(16);
        }
        CHECK_THAT(pthread_create(&thread, NULL, give_each, NULL) == 0);
        CHECK_THAT(pthread_join(thread, NULL) == 0);
    }
    CHECK_THAT(slices_in_use() <= before + 3); /* 3 MB went through; a slice is for caches */
}

static void letters_do_not_pile_up(void **state)
{
    in_a_process(exchange);
}

/* --- Forks --- */

static void fork_and_try(void (*in_child)(void))
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        thread_cache_after_fork_in_child();
        in_child();
        CHECK_THAT(orphans_try());
        orphans_leave();
        _exit(0);
    }
    CHECK_THAT(waitpid(child, &status, 0) == child && status == 0);
}

static void nothing(void)
{
}

static void fork_as_usual(void *arg)
{
    begin("rt=1,reserve=1m");
    orphans_make_lock();
    thread_cache_before_fork();
    fork_and_try(nothing);
    thread_cache_after_fork_in_parent();
    CHECK_THAT(orphans_try());
}

static void a_child_can_take_the_lock(void **state)
{
    in_a_process(fork_as_usual);
}

static void fork_with_lock(void *arg)
{
    begin("rt=1,reserve=1m");
    orphans_make_lock();
    CHECK_THAT(orphans_try());
    thread_cache_before_fork();
    fork_and_try(orphans_leave);
    thread_cache_after_fork_in_parent();
    orphans_leave();
    CHECK_THAT(orphans_try());
}

static void also_if_a_handler_forks_that_interrupted_its_holder(void **state)
{
    in_a_process(fork_with_lock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_have_usual_values),
        cmocka_unit_test(bad_values_are_refused),
        cmocka_unit_test(options_without_effect_are_reported),
        cmocka_unit_test(the_reserve_is_there),
        cmocka_unit_test(without_the_right_to_lock_it_is_there_all_the_same),
        cmocka_unit_test(without_memory_that_is_said),
        cmocka_unit_test(beyond_the_reserve_it_grows_and_counts),
        cmocka_unit_test(or_it_fails_and_counts),
        cmocka_unit_test(nothing_goes_back_to_the_system),
        cmocka_unit_test(few_blocks_are_linked_at_a_time),
        cmocka_unit_test(letters_do_not_pile_up),
        cmocka_unit_test(a_child_can_take_the_lock),
        cmocka_unit_test(also_if_a_handler_forks_that_interrupted_its_holder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
