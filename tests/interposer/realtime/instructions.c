/* SPDX-License-Identifier: Apache-2.0 */
/* How many instructions a call executes at the most, in the real-time mode: in loads that lead the
 * allocator through all its ways. The processor's trap flag counts them, one signal for each, so
 * that the loads are short. What is counted is printed, and must not exceed what
 * lib/process/REALTIME.md promises.
 *
 * Loads: of the thread alone; of blocks that another thread frees, one in each letter; of blocks of
 * a thread that has ended; of large blocks; and the first calls of a thread. */
#include <pthread.h>
#include <signal.h>
#include <ucontext.h>

#include "../blocks.h"

#if !defined(__x86_64__)
static void test(char **argv)
{
    exit(EXIT_SKIPPED);
}
#else

#define TRAP_FLAG "0x100"
#define RED_ZONE  "0x80"

enum { SLOTS = 100, STEPS = 120, SENT = 100 };

#define MALLOC_LIMIT 6000u
#define FREE_LIMIT   3000u

static __thread size_t executed;
static __thread uintptr_t last_place;
static __thread int found_system_call;

/* A repeated instruction comes here each time it is repeated, and counts once. */
static void step(int number, siginfo_t *info, void *context)
{
    uintptr_t place = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
    const unsigned char *code = (const unsigned char *)place;

    (void)number;
    (void)info;
    executed += place != last_place;
    found_system_call |= code[0] == 0x0f && code[1] == 0x05;
    last_place = place;
}

static inline void begin_to_count(void)
{
    executed = 0;
    __asm__ volatile("sub $" RED_ZONE ", %%rsp\n\tpushfq\n\torq $" TRAP_FLAG
                     ", (%%rsp)\n\tpopfq\n\t"
                     "add $" RED_ZONE ", %%rsp" ::
                         : "memory", "cc");
}

static inline void end_to_count(void)
{
    __asm__ volatile("sub $" RED_ZONE ", %%rsp\n\tpushfq\n\tandq $~" TRAP_FLAG
                     ", (%%rsp)\n\tpopfq\n\tadd $" RED_ZONE ", %%rsp" ::
                         : "memory", "cc");
}

/* The most that one call executed, with the few instructions that are around it here. */
struct most {
    const char *load;
    size_t malloc_most;
    size_t free_most;
};

static void *counted_malloc(struct most *most, size_t bytes)
{
    begin_to_count();
    void *block = malloc(bytes);
    end_to_count();
    EXPECT(block != NULL && !found_system_call);
    most->malloc_most = executed > most->malloc_most ? executed : most->malloc_most;
    return block;
}

static void counted_free(struct most *most, void *block)
{
    begin_to_count();
    free(block);
    end_to_count();
    EXPECT(!found_system_call);
    most->free_most = executed > most->free_most ? executed : most->free_most;
}

static void report(const struct most *most)
{
    printf("%-8s malloc %5zu free %5zu\n", most->load, most->malloc_most, most->free_most);
    fflush(stdout);
    in_case(most->load, most->malloc_most);
    EXPECT(most->malloc_most <= MALLOC_LIMIT);
    in_case(most->load, most->free_most);
    EXPECT(most->free_most <= FREE_LIMIT);
}

static void *slots[SLOTS];

static void load(struct most *most, uint32_t slots_used, size_t least, unsigned int doublings)
{
    uint32_t state = 17;

    for (int i = 0; i < STEPS; i++) {
        void **slot = &slots[next_random(&state) % slots_used];

        if (*slot != NULL) {
            counted_free(most, *slot);
            *slot = NULL;
        } else {
            size_t bytes = least << next_random(&state) % doublings;
            *slot = counted_malloc(most, bytes + next_random(&state) % bytes);
        }
    }
    for (uint32_t i = 0; i < slots_used; i++) {
        if (slots[i] != NULL) {
            counted_free(most, slots[i]);
            slots[i] = NULL;
        }
    }
}

static void run(void *(*body)(void *arg), void *arg)
{
    pthread_t thread;

    EXPECT(pthread_create(&thread, NULL, body, arg) == 0 && pthread_join(thread, NULL) == 0);
}

static void *sent[SENT];

static size_t sent_bytes(size_t i)
{
    return i % 8 == 0 ? 3000 : 16 + i % 200;
}

/* A thread without a cache of its own sends each block alone. */
static void *free_all(void *arg)
{
    for (size_t i = 0; i < SENT; i++) {
        free(sent[i]);
    }
    return arg;
}

static void *allocate_all(void *arg)
{
    for (size_t i = 0; i < SENT; i++) {
        sent[i] = malloc(sent_bytes(i));
    }
    return arg;
}

static void receive_letters(struct most *most)
{
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < SENT; i++) {
            sent[i] = counted_malloc(most, sent_bytes(i));
        }
        run(free_all, NULL);
    }
}

static void free_of_ended(struct most *most)
{
    run(allocate_all, NULL);
    for (size_t i = 0; i < SENT; i++) {
        counted_free(most, sent[(i * 7) % SENT]);
    }
    for (size_t i = 0; i < SENT; i++) {
        sent[i] = counted_malloc(most, sent_bytes(i));
    }
}

static void *begin_thread(void *most)
{
    counted_free(most, counted_malloc(most, 100));
    return NULL;
}

static void test(char **argv)
{
    struct sigaction action = {.sa_sigaction = step, .sa_flags = SA_SIGINFO};
    struct most small = {.load = "small"}, letters = {.load = "letters"}, ended = {.load = "ended"};
    struct most large = {.load = "large"}, begins = {.load = "begins"};

    sigaction(SIGTRAP, &action, NULL);
    load(&small, SLOTS, 8, 12);
    receive_letters(&letters);
    free_of_ended(&ended);
    load(&large, 20, 40000, 6);
    run(begin_thread, &begins);
    report(&small);
    report(&letters);
    report(&ended);
    report(&large);
    report(&begins);
}
#endif
