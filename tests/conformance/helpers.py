# SPDX-License-Identifier: Apache-2.0
"""Compiles and runs tests/unit/test_util.c as C11, C17 and C++17, with GCC and Clang as far as they
are there: helpers.py ROOT GENERATED LIBRARY."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wno-unused-const-variable"]
COMPILERS = [("gcc", "c", ["c11", "c17", "gnu11"]), ("g++", "c++", ["c++17", "c++20"]),
             ("clang", "c", ["c11", "c17", "gnu11"]), ("clang++", "c++", ["c++17", "c++20"])]


def runs(command: list[str], program: pathlib.Path) -> bool:
    return (subprocess.run(command, check=False).returncode == 0 and
            subprocess.run([program], check=False).returncode == 0)


def main() -> int:
    root, generated, library = (pathlib.Path(argument) for argument in sys.argv[1:])
    failed = False
    tried = 0
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / "helpers"
        for compiler, language, standards in COMPILERS:
            if shutil.which(compiler) is None:
                continue
            for standard in standards:
                tried += 1
                command = [compiler, "-x", language, f"-std={standard}", *WARNINGS,
                           f"-I{root / 'include'}", f"-I{generated}",
                           root / "tests/unit/test_util.c", "-x", "none", library, "-pthread",
                           f"-Wl,-rpath,{library.parent}", "-o", program]
                if not runs(command, program):
                    print(f"failed with {compiler} as {standard}")
                    failed = True
    return 1 if failed or tried == 0 else 0


sys.exit(main())
