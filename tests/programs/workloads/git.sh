#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes a repository of $1 commits with a branch merged now and then, packs, checks, clones and reads it.
# Authors and dates are fixed, so every hash is the same on every run.
set -euo pipefail

readonly commits=$1
readonly files=25
readonly merge_every=20

export GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME=Ada GIT_AUTHOR_EMAIL=ada@example.org
export GIT_COMMITTER_NAME=Ada GIT_COMMITTER_EMAIL=ada@example.org

at() {
    export GIT_AUTHOR_DATE="$((1700000000 + $1 * 60)) +0000"
    export GIT_COMMITTER_DATE=$GIT_AUTHOR_DATE
}

change_file() {
    local number=$1 line
    for ((line = 0; line < 30; line++)); do
        echo "line $line of change $number: $((number * line * 7919 % 10007))"
    done >> "file$((number % files)).txt"
}

commit() {
    at "$1"
    change_file "$1"
    git add -A
    git commit -q -m "Change $1"
}

side_branch() {
    git checkout -q -b "side$1" HEAD~2
    at "$1"
    echo "side $1" > "side$1.txt"
    git add -A
    git commit -q -m "Side $1"
    git checkout -q main
    git merge -q --no-ff -m "Merge side $1" "side$1"
}

git init -q -b main repository
cd repository
git config gc.auto 0
git config pack.threads 1
for ((number = 1; number <= commits; number++)); do
    commit "$number"
    if ((number % merge_every == 0)); then
        side_branch "$number"
    fi
done

git log --format='%H %P %s' | tail -n 40
git gc -q
git fsck --full --strict
git count-objects -v
ls .git/objects/pack
git diff --stat HEAD~30 HEAD
git blame -s file3.txt | sha256sum
git log -p --stat | sha256sum
git grep -c '100[0-7]' | sort
git archive HEAD | sha256sum
git -c pack.threads=2 repack -q -a -d -f --window=50
git fsck --full
cd ..
git clone -q --no-local repository copy
git -C copy rev-list --objects --all | sort | sha256sum
git -C copy status --short
