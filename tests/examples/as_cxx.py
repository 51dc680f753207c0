# SPDX-License-Identifier: Apache-2.0
"""Compiles C programs as C++17, with warnings as errors: as_cxx.py INCLUDE GENERATED FILE... -- CC"""
import shutil
import subprocess
import sys

SKIPPED = 77


def main() -> int:
    split = sys.argv.index("--")
    include, generated, *sources = sys.argv[1:split]
    compiler = sys.argv[split + 1:]
    cxx = shutil.which("clang++" if "clang" in compiler[-1] else "g++")
    if cxx is None:
        return SKIPPED
    command = [cxx, "-x", "c++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
               f"-I{include}", f"-I{generated}"]
    failed = [source for source in sources
              if subprocess.run([*command, source], check=False).returncode != 0]
    for source in failed:
        print(f"{source} is no C++17")
    return 1 if failed else 0


sys.exit(main())
