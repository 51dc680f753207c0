/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include <cstdio>

namespace
{

results measure_column(const std::vector<row> &rows, int threads, const effort &effort)
{
    return measure([&rows, threads, &effort] {
        for (const row &row : rows) {
            if (threads > row.up_to) {
                continue;
            }
            benchmark::RegisterBenchmark(row.name.c_str(),
                                         [&row, threads, &effort](benchmark::State &state) {
                                             row.body(state, threads, effort);
                                         })
                ->Iterations(1)
                ->Repetitions(effort.repetitions)
                ->UseManualTime();
        }
    });
}

void print_figure(const results &column, const std::string &name)
{
    if (column.has(name)) {
        std::printf(" %9.2f", millions_per_second(column.ns(name)));
    } else {
        std::printf(" %9s", "-");
    }
}

} // namespace

void measure_table(const char *title, const std::vector<row> &rows, const effort &effort)
{
    std::vector<results> columns;

    std::printf("\n%s\nmillions of pairs per second, all threads together\n", title);
    std::printf("%-44s", "threads");
    for (int threads : thread_counts) {
        std::printf(" %9d", threads);
        std::fflush(stdout);
        columns.push_back(measure_column(rows, threads, effort));
    }
    std::printf("\n");
    for (const row &row : rows) {
        std::printf("  %-42s", row.name.c_str());
        for (const results &column : columns) {
            print_figure(column, row.name);
        }
        std::printf("\n");
    }
    std::printf("  %-42s", "(share of the machine that others had)");
    for (const results &column : columns) {
        std::printf("  %6.0f %%", 100 * column.share_of_others());
    }
    std::printf("\n");
    std::fflush(stdout);
}
