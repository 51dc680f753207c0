/* SPDX-License-Identifier: Apache-2.0 */
/* Heaps: nanoseconds for one thread to take a block out of a heap and to give it back, with nobody
 * else about: a k_heap, which threads can wait for, against the sys_heap inside of it, bare, and
 * with a bare mutex around each call. There is no bound; the difference to the latter is what the
 * waiting costs those who do not wait.
 *
 * Each heap holds 64 blocks of other sizes with holes between them, as a used heap does. */
#include "pools_results.h"

#include <cstdio>
#include <cstdlib>
#include <zephyr/kernel/kheap.h>
#include "pools_kinds.h"

namespace
{

constexpr std::size_t heap_bytes = 64 * 1024;
constexpr std::size_t measured_bytes[] = {64, 1000};
constexpr int other_blocks = 64;
constexpr std::size_t other_bytes = 200; // and 8 more for each next one

/* Takes blocks, then frees every other one. */
template <class heap> void populate(heap &of)
{
    void *blocks[other_blocks];

    for (int i = 0; i < other_blocks; i++) {
        blocks[i] = of.take(other_bytes + 8 * static_cast<std::size_t>(i));
        if (blocks[i] == nullptr) {
            std::abort();
        }
    }
    for (int i = 0; i < other_blocks; i += 2) {
        of.give(blocks[i]);
    }
}

class waitable_heap
{
  public:
    waitable_heap()
    {
        k_heap_init(&heap, memory, sizeof(memory));
    }

    void *take(std::size_t bytes)
    {
        return k_heap_alloc(&heap, bytes, K_NO_WAIT);
    }

    void give(void *block)
    {
        k_heap_free(&heap, block);
    }

  private:
    alignas(line_bytes) char memory[heap_bytes];
    alignas(line_bytes) k_heap heap;
};

class bare_heap
{
  public:
    bare_heap()
    {
        sys_heap_init(&heap, memory, sizeof(memory));
    }

    void *take(std::size_t bytes)
    {
        return sys_heap_alloc(&heap, bytes);
    }

    void give(void *block)
    {
        sys_heap_free(&heap, block);
    }

  private:
    alignas(line_bytes) char memory[heap_bytes];
    alignas(line_bytes) sys_heap heap;
};

class locked_heap
{
  public:
    void *take(std::size_t bytes)
    {
        pthread_mutex_lock(&mutex);
        void *block = heap.take(bytes);
        pthread_mutex_unlock(&mutex);
        return block;
    }

    void give(void *block)
    {
        pthread_mutex_lock(&mutex);
        heap.give(block);
        pthread_mutex_unlock(&mutex);
    }

  private:
    bare_heap heap;
    alignas(line_bytes) pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
};

template <class heap> void take_and_give(benchmark::State &state, std::size_t bytes)
{
    static heap measured;
    static const bool populated = (populate(measured), true);

    benchmark::DoNotOptimize(populated);
    for (auto _ : state) {
        void *block = measured.take(bytes);
        benchmark::DoNotOptimize(block);
        if (block == nullptr) {
            state.SkipWithError("the heap is full");
            break;
        }
        measured.give(block);
        benchmark::ClobberMemory();
    }
}

constexpr struct {
    const char *name;
    void (*body)(benchmark::State &state, std::size_t bytes);
} contenders[] = {
    {"k_heap", take_and_give<waitable_heap>},
    {"mutex, sys_heap", take_and_give<locked_heap>},
    {"sys_heap alone", take_and_give<bare_heap>},
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
