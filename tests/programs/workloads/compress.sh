#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Packs the file $1 in several ways, also with threads, unpacks it again and compares.
set -euo pipefail

readonly source=$1

round_trip() {
    local name=$1 unpack=$2
    shift 2
    "$@" < "$source" > "packed.$name"
    $unpack < "packed.$name" | cmp - "$source"
    echo "$name $(stat -c %s "packed.$name") $(sha256sum < "packed.$name")"
}

round_trip gzip1 'gzip -dc' gzip -n -1 -c
round_trip gzip9 'gzip -dc' gzip -n -9 -c
round_trip xz1 'xz -dc' xz -1 -c
round_trip xz6 'xz -dc' xz -6 -c
round_trip xz-threads 'xz -dc -T2' xz -2 -T2 --block-size=1MiB -c
round_trip lzma 'xz -dc --format=lzma' xz --format=lzma -2 -c
xz --robot --list packed.xz-threads | grep '^file'
