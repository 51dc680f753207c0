# SPDX-License-Identifier: Apache-2.0
"""Compiles a firmware that is written for Zephyr, as it is: with each compiler, as each language, for pointers
of 64 and of 32 bits, with warnings as errors; and runs it, built by the compiler that built the library.

unchanged.py FOLDER INCLUDE GENERATED LIBRARY -- CC"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

WARNINGS = ["-O2", "-Wall", "-Wextra", "-Werror"]
LANGUAGES = [("c", "c11"), ("c", "c17"), ("c++", "c++17")]
COMPILERS = [("gcc", "g++"), ("clang", "clang++")]
WIDTHS = ["-m64", "-m32"]


def succeeds(command: list[str], text: str = "") -> bool:
    return subprocess.run(command, input=text, text=True, stderr=subprocess.DEVNULL if text else None,
                          check=False).returncode == 0


def compilers() -> list[tuple[str, list[str]]]:
    """Language and command of what can compile here."""
    commands = [(language, [name, width]) for pair in COMPILERS for language, name in zip(("c", "c++"), pair)
                for width in WIDTHS if shutil.which(name)]
    probe = "#include <pthread.h>\n#include <string.h>\nint main(void) { return 0; }\n"
    return [(language, command) for language, command in commands
            if succeeds([*command, "-x", language, "-fsyntax-only", "-"], probe)]


def runs(compiler: list[str], options: list[str], sources: list[str], library: pathlib.Path) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        program = f"{folder}/firmware"
        link = [str(library), f"-Wl,-rpath,{library.parent}", "-pthread"]
        return succeeds([*compiler, "-std=c11", *options, *sources, *link, "-o", program]) and succeeds([program])


def main() -> int:
    folder, include, generated, library = map(pathlib.Path, sys.argv[1:5])
    compiler = sys.argv[sys.argv.index("--") + 1:]
    options = [*WARNINGS, f"-I{include}", f"-I{generated}"]
    sources = [str(source) for source in sorted(folder.glob("*.c"))]
    available = compilers()
    failed = not sources or not available
    for language, command in available:
        for standard in (name for kind, name in LANGUAGES if kind == language):
            ways = [*command, "-x", language, f"-std={standard}"]
            print(" ".join(ways), flush=True)
            for source in sources:
                failed |= not succeeds([*ways, *options, "-c", source, "-o", "/dev/null"])
    if not runs(compiler, options, sources, library.absolute()):
        print("the firmware does not run")
        failed = True
    return 1 if failed else 0


sys.exit(main())
