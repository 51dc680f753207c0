/* SPDX-License-Identifier: Apache-2.0 */
/* How a benchmark program begins: its own option --quick, Google Benchmark's, and a second thread
 * that does nothing, since the C library does without atomic instructions until there is one. */
#ifndef QUARRY_BENCHMARKS_PROGRAM_H
#define QUARRY_BENCHMARKS_PROGRAM_H

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>
#include <pthread.h>
#include <unistd.h>
#include <benchmark/benchmark.h>

/* Takes --quick, if it is the first argument, out of them. */
inline bool take_quick(int &argc, char **argv)
{
    const bool found = argc > 1 && std::strcmp(argv[1], "--quick") == 0;

    if (found) {
        std::memmove(&argv[1], &argv[2], sizeof(argv[0]) * static_cast<std::size_t>(argc - 1));
        argc--;
    }
    return found;
}

/* Random interleaving is the only way in which repetitions take turns. */
inline void initialize(int argc, char **argv)
{
    static char interleaving[] = "--benchmark_enable_random_interleaving=true";
    std::vector<char *> arguments(argv, argv + argc);

    arguments.insert(arguments.begin() + 1, interleaving);
    int count = static_cast<int>(arguments.size());
    arguments.push_back(nullptr);
    benchmark::Initialize(&count, arguments.data());
    if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) {
        std::exit(EXIT_FAILURE);
    }
}

inline void *sleep_for_ever(void *)
{
    for (;;) {
        pause();
    }
}

/* From here on the process has two threads, if only one is at work. */
inline void start_sleeping_thread()
{
    pthread_t thread;

    if (pthread_create(&thread, nullptr, sleep_for_ever, nullptr) != 0) {
        std::perror("pthread_create");
        std::exit(EXIT_FAILURE);
    }
}

#endif
