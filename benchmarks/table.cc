/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include <algorithm>
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

void print_head(const char *title)
{
    std::printf("\n%s\nmillions of pairs per second, all threads together\n%-44s", title,
                "threads");
    for (int threads : thread_counts) {
        std::printf(" %9d", threads);
    }
    std::printf("\n");
}

/* --benchmark_filter may leave rows out. */
bool any_has(const std::vector<results> &columns, const std::string &name)
{
    return std::any_of(columns.begin(), columns.end(),
                       [&name](const results &column) { return column.has(name); });
}

void print_figure(const results &column, const std::string &name)
{
    if (column.has(name)) {
        std::printf(" %9.2f", millions_per_second(column.ns(name)));
    } else {
        std::printf(" %9s", "-");
    }
}

void print_row(const std::vector<results> &columns, const std::string &name)
{
    std::printf("  %-42s", name.c_str());
    for (const results &column : columns) {
        print_figure(column, name);
    }
    std::printf("\n");
}

void print_share_of_others(const std::vector<results> &columns)
{
    std::printf("  %-42s", "(share of the machine that others had)");
    for (const results &column : columns) {
        std::printf(" %7.0f %%", 100 * column.share_of_others());
    }
    std::printf("\n");
    std::fflush(stdout);
}

} // namespace

void measure_table(const char *title, const std::vector<row> &rows, const effort &effort)
{
    std::vector<results> columns;

    for (int threads : thread_counts) {
        columns.push_back(measure_column(rows, threads, effort));
    }
    if (std::none_of(rows.begin(), rows.end(),
                     [&columns](const row &row) { return any_has(columns, row.name); })) {
        return;
    }
    print_head(title);
    for (const row &row : rows) {
        if (any_has(columns, row.name)) {
            print_row(columns, row.name);
        }
    }
    print_share_of_others(columns);
}
