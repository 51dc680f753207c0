# SPDX-License-Identifier: Apache-2.0
"""Compiles lib/core without a C library and checks what it needs from outside.

Allowed: the memory functions that every compiler calls, the three hooks, and
what the files of core define for each other.
"""
import pathlib
import subprocess
import sys
import tempfile

FROM_OUTSIDE = {"memcpy", "memmove", "memset", "memcmp", "fault_report", "harden_random",
                "sys_heap_array_save"}
OPTIONS = ["-std=gnu11", "-O2", "-ffreestanding", "-fno-pic", "-DQUARRY_CHECKS=2"]


def symbols(obj: pathlib.Path, undefined: bool) -> set[str]:
    """Names that an object file needs, or offers."""
    option = "--undefined-only" if undefined else "--defined-only"
    output = subprocess.run(["nm", "--extern-only", "--format=posix", option, obj], check=True,
                            capture_output=True, text=True).stdout
    return {line.split()[0] for line in output.splitlines()}


def main() -> int:
    root, generated = pathlib.Path(sys.argv[1]), sys.argv[2]
    compiler = sys.argv[sys.argv.index("--") + 1:]
    includes = [f"-I{root / 'include'}", f"-I{root / 'lib'}", f"-I{generated}"]
    needed: set[str] = set()
    offered: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        for source in sorted((root / "lib/core").glob("*.c")):
            obj = pathlib.Path(folder) / (source.stem + ".o")
            subprocess.run([*compiler, *OPTIONS, *includes, "-c", source, "-o", obj], check=True)
            needed |= symbols(obj, undefined=True)
            offered |= symbols(obj, undefined=False)
    stray = needed - offered - FROM_OUTSIDE
    for name in sorted(stray):
        print(f"lib/core needs {name}")
    return 1 if stray or not offered else 0


sys.exit(main())
