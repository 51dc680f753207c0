/* SPDX-License-Identifier: Apache-2.0 */
/* Contended: how many blocks per second all threads together take from one pool and give back, one
 * at a time, or eight at a time with a small write to each. team.h says how that is measured.
 * "others" is how much of the machine other programs had in the windows of the pool that suffered
 * most, median. */
#include "pools.h"

#include <array>
#include <cstdio>
#include <memory>
#include "team.h"
#include "zephyr_pools.h"

namespace
{

constexpr double least_speed_up = 2.0; // the bound, with two and four threads
constexpr int judged_threads[] = {2, 4};
constexpr std::size_t burst_blocks = 8;

/* Takes and gives back one block; counts the blocks that went through. */
template <class pool> class one_block
{
  public:
    one_block(pool &blocks, int) : from(blocks)
    {
    }

    std::uint64_t work()
    {
        void *block = from.take();
        benchmark::DoNotOptimize(block);
        if (block == nullptr) {
            std::abort();
        }
        from.give(block);
        return 1;
    }

  private:
    pool &from;
};

template <class pool> class burst
{
  public:
    burst(pool &blocks, int) : from(blocks)
    {
    }

    std::uint64_t work()
    {
        std::array<void *, burst_blocks> taken;

        for (void *&block : taken) {
            block = from.take();
            if (block == nullptr) {
                std::abort();
            }
            *static_cast<volatile std::uint64_t *>(block) = 1;
        }
        for (void *block : taken) {
            from.give(block);
        }
        return burst_blocks;
    }

  private:
    pool &from;
};

template <class pool, template <class> class load>
void add(const char *name, int threads, const effort &effort)
{
    benchmark::RegisterBenchmark(name,
                                 [threads, &effort](benchmark::State &state) {
                                     const auto blocks = std::make_unique<pool>();
                                     run_windows<load>(state, *blocks, threads, effort);
                                 })
        ->Iterations(1)
        ->Repetitions(effort.repetitions)
        ->UseManualTime();
}

constexpr const char *contenders[] = {"slab", "textbook pool", "semaphore pool", "malloc"};

void print_row(const results &results, int threads)
{
    std::printf("  %d ", threads);
    for (const char *name : contenders) {
        if (results.has(name)) {
            std::printf("  %14.2f", millions_per_second(results.ns(name)));
        } else {
            std::printf("  %14s", "-");
        }
    }
    std::printf("   %3.0f %%\n", 100 * results.share_of_others());
}

void judge(const results &results, const char *load, int threads, verdicts &verdicts)
{
    if (!results.has("slab") || !results.has("textbook pool")) {
        return;
    }
    const double slab = millions_per_second(results.ns("slab"));
    const double textbook = millions_per_second(results.ns("textbook pool"));

    verdicts.add(format("%d threads, %s", threads, load),
                 format("slab %.1f M/s, textbook %.1f M/s", slab, textbook), slab / textbook,
                 bound::at_least, least_speed_up, results.share_of_others());
}

template <template <class> class load>
void measure_load(const char *name, const effort &effort, verdicts &verdicts)
{
    std::printf("\ncontended, %s: millions of blocks per second, all threads together\n  n ", name);
    for (const char *contender : contenders) {
        std::printf("  %14s", contender);
    }
    std::printf("  others\n");
    for (int threads : thread_counts) {
        const results results = measure([threads, &effort] {
            add<slab_pool, load>("slab", threads, effort);
            add<textbook_pool, load>("textbook pool", threads, effort);
            add<semaphore_pool, load>("semaphore pool", threads, effort);
            add<malloc_pool, load>("malloc", threads, effort);
        });

        print_row(results, threads);
        if (threads == judged_threads[0] || threads == judged_threads[1]) {
            judge(results, name, threads, verdicts);
        }
    }
}

} // namespace

void measure_contended(const effort &effort, verdicts &verdicts)
{
    measure_load<one_block>("one block", effort, verdicts);
    measure_load<burst>("bursts of 8, written to", effort, verdicts);
}
