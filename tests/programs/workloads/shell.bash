#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Loops, arrays, subshells, pipes, traps, background jobs: what scripts make bash allocate. $1 = rounds.
set -euo pipefail

readonly rounds=$1

arrays() {
    local -a numbers=()
    local -A squares=()
    local number text=''
    for ((number = 0; number < rounds * 50; number++)); do
        numbers+=("$((number * 7919 % 10007))")
        squares["key$number"]=$((number * number))
        text+="${numbers[number]},"
    done
    unset 'numbers[3]'
    echo "arrays ${#numbers[@]} ${#squares[@]} ${#text} ${squares[key99]} ${text:100:40}"
    echo "sorted $(printf '%s\n' "${numbers[@]}" | sort -n | uniq | tail -n 3 | tr '\n' ' ')"
}

subshells() {
    local number total=0
    for ((number = 0; number < rounds * 4; number++)); do
        total=$((total + $( (echo "$number"; exit 0) | { read -r value; echo $((value * 3)); } )))
    done
    echo "subshells $total"
}

pipes() {
    seq 1 $((rounds * 500)) | sed 's/7/seven/g' | awk '{ n += length($0) } END { print "pipes", n }'
    while read -r left right; do
        [[ $left == "$right" ]] || echo "pairs differ: $left $right"
    done < <(paste <(seq 1 500) <(seq 1 500))
    cat <<< "here $((rounds)) string" | cat | cat | cat
}

strings() {
    local path=/a/b/c.tar.gz word result='' number
    for ((number = 0; number < rounds * 20; number++)); do
        word=${path##*/}
        word=${word/tar/$number}
        result+=${word^^}
        if [[ $word =~ ^c\.([0-9]+)\.gz$ ]]; then
            result+=${BASH_REMATCH[1]}
        fi
    done
    echo "strings ${#result} ${result: -30}"
    printf '%q %s\n' "a b'c" "$(declare -p path)"
}

jobs_in_background() {
    local number
    local -a children=()
    for ((number = 0; number < 20; number++)); do
        (exit $((number % 3))) &
        children+=($!)
    done
    local failed=0 child
    for child in "${children[@]}"; do
        wait "$child" || failed=$((failed + 1))
    done
    echo "jobs ${#children[@]} failed $failed"
}

recursive() {
    if (($1 <= 1)); then
        echo "$1"
    else
        echo $(($(recursive $(($1 - 1))) + $(recursive $(($1 - 2)))))
    fi
}

trap 'echo leaving' EXIT
arrays
subshells
pipes
strings
jobs_in_background
echo "recursive $(recursive 9)"
eval "$(for name in alpha beta gamma; do echo "$name() { echo function $name \$#; }"; done)"
alpha 1 2
gamma
