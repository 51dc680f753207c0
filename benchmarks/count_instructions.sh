#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Instructions per pair of sys_heap alloc and free, by callgrind: count_instructions.sh BUILD_DIR
# Counts of N and 2 N repetitions are subtracted, so that start-up does not count.
set -eu

program="$1/benchmarks/count_sys_heap"
repetitions=10000

# Instructions that `program STATE N` executes.
instructions() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" "$1" "$2" 2>&1 |
        sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

for state in fresh exact misses two-sided; do
    once=$(instructions "$state" "$repetitions")
    twice=$(instructions "$state" $((2 * repetitions)))
    printf '%-10s %4d instructions per pair\n' "$state" $(((twice - once) / repetitions))
done
