# SPDX-License-Identifier: Apache-2.0
"""Compiles each public header alone, as C11, C17 and C++17, with warnings as errors."""
import pathlib
import shutil
import subprocess
import sys

WARNINGS = ["-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
LANGUAGES = [("c", "c11"), ("c", "c17"), ("c++", "c++17")]


def compiles(command: list[str], includes: list[str], header: str) -> bool:
    source = f"#include <{header}>\n#include <{header}>\n"
    return subprocess.run([*command, *WARNINGS, *includes, "-"], input=source, text=True,
                          check=False).returncode == 0


def main() -> int:
    include, generated = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    compiler = sys.argv[sys.argv.index("--") + 1:]
    cxx = shutil.which("clang++" if "clang" in compiler[-1] else "g++")
    headers = [str(path.relative_to(root)) for root in (include, generated)
               for path in sorted(root.rglob("*.h"))]
    includes = [f"-I{include}", f"-I{generated}"]
    failed = not headers
    for header in headers:
        for language, standard in LANGUAGES:
            if language == "c++" and cxx is None:
                continue
            base = [cxx] if language == "c++" else compiler
            if not compiles([*base, "-x", language, f"-std={standard}"], includes, header):
                print(f"{header} does not stand alone as {standard}")
                failed = True
    return 1 if failed else 0


sys.exit(main())
