/* SPDX-License-Identifier: Apache-2.0 */
/* Tables with a row for each object and a column for each number of threads. */
#ifndef QUARRY_BENCHMARKS_TABLE_H
#define QUARRY_BENCHMARKS_TABLE_H

#include <memory>
#include <string>
#include <vector>
#include "results.h"
#include "team.h"

struct row {
    std::string name;
    void (*body)(benchmark::State &state, int threads, const effort &effort);
    int up_to; // threads
};

/* What a load costs with a pool that is made for each repetition anew, and is shown to hand out
 * proper blocks before and after it. */
template <template <class> class load, class pool>
void measure_proved(benchmark::State &state, int threads, const effort &effort)
{
    const auto from = std::make_unique<pool>();

    load<pool>::prove(*from);
    run_windows<load>(state, *from, threads, effort);
    load<pool>::prove(*from);
}

template <template <class> class load, class pool>
row row_of(const std::string &name, int up_to = most_threads)
{
    return {name, measure_proved<load, pool>, up_to};
}

/* Measures the rows, those of one column in turns, and prints them. */
void measure_table(const char *title, const std::vector<row> &rows, const effort &effort);

#endif
