/* SPDX-License-Identifier: Apache-2.0 */
/* Collects the figures of a benchmark program, and prints the table of bounds at its end. */
#include "results.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include "quiet.h"

double median_of(std::vector<double> values)
{
    const std::size_t middle = values.size() / 2;

    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(middle),
                     values.end());
    return values[middle];
}

bool results::ReportContext(const Context &)
{
    return true;
}

/* What a benchmark does not time itself is the work of one thread, and is taken in its processor
 * time: so it costs the same while others have the processor now and then. */
static double ns_of(const benchmark::BenchmarkReporter::Run &run)
{
    return run.run_name.time_type == "manual_time" ? run.GetAdjustedRealTime()
                                                   : run.GetAdjustedCPUTime();
}

/* Google Benchmark hands over its own means and deviations as well, which nobody needs here. */
void results::ReportRuns(const std::vector<Run> &runs)
{
    for (const Run &run : runs) {
        if (run.run_type != Run::RT_Iteration || run.error_occurred) {
            continue;
        }
        series &series = measured[run.run_name.function_name];
        const auto late = run.counters.find(late_counter);
        const auto others = run.counters.find(others_counter);

        series.ns.push_back(ns_of(run));
        if (late != run.counters.end()) {
            series.late_ns.push_back(late->second.value);
        }
        if (others != run.counters.end()) {
            series.others.push_back(others->second.value);
        }
    }
}

bool results::has(const std::string &name) const
{
    return measured.count(name) != 0;
}

double results::ns(const std::string &name) const
{
    return median_of(measured.at(name).ns);
}

double results::late_ns(const std::string &name) const
{
    return median_of(measured.at(name).late_ns);
}

double results::least_ns(const std::string &name) const
{
    const std::vector<double> &ns = measured.at(name).ns;

    return *std::min_element(ns.begin(), ns.end());
}

double results::share_of_others() const
{
    double most = 0;

    for (const auto &[name, series] : measured) {
        if (!series.others.empty()) {
            most = std::max(most, median_of(series.others));
        }
    }
    return most;
}

results measure(const std::function<void()> &add)
{
    results collected;

    add();
    benchmark::RunSpecifiedBenchmarks(&collected);
    benchmark::ClearRegisteredBenchmarks();
    return collected;
}

/* --- The table at the end --- */

void verdicts::add(const std::string &what, const std::string &figure, double ratio, bound kind,
                   double limit, double share_of_others)
{
    lines.push_back({what, figure, ratio, kind, limit, share_of_others > most_of_others});
}

static const char *word_for(bool disturbed, bool met)
{
    if (disturbed) {
        return "disturbed";
    }
    return met ? "met" : "not met";
}

void verdicts::print() const
{
    std::printf("\n%-46s %-38s %6s  %s\n", "case", "figure (medians)", "ratio", "bound");
    for (const verdict &line : lines) {
        const bool at_least = line.kind == bound::at_least;
        const bool met = at_least ? line.ratio >= line.limit : line.ratio <= line.limit;

        std::printf("%-46s %-38s %6.2f  %s %.1f%s: %s\n", line.what.c_str(), line.figure.c_str(),
                    line.ratio, at_least ? "at least" : "at most", line.limit,
                    line.kind == bound::goal_at_most ? " (goal)" : "",
                    word_for(line.disturbed, met));
    }
}

std::string format(const char *pattern, ...)
{
    char text[256];
    va_list args;

    va_start(args, pattern);
    std::vsnprintf(text, sizeof(text), pattern, args);
    va_end(args);
    return text;
}
