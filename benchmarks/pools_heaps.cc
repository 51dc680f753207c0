/* SPDX-License-Identifier: Apache-2.0 */
/* Heaps: nanoseconds for one thread to take a block out of a heap and to give it back, with nobody
 * else about: a k_heap, which threads can wait for, against the sys_heap inside of it, bare, and
 * with a bare mutex around each call. There is no bound; the difference to the latter is what the
 * waiting costs those who do not wait. */
#include "pools.h"

#include <cstdio>
#include "zephyr_heaps.h"

namespace
{

constexpr std::size_t measured_bytes[] = {64, 1000};

template <class heap> void take_and_give(benchmark::State &state, std::size_t bytes)
{
    static used<heap> measured;

    for (auto _ : state) {
        void *block = measured.take(bytes);
        benchmark::DoNotOptimize(block);
        if (block == nullptr) {
            state.SkipWithError("the heap is full");
            break;
        }
        measured.give(block, bytes);
        benchmark::ClobberMemory();
    }
}

constexpr struct {
    const char *name;
    void (*body)(benchmark::State &state, std::size_t bytes);
} contenders[] = {
    {"k_heap", take_and_give<waitable_heap>},
    {"mutex, sys_heap", take_and_give<locked<bare_heap<QUARRY_HEAP_ZEPHYR_BUCKETS>>>},
    {"sys_heap alone", take_and_give<bare_heap<QUARRY_HEAP_ZEPHYR_BUCKETS>>},
};

} // namespace

void measure_heaps(const effort &effort, const std::string &process)
{
    for (std::size_t bytes : measured_bytes) {
        const results results = measure([bytes, &effort] {
            for (const auto &contender : contenders) {
                benchmark::RegisterBenchmark(contender.name, contender.body, bytes)
                    ->Repetitions(effort.repetitions)
                    ->MinTime(effort.seconds);
            }
        });

        std::printf("\nheaps, %s: alloc and free of %zu bytes\n", process.c_str(), bytes);
        for (const auto &contender : contenders) {
            if (results.has(contender.name)) {
                std::printf("  %-18s %7.2f ns  (least %.2f)\n", contender.name,
                            results.ns(contender.name), results.least_ns(contender.name));
            }
        }
    }
}
