/* SPDX-License-Identifier: Apache-2.0 */
/* Hand-off: how long a block takes to a thread that waits for it, and another one back.
 *
 *    server: waits ------ block of `there` --> | gives back to `back`, waits again
 *    client: gives back to `there`, waits ------------------------> | one round trip
 *
 * Two slabs of one block each; a thread gives one back that the other waits for with K_FOREVER. The
 * measure is the same with bare condition variables: one mutex, a predicate, a condition each. That
 * can be written in two ways, with one critical section per turn (signal, then wait in the same
 * one), or with two and the signal between them. The faster one is what the slab is compared to.
 *
 * Each repetition starts its two threads anew, so that those of a lucky pair of processors are not
 * all that is measured. */
#include "pools.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>
#include <pthread.h>
#include <sched.h>
#include "quiet.h"
#include "zephyr_pools.h"

namespace
{

constexpr double most_of_condvar = 1.2; // the bound
constexpr int client = 0;
constexpr int server = 1;

/* A ping-pong has await(me), until it is my turn, and pass(me), which ends it and awaits the next.
 */
class slab_link
{
  public:
    slab_link()
    {
        for (int i : {client, server}) {
            if (k_mem_slab_init(&slabs[i], memory[i].bytes, block_bytes, 1) != 0) {
                std::abort();
            }
            await(i);
        }
    }

    void await(int me)
    {
        k_mem_slab_alloc(&slabs[me], &blocks[me], K_FOREVER);
    }

    void end(int me)
    {
        k_mem_slab_free(&slabs[1 - me], memory[1 - me].bytes);
    }

    void pass(int me)
    {
        end(me);
        await(me);
    }

  private:
    block_memory memory[2];
    alignas(line_bytes) k_mem_slab slabs[2];
    void *blocks[2];
};

class condvar_link
{
  public:
    void await(int me)
    {
        pthread_mutex_lock(&mutex);
        wait(me);
        pthread_mutex_unlock(&mutex);
    }

    void end(int me)
    {
        pthread_mutex_lock(&mutex);
        turn = 1 - me;
        pthread_cond_signal(&my_turn[1 - me]);
        pthread_mutex_unlock(&mutex);
    }

    void pass(int me)
    {
        pthread_mutex_lock(&mutex);
        turn = 1 - me;
        pthread_cond_signal(&my_turn[1 - me]);
        wait(me);
        pthread_mutex_unlock(&mutex);
    }

  protected:
    void wait(int me)
    {
        while (turn != me) {
            pthread_cond_wait(&my_turn[me], &mutex);
        }
    }

    alignas(line_bytes) pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t my_turn[2] = {PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER};
    int turn = client;
};

class condvar_link_in_two : public condvar_link
{
  public:
    void pass(int me)
    {
        pthread_mutex_lock(&mutex);
        turn = 1 - me;
        pthread_mutex_unlock(&mutex);
        pthread_cond_signal(&my_turn[1 - me]);
        await(me);
    }
};

/* Where the two threads run. */
struct placement {
    const char *name;
    int processors[2]; // of those that the process may use, by position; -1: any
};
constexpr placement placements[] = {
    {"as the system likes", {-1, -1}},
    {"on one processor", {0, 0}},
    {"on two processors", {0, 1}},
};

std::vector<int> usable_processors()
{
    std::vector<int> usable;
    cpu_set_t set;

    sched_getaffinity(0, sizeof(set), &set);
    for (int i = 0; i < CPU_SETSIZE; i++) {
        if (CPU_ISSET(i, &set)) {
            usable.push_back(i);
        }
    }
    return usable;
}

void move_to(int position)
{
    static const std::vector<int> usable = usable_processors();
    cpu_set_t set;

    if (position >= 0) {
        CPU_ZERO(&set);
        CPU_SET(usable.at(static_cast<std::size_t>(position)), &set);
        pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
    }
}

template <class link> void serve(link &ends, std::size_t trips)
{
    ends.await(server);
    for (std::size_t i = 1; i < trips; i++) {
        ends.pass(server);
    }
    ends.end(server);
}

/* Nanoseconds of each trip; one clock reading per trip is part of it. */
template <class link> std::vector<double> ask(link &ends, const effort &effort)
{
    using clock = std::chrono::steady_clock;
    std::vector<double> trips(effort.trips);

    for (std::size_t i = 0; i < effort.warm_up_trips; i++) {
        ends.pass(client);
    }
    auto before = clock::now();
    for (double &trip : trips) {
        ends.pass(client);
        const auto now = clock::now();
        trip = std::chrono::duration<double, std::nano>(now - before).count();
        before = now;
    }
    return trips;
}

double at_rank(std::vector<double> &values, double share)
{
    const auto rank = static_cast<std::ptrdiff_t>(static_cast<double>(values.size()) * share);

    std::nth_element(values.begin(), values.begin() + rank, values.end());
    return values[static_cast<std::size_t>(rank)];
}

/* Nanoseconds of each trip of two new threads. */
template <class link>
std::vector<double> run_trips(const placement &placement, const effort &effort)
{
    const auto ends = std::make_unique<link>();
    std::vector<double> trips;
    std::thread server_thread([&] {
        move_to(placement.processors[server]);
        serve(*ends, effort.warm_up_trips + effort.trips);
    });
    std::thread client_thread([&] {
        move_to(placement.processors[client]);
        trips = ask(*ends, effort);
    });

    client_thread.join();
    server_thread.join();
    return trips;
}

/* The time of a repetition is the median of its trips. */
template <class link>
void run(benchmark::State &state, const placement &placement, const effort &effort)
{
    for (auto _ : state) {
        std::vector<double> trips;

        state.counters[others_counter] =
            undisturbed([&] { trips = run_trips<link>(placement, effort); });
        state.SetIterationTime(at_rank(trips, 0.5) * 1e-9);
        state.counters[late_counter] = at_rank(trips, 0.99);
    }
}

template <class link> void add(const char *name, const placement &placement, const effort &effort)
{
    benchmark::RegisterBenchmark(
        name,
        [&placement, &effort](benchmark::State &state) { run<link>(state, placement, effort); })
        ->Iterations(1)
        ->Repetitions(effort.repetitions)
        ->UseManualTime();
}

constexpr const char *slab_name = "slab";
constexpr const char *condvar_name = "condvar, one section";
constexpr const char *condvar_in_two_name = "condvar, two sections";

void print_times(const results &results)
{
    for (const char *name : {slab_name, condvar_name, condvar_in_two_name}) {
        if (results.has(name)) {
            std::printf("  %-22s %7.2f us   99 %% within %7.2f us\n", name, results.ns(name) / 1e3,
                        results.late_ns(name) / 1e3);
        }
    }
    std::printf("  others had %.0f %% of the machine\n", 100 * results.share_of_others());
}

void judge(const results &results, const char *where, verdicts &verdicts)
{
    for (const char *name : {slab_name, condvar_name, condvar_in_two_name}) {
        if (!results.has(name)) {
            return;
        }
    }
    const double slab = results.ns(slab_name);
    const double condvar = std::min(results.ns(condvar_name), results.ns(condvar_in_two_name));

    verdicts.add(format("hand-off, %s", where),
                 format("slab %.2f us, condvar %.2f us", slab / 1e3, condvar / 1e3), slab / condvar,
                 bound::at_most, most_of_condvar, results.share_of_others());
}

} // namespace

void measure_handoff(const effort &effort, verdicts &verdicts)
{
    for (const placement &placement : placements) {
        if (placement.processors[1] >= static_cast<int>(usable_processors().size())) {
            continue;
        }
        const results results = measure([&placement, &effort] {
            add<slab_link>(slab_name, placement, effort);
            add<condvar_link>(condvar_name, placement, effort);
            add<condvar_link_in_two>(condvar_in_two_name, placement, effort);
        });

        std::printf("\nhand-off, %s: round trip, median\n", placement.name);
        print_times(results);
        judge(results, placement.name, verdicts);
    }
}
