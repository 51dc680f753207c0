/* SPDX-License-Identifier: Apache-2.0 */
/* What threads get done together, with one pool between them.
 *
 * A repetition is a window of time, not a number of calls: all threads are at work before it opens
 * and after it has closed. A thread that is through early would leave the others without
 * contention, and make unfair pools look fast. Each thread counts on a cache line of its own, once
 * in a round of some calls. The main thread sleeps meanwhile.
 *
 * What they do is a load: a class template over pools, with an object for each thread,
 *
 *   load<pool>(pool &from, int thread)     thread: 0 for the first
 *   std::uint64_t work()                   does something; what it counts for */
#ifndef QUARRY_BENCHMARKS_TEAM_H
#define QUARRY_BENCHMARKS_TEAM_H

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>
#include <benchmark/benchmark.h>
#include "posix_pools.h"
#include "quiet.h"
#include "results.h"

constexpr int thread_counts[] = {1, 2, 4, 8};
constexpr int most_threads = 8;
constexpr unsigned int calls_a_round = 64; // between two looks at the clock of the window

struct alignas(line_bytes) worker {
    std::atomic<std::uint64_t> done{0};
    std::thread thread;
};

/* Threads that work on a pool until the team is destroyed. */
template <template <class> class load, class pool> class team
{
  public:
    team(pool &from, int threads) : workers(static_cast<std::size_t>(threads))
    {
        int number = 0;

        for (worker &worker : workers) {
            worker.thread = std::thread(
                [this, &from, &worker, number] { work(load<pool>(from, number), worker); });
            number++;
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
    void work(load<pool> &&mine, worker &self)
    {
        std::uint64_t done = 0;

        while (!stop.load(std::memory_order_relaxed)) {
            for (unsigned int i = 0; i < calls_a_round; i++) {
                done += mine.work();
            }
            self.done.store(done, std::memory_order_relaxed);
        }
    }

    std::vector<worker> workers;
    alignas(line_bytes) std::atomic<bool> stop{false};
};

/* Seconds for what counts as one: those of a window, shared out among all that was done. */
template <template <class> class load, class pool>
double run_window(pool &from, int threads, const effort &effort)
{
    using clock = std::chrono::steady_clock;
    team<load, pool> team(from, threads);

    std::this_thread::sleep_for(std::chrono::milliseconds(effort.warm_up_ms));
    const std::uint64_t done_before = team.done();
    const auto opened = clock::now();
    std::this_thread::sleep_for(std::chrono::milliseconds(effort.window_ms));
    const auto done = static_cast<double>(team.done() - done_before);
    const std::chrono::duration<double> seconds = clock::now() - opened;

    return seconds.count() / done;
}

/* A benchmark of windows, to be registered with one iteration and manual time. */
template <template <class> class load, class pool>
void run_windows(benchmark::State &state, pool &from, int threads, const effort &effort)
{
    for (auto _ : state) {
        double seconds = 0;

        state.counters[others_counter] =
            undisturbed([&] { seconds = run_window<load>(from, threads, effort); });
        state.SetIterationTime(seconds);
    }
}

inline double millions_per_second(double ns)
{
    return 1e3 / ns;
}

#endif
