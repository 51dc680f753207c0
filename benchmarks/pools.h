/* SPDX-License-Identifier: Apache-2.0 */
/* The cases of the program `pools`, each in a file of its own. */
#ifndef QUARRY_BENCHMARKS_POOLS_H
#define QUARRY_BENCHMARKS_POOLS_H

#include <string>
#include "results.h"

/* Says under "uncontended" what the process is like; adds verdicts that begin so. */
void measure_uncontended(const effort &effort, const std::string &process, verdicts &verdicts);
void measure_heaps(const effort &effort, const std::string &process);
void measure_contended(const effort &effort, verdicts &verdicts);
void measure_handoff(const effort &effort, verdicts &verdicts);

#endif
