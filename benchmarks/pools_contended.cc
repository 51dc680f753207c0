/* SPDX-License-Identifier: Apache-2.0 */
/* Contended: how many blocks per second all threads together take from one pool and give back, one
 * at a time, or eight at a time with a small write to each.
 *
 * A repetition is a window of time, not a number of calls: all threads are at work before it opens
 * and after it has closed. A thread that is through early would leave the others without
 * contention, and make unfair pools look fast. Each thread counts on a cache line of its own, once
 * in a round of some calls. The main thread sleeps meanwhile. "others" is how much of the machine
 * other programs had in the windows of the pool that suffered most, median. */
#include "pools_results.h"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>
#include "pools_kinds.h"
#include "pools_quiet.h"

namespace
{

constexpr double least_speed_up = 2.0; // the bound, with two and four threads
constexpr int judged_threads[] = {2, 4};
constexpr int thread_counts[] = {1, 2, 4, 8};
constexpr std::size_t burst_blocks = 8;
constexpr unsigned int calls_a_round = 64; // between two looks at the clock of the window

/* Takes and gives back one block; the blocks that went through. */
struct one_block {
    static constexpr const char *name = "one block";

    template <class pool> static std::uint64_t work(pool &blocks)
    {
        void *block = blocks.take();
        benchmark::DoNotOptimize(block);
        if (block == nullptr) {
            std::abort();
        }
        blocks.give(block);
        return 1;
    }
};

struct burst {
    static constexpr const char *name = "bursts of 8, written to";

    template <class pool> static std::uint64_t work(pool &blocks)
    {
        std::array<void *, burst_blocks> taken;

        for (void *&block : taken) {
            block = blocks.take();
            if (block == nullptr) {
                std::abort();
            }
            *static_cast<volatile std::uint64_t *>(block) = 1;
        }
        for (void *block : taken) {
            blocks.give(block);
        }
        return burst_blocks;
    }
};

struct alignas(line_bytes) worker {
    std::atomic<std::uint64_t> done{0};
    std::thread thread;
};

/* Threads that work on a pool until the team is destroyed. */
template <class pool, class load> class team
{
  public:
    team(pool &blocks, int threads) : workers(static_cast<std::size_t>(threads))
    {
        for (worker &worker : workers) {
            worker.thread = std::thread([this, &blocks, &worker] { work(blocks, worker); });
        }
    }

    ~team()
    {
        stop = true;
        for (worker &worker : workers) {
            worker.thread.join();
        }
    }

    std::uint64_t done() const
    {
        std::uint64_t sum = 0;

        for (const worker &worker : workers) {
            sum += worker.done.load(std::memory_order_relaxed);
        }
        return sum;
    }

  private:
    void work(pool &blocks, worker &self)
    {
        std::uint64_t done = 0;

        while (!stop.load(std::memory_order_relaxed)) {
            for (unsigned int i = 0; i < calls_a_round; i++) {
                done += load::work(blocks);
            }
            self.done.store(done, std::memory_order_relaxed);
        }
    }

    std::vector<worker> workers;
    alignas(line_bytes) std::atomic<bool> stop{false};
};

/* Seconds for one block: those of a window, shared out among all blocks. */
template <class pool, class load> double run_window(pool &blocks, int threads, const effort &effort)
{
    using clock = std::chrono::steady_clock;
    team<pool, load> team(blocks, threads);

    std::this_thread::sleep_for(std::chrono::milliseconds(effort.warm_up_ms));
    const std::uint64_t done_before = team.done();
    const auto opened = clock::now();
    std::this_thread::sleep_for(std::chrono::milliseconds(effort.window_ms));
    const auto done = static_cast<double>(team.done() - done_before);
    const std::chrono::duration<double> seconds = clock::now() - opened;

    return seconds.count() / done;
}

template <class pool, class load>
void run(benchmark::State &state, int threads, const effort &effort)
{
    const auto blocks = std::make_unique<pool>();

    for (auto _ : state) {
        double seconds = 0;

        state.counters[others_counter] =
            undisturbed([&] { seconds = run_window<pool, load>(*blocks, threads, effort); });
        state.SetIterationTime(seconds);
    }
}

template <class pool, class load> void add(const char *name, int threads, const effort &effort)
{
    benchmark::RegisterBenchmark(
        name,
        [threads, &effort](benchmark::State &state) { run<pool, load>(state, threads, effort); })
        ->Iterations(1)
        ->Repetitions(effort.repetitions)
        ->UseManualTime();
}

constexpr const char *contenders[] = {"slab", "textbook pool", "semaphore pool", "malloc"};

double millions_per_second(double ns)
{
    return 1e3 / ns;
}

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

template <class load> void measure_load(const effort &effort, verdicts &verdicts)
{
    std::printf("\ncontended, %s: millions of blocks per second, all threads together\n  n ",
                load::name);
    for (const char *name : contenders) {
        std::printf("  %14s", name);
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
            judge(results, load::name, threads, verdicts);
        }
    }
}

} // namespace

void measure_contended(const effort &effort, verdicts &verdicts)
{
    measure_load<one_block>(effort, verdicts);
    measure_load<burst>(effort, verdicts);
}
