#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fuzzes the chunk heap.

Builds the targets of this folder out of tree, with clang and its sanitizers for libFuzzer, and with
afl-clang-fast for AFL++, and runs them for a number of minutes in all. Findings end up in
WORK/findings, and are replayed by

    WORK/libfuzzer/TARGET FILE

The corpus is kept in CORPUS/TARGET from run to run, and minimised at the end. --commit copies a
small part of it, chosen for coverage, to tests/fuzz/corpus. Exit: 0 nothing found, 1 a finding,
2 it could not run."""

import argparse
import os
import pathlib
import random
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SOURCES = {
    "fuzz_sys_heap": ["tests/fuzz/fuzz_sys_heap.c", "tests/property/heap_trial.c", "tests/property/heap_ops.c",
                      "tests/property/block_book.c", "tests/support/heap_picture.c", "tests/support/reference_heap.c",
                      "tests/support/reference_heap_init.c"],
    "fuzz_heap_image": ["tests/fuzz/fuzz_heap_image.c", "tests/property/heap_ops.c"],
}
LIBRARY = ["lib/debug/heap_array.c", "lib/debug/sys_heap_stats.c", "tests/fuzz/fuzz_runtime.c"]
# The checks of heap_trial.h need no address sanitizer, which makes its 2 MiB arena 30 times as slow;
# the replay in `meson test --setup=asan` has both.
SANITIZERS = {"fuzz_sys_heap": "fuzzer,undefined", "fuzz_heap_image": "fuzzer,address,undefined"}
INPUT_MAX_BYTES = {"fuzz_sys_heap": 2048, "fuzz_heap_image": 3072}
SEED_FILES = 6
COMMIT_FILES = 48
COMMIT_BYTES = 48 * 1024


def run(command, log, **options):
    """Runs a command with its output in a file; true iff it succeeded."""
    with open(log, "ab") as output:
        return subprocess.run(command, stdout=output, stderr=output, **options).returncode == 0


def configured_headers(work):
    """The include folder with the build's config.h, made by Meson."""
    build = work / "configured"
    if not (build / "include/quarry/config.h").exists():
        if not run(["meson", "setup", str(build), str(ROOT)], work / "setup.log"):
            sys.exit(f"meson setup failed: {work}/setup.log")
    return build / "include"


def compile_target(target, compiler, flags, headers, output, definitions):
    sources = SOURCES[target] + LIBRARY + sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("lib/core/*.c"))
    command = [compiler, "-std=gnu11", "-g", "-O2", "-fno-omit-frame-pointer", "-D_GNU_SOURCE", "-DQUARRY_CHECKS=1",
               "-DQUARRY_SANITIZED=1", "-Iinclude", f"-I{headers}", "-Ilib", *definitions, *flags, *sources,
               "-lcmocka", "-o", str(output)]
    log = output.with_suffix(".log")
    output.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    if not run(command, log, cwd=ROOT):
        sys.exit(f"cannot build {output}: {log}\n{log.read_text()[-2000:]}")


def build(options, target, headers):
    definitions = [f"-D{definition}" for definition in options.define] + options.cflag
    libfuzzer = options.work / "libfuzzer" / target
    afl = options.work / "afl" / target
    compile_target(target, "clang", [f"-fsanitize={SANITIZERS[target]}", "-fno-sanitize-recover=undefined"],
                   headers, libfuzzer, definitions)
    if options.engine in ("afl", "both"):
        compile_target(target, "afl-clang-fast", ["-fsanitize=fuzzer"], headers, afl, definitions)
    return libfuzzer, afl


def seeds(corpus, target):
    """The corpus folder, with the committed files, or random ones if there is none at all."""
    folder = corpus / target
    folder.mkdir(parents=True, exist_ok=True)
    committed = HERE / "corpus" / target.removeprefix("fuzz_")
    for path in sorted(committed.glob("*")) if committed.exists() else []:
        shutil.copy(path, folder / path.name)
    if not any(folder.iterdir()):
        for seed in range(SEED_FILES):
            (folder / f"seed{seed}").write_bytes(random.Random(seed).randbytes(64 << seed))
    return folder


def libfuzzer_command(options, target, program, corpus, seconds):
    findings = options.work / "findings"
    return [str(program), f"-max_total_time={seconds}", f"-max_len={INPUT_MAX_BYTES[target]}", "-timeout=10",
            "-use_value_profile=1", "-len_control=0", "-print_final_stats=1",
            f"-artifact_prefix={findings}/{target}-", str(corpus)]


def afl_command(options, target, program, corpus, seconds, number):
    output = options.work / "afl-output" / target
    role = ["-M", "main"] if number == 0 else ["-S", f"helper{number}"]
    return ["afl-fuzz", "-i", str(corpus), "-o", str(output), *role, "-V", str(seconds), "-t", "5000",
            "-G", str(INPUT_MAX_BYTES[target]), "--", str(program)]


def fuzz(commands, logs):
    """Runs fuzzers at the same time, and waits for them. AFL++ goes on after a finding, and fails only if it
    cannot run; libFuzzer ends with its first finding."""
    environment = dict(os.environ, AFL_SKIP_CPUFREQ="1", AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES="1", AFL_NO_UI="1",
                       AFL_NO_AFFINITY="1", AFL_AUTORESUME="1", UBSAN_OPTIONS="print_stacktrace=1")
    running = []
    for command, log in zip(commands, logs):
        with open(log, "wb") as output:
            running.append(subprocess.Popen(command, stdout=output, stderr=output, env=environment))
    for process, command, log in zip(running, commands, logs):
        if process.wait() != 0 and command[0] == "afl-fuzz":
            print(f"{command[0]} did not run: {log}", file=sys.stderr)
            sys.exit(2)


def collect_afl(options, target, corpus):
    """Puts what AFL++ found into the corpus and the findings."""
    output = options.work / "afl-output" / target
    for path in output.glob("*/queue/id*"):
        shutil.copy(path, corpus / f"afl-{path.parent.parent.name}-{path.name[3:9]}")
    for kind in ("crashes", "hangs"):
        for path in output.glob(f"*/{kind}/id*"):
            shutil.copy(path, options.work / "findings" / f"{target}-afl-{kind}-{path.name[3:9]}")


def minimise(options, program, corpus, target):
    """Replaces the corpus by a part of it that covers as much."""
    smaller = options.work / "minimised" / target
    shutil.rmtree(smaller, ignore_errors=True)
    smaller.mkdir(parents=True)
    command = [str(program), "-merge=1", f"-max_len={INPUT_MAX_BYTES[target]}", "-timeout=10", str(smaller),
               str(corpus)]
    if run(command, options.work / f"{target}-merge.log") and any(smaller.iterdir()):
        shutil.rmtree(corpus)
        shutil.move(smaller, corpus)


def commit(corpus, target):
    """Copies files, evenly spread over the sizes, to the committed corpus. What has a name stays there."""
    committed = HERE / "corpus" / target.removeprefix("fuzz_")
    files = sorted(corpus.iterdir(), key=lambda path: path.stat().st_size)
    step = max(1, len(files) // COMMIT_FILES)
    room = COMMIT_BYTES
    committed.mkdir(parents=True, exist_ok=True)
    for path in committed.glob("[0-9][0-9]"):
        path.unlink()
    for number, path in enumerate(files[::step][:COMMIT_FILES]):
        size = path.stat().st_size
        if size <= room:
            shutil.copy(path, committed / f"{number:02}")
            room -= size


def afl_statistics(options, target):
    text = ""
    for path in sorted((options.work / "afl-output" / target).glob("*/fuzzer_stats")):
        stats = dict(line.split(":", 1) for line in path.read_text().splitlines() if ":" in line)
        stats = {key.strip(): value.strip() for key, value in stats.items()}
        text += "    AFL++ {}: {} runs, {} of {} edges, {} inputs, {} crashes, {} hangs\n".format(
            path.parent.name, *(stats.get(key, "?") for key in ("execs_done", "edges_found", "total_edges",
                                                                "corpus_count", "saved_crashes", "saved_hangs")))
    return text


def last_statistics(log):
    lines = [line for line in pathlib.Path(log).read_text(errors="replace").splitlines() if " cov: " in line]
    return f"{lines[0].strip()}\n    {lines[-1].strip()}" if lines else f"see {log}"


def fuzz_target(options, target, headers, seconds):
    libfuzzer, afl = build(options, target, headers)
    corpus = seeds(options.corpus, target)
    commands, logs = [], []
    for number in range(options.cores):
        with_afl = options.engine == "afl" or (options.engine == "both" and number % 2 == 1)
        log = options.work / f"{target}-{number}-{'afl' if with_afl else 'libfuzzer'}.log"
        logs.append(log)
        if with_afl:
            instance = number // 2 if options.engine == "both" else number
            commands.append(afl_command(options, target, afl, corpus, seconds, instance))
        else:
            commands.append(libfuzzer_command(options, target, libfuzzer, corpus, seconds))
    print(f"{target}: {seconds} s on {options.cores} cores", flush=True)
    fuzz(commands, logs)
    collect_afl(options, target, corpus)
    for log in logs:
        if "libfuzzer" in log.name:
            print(f"    {last_statistics(log)}")
    print(afl_statistics(options, target), end="")
    minimise(options, libfuzzer, corpus, target)
    print(f"    corpus: {len(list(corpus.iterdir()))} files", flush=True)
    if options.commit:
        commit(corpus, target)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("minutes", type=float, help="for all targets together")
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--engine", choices=("libfuzzer", "afl", "both"), default="both",
                        help="both: AFL++ on every second core")
    parser.add_argument("--work", type=pathlib.Path, required=True, help="folder for programs, logs and findings")
    parser.add_argument("--corpus", type=pathlib.Path, help="folder that is kept (WORK/corpus)")
    parser.add_argument("--target", choices=sorted(SOURCES), action="append", help="all if none is named")
    parser.add_argument("--define", action="append", default=[], metavar="NAME=VALUE",
                        help="an option of config.h, as QUARRY_HEAP_HARDENING=4")
    parser.add_argument("--cflag", action="append", default=[], help="as --cflag=-m32")
    parser.add_argument("--commit", action="store_true", help="renew tests/fuzz/corpus")
    options = parser.parse_args()
    options.work = options.work.resolve()
    options.corpus = (options.corpus or options.work / "corpus").resolve()
    return options


def main():
    options = arguments()
    targets = options.target or sorted(SOURCES)
    for folder in ("findings", "afl-output"):
        (options.work / folder).mkdir(parents=True, exist_ok=True)
    headers = configured_headers(options.work)
    started = time.time()
    for target in targets:
        fuzz_target(options, target, headers, int(options.minutes * 60 / len(targets)))
    # A slow input tells of a busy machine; what hangs leaves a timeout.
    findings = [path for path in sorted((options.work / "findings").iterdir()) if "-slow-unit-" not in path.name]
    print(f"{int(time.time() - started)} s, {len(findings)} findings in {options.work}/findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
