/* SPDX-License-Identifier: Apache-2.0 */
/* Row 8: what each level of hardening notices.
 *
 * Rows 1 to 7 are run with the level of the build, with none and with full hardening. This program
 * shows that these builds do differ: what is noticed ends the program, whatever assertions are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <zephyr/sys/sys_heap.h>
#include "../support/death.h"

#define HEAP_BYTES 1024u
#define BYTES      24u /* and no byte more in a chunk, whichever header it has */

static _Alignas(8) char memory[HEAP_BYTES];
static struct sys_heap heap;

static volatile char *take(void)
{
    volatile char *mem = sys_heap_alloc(&heap, BYTES);

    if (mem == NULL) {
        fail();
    }
    return mem;
}

static void give_back(volatile char *mem)
{
    sys_heap_free(&heap, (void *)(size_t)mem);
}

static int fresh_heap(void **state)
{
    sys_heap_init(&heap, memory, HEAP_BYTES);
    return heap.heap == NULL;
}

static void do_nothing_wrong(void *arg)
{
    volatile char *mem = take();

    mem[0] = mem[BYTES - 1] = 1;
    give_back(mem);
}

static void free_twice(void *arg)
{
    volatile char *mem = take();

    take();
    give_back(mem);
    give_back(mem);
}

/* Beyond the next chunk's first word, which levels below full look at. */
static void write_past_the_end(void *arg)
{
    size_t usable = sys_heap_usable_size(&heap, (void *)(size_t)take());
    volatile char *mem = take();

    take();
    mem[usable] = (char)(mem[usable] ^ 0x55);
    give_back(mem);
}

static void is_noticed(crime_fn crime, bool expected)
{
    struct death death = death_of(crime, NULL);

    assert_true(expected ? death.signal != 0 : death.signal == 0 && death.exit_code == 0);
}

static void right_programs_run(void **state)
{
    is_noticed(do_nothing_wrong, false);
}

static void a_double_free_is_noticed_from_basic_on(void **state)
{
    if (CONFIG_SYS_HEAP_HARDENING_LEVEL == 0) {
        skip(); /* whatever may happen */
    }
    is_noticed(free_twice, true);
}

static void writing_past_the_end_is_noticed_from_basic_on(void **state)
{
    if (CONFIG_SYS_HEAP_HARDENING_LEVEL == 0) {
        skip();
    }
    is_noticed(write_past_the_end, true);
}

static void canaries_come_with_full(void **state)
{
#ifdef CONFIG_SYS_HEAP_CANARIES
    assert_true(CONFIG_SYS_HEAP_HARDENING_LEVEL >= 3);
#else
    assert_true(CONFIG_SYS_HEAP_HARDENING_LEVEL < 3);
#endif
}

/* A canary is 8 bytes of each block's chunk. */
static void the_level_shows_in_the_heaps_layout(void **state)
{
    volatile char *first = take();
    ptrdiff_t distance = take() - first;
    size_t usable = sys_heap_usable_size(&heap, (void *)(size_t)first);
    size_t header = (size_t)distance - usable;

    assert_true(CONFIG_SYS_HEAP_HARDENING_LEVEL >= 3 ? header > 8 : header <= 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(right_programs_run, fresh_heap),
        cmocka_unit_test_setup(a_double_free_is_noticed_from_basic_on, fresh_heap),
        cmocka_unit_test_setup(writing_past_the_end_is_noticed_from_basic_on, fresh_heap),
        cmocka_unit_test(canaries_come_with_full),
        cmocka_unit_test_setup(the_level_shows_in_the_heaps_layout, fresh_heap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
