/* SPDX-License-Identifier: Apache-2.0 */
/* Uncontended: nanoseconds for one thread to take a block and to give it back, with nobody else
 * about. The measure is a bare mutex: what any pool with a lock pays at least, once per call.
 *
 * It is measured in two kinds of process, since glibc's mutexes do without atomic instructions
 * until a process starts its first thread. */
#include "pools.h"

#include <cstdio>
#include "zephyr_pools.h"

namespace
{

constexpr double most_of_two_pairs = 1.3; // the bound
constexpr double most_of_one_pair = 1.0;  // the goal

pthread_mutex_t bare_mutex = PTHREAD_MUTEX_INITIALIZER;

/* The mutex lives in memory that other code may see, so that its calls stay where they are. */
void lock_and_unlock(benchmark::State &state, int pairs)
{
    for (auto _ : state) {
        for (int i = 0; i < pairs; i++) {
            pthread_mutex_lock(&bare_mutex);
            benchmark::ClobberMemory();
            pthread_mutex_unlock(&bare_mutex);
        }
    }
}

void one_pair(benchmark::State &state)
{
    lock_and_unlock(state, 1);
}

void two_pairs(benchmark::State &state)
{
    lock_and_unlock(state, 2);
}

template <class pool> void take_and_give(benchmark::State &state)
{
    static pool blocks;

    for (auto _ : state) {
        void *block = blocks.take();
        benchmark::DoNotOptimize(block);
        if (block == nullptr) {
            state.SkipWithError("the pool is empty");
            break;
        }
        blocks.give(block);
        benchmark::ClobberMemory();
    }
}

constexpr struct {
    const char *name;
    void (*body)(benchmark::State &state);
} contenders[] = {
    {"one mutex pair", one_pair},
    {"two mutex pairs", two_pairs},
    {"slab", take_and_give<slab_pool>},
    {"textbook pool", take_and_give<textbook_pool>},
    {"semaphore pool", take_and_give<semaphore_pool>},
    {"malloc", take_and_give<malloc_pool>},
};

void print_times(const results &results)
{
    for (const auto &contender : contenders) {
        if (results.has(contender.name)) {
            std::printf("  %-18s %7.2f ns  (least %.2f)\n", contender.name,
                        results.ns(contender.name), results.least_ns(contender.name));
        }
    }
}

} // namespace

void measure_uncontended(const effort &effort, const std::string &process, verdicts &verdicts)
{
    const results results = measure([&effort] {
        for (const auto &contender : contenders) {
            benchmark::RegisterBenchmark(contender.name, contender.body)
                ->Repetitions(effort.repetitions)
                ->MinTime(effort.seconds);
        }
    });

    std::printf("\nuncontended, %s: alloc and free of one block\n", process.c_str());
    print_times(results);
    for (const auto &[pairs, kind, limit] :
         {std::tuple{"two mutex pairs", bound::at_most, most_of_two_pairs},
          std::tuple{"one mutex pair", bound::goal_at_most, most_of_one_pair}}) {
        if (results.has("slab") && results.has(pairs)) {
            verdicts.add(
                "uncontended, " + process,
                format("slab %.1f ns, %s %.1f ns", results.ns("slab"), pairs, results.ns(pairs)),
                results.ns("slab") / results.ns(pairs), kind, limit);
        }
    }
}
