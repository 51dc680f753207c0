/* SPDX-License-Identifier: Apache-2.0 */
/* Slabs that threads share and wait for, against mutexes, condition variables, semaphores and
 * malloc: what a call costs, how much threads get done together, and how fast one wakes another.
 *
 *   pools [--quick] [Google Benchmark's options]
 *
 * The cases are in files of their own, each with what it measures and how: pools_uncontended.cc,
 * pools_contended.cc, pools_handoff.cc, pools_heaps.cc. The last table says which of the bounds
 * that the project has set itself are met on this machine, today. Nothing fails if they are not. */
#include "pools.h"

#include <cstdio>
#include "program.h"
#include "provenance.h"

namespace
{

constexpr effort thorough = {21, 0.05, 100, 20, 3000, 300};
constexpr effort quick = {5, 0.02, 30, 10, 1000, 100};

/* What one thread does. */
void measure_alone(const effort &effort, const std::string &process, verdicts &verdicts)
{
    measure_uncontended(effort, process, verdicts);
    measure_heaps(effort, process);
}

} // namespace

int main(int argc, char **argv)
{
    const effort &effort = take_quick(argc, argv) ? quick : thorough;
    verdicts verdicts;

    initialize(argc, argv);
    print_provenance(effort);
    measure_alone(effort, "no other thread", verdicts);
    std::printf("  (glibc's mutexes and malloc use no atomic instructions in such a process)\n");
    start_sleeping_thread();
    measure_alone(effort, "another thread sleeps", verdicts);
    measure_contended(effort, verdicts);
    measure_handoff(effort, verdicts);
    verdicts.print();
    return EXIT_SUCCESS;
}
