/* SPDX-License-Identifier: Apache-2.0 */
/* What the benchmark programs share: how figures are collected, printed and judged.
 *
 * A case is one or more groups. The benchmarks of a group are measured in turns: Google Benchmark
 * runs their repetitions in random order, so that a machine that is busy for a while is so for all
 * of them. The figure of a benchmark is the median of its repetitions; figures are compared within
 * a group only. */
#ifndef QUARRY_BENCHMARKS_RESULTS_H
#define QUARRY_BENCHMARKS_RESULTS_H

#include <functional>
#include <map>
#include <string>
#include <vector>
#include <benchmark/benchmark.h>

/* How thoroughly to measure. */
struct effort {
    int repetitions;           // of each benchmark
    double seconds;            // of one repetition of what one thread does
    int window_ms;             // of one repetition of what many threads do
    int warm_up_ms;            // before it
    std::size_t trips;         // of one repetition of the hand-off
    std::size_t warm_up_trips; // before them
};

/* The counters under which a benchmark may tell more than a time. */
constexpr const char *late_counter = "late_ns";  // 99 of 100 are faster
constexpr const char *others_counter = "others"; // stretch::share_of_others

/* What was measured under one name, one value per repetition. */
struct series {
    std::vector<double> ns;
    std::vector<double> late_ns;
    std::vector<double> others;
};

double median_of(std::vector<double> values);

/* Collects the repetitions of a group. */
class results : public benchmark::BenchmarkReporter
{
  public:
    bool ReportContext(const Context &context) override;
    void ReportRuns(const std::vector<Run> &runs) override;

    bool has(const std::string &name) const;
    /* Nanoseconds, median of the repetitions. */
    double ns(const std::string &name) const;
    double late_ns(const std::string &name) const;
    double least_ns(const std::string &name) const;
    /* How much of the machine other programs had in half of the repetitions at least: of the
     * benchmark that suffered most; 0 if none tells. */
    double share_of_others() const;

  private:
    std::map<std::string, series> measured;
};

/* Measures what `add` registers. */
results measure(const std::function<void()> &add);

/* --- The table at the end --- */

enum class bound { at_most, at_least, goal_at_most };

class verdicts
{
  public:
    /* `figure` says what `ratio` is made of. If others had too much of the machine meanwhile, it
     * says nothing. */
    void add(const std::string &what, const std::string &figure, double ratio, bound kind,
             double limit, double share_of_others = 0);
    void print() const;

  private:
    struct verdict {
        std::string what, figure;
        double ratio;
        bound kind;
        double limit;
        bool disturbed;
    };
    std::vector<verdict> lines;
};

/* As of printf. */
__attribute__((format(printf, 1, 2))) std::string format(const char *pattern, ...);

#endif
