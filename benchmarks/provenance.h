/* SPDX-License-Identifier: Apache-2.0 */
/* Where figures come from: they say nothing without it. */
#ifndef QUARRY_BENCHMARKS_PROVENANCE_H
#define QUARRY_BENCHMARKS_PROVENANCE_H

#include "results.h"

/* Prints the machine, the compiler, the commit, and how much is measured. */
void print_provenance(const effort &effort);

#endif
