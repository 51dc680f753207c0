# SPDX-License-Identifier: Apache-2.0
"""Compiles the catalogue of names as C11, C17 and C++17 with warnings as errors, and runs it; and looks whether
the table of names in INCLUDE/zephyr/README.md has them all: catalogue.py FOLDER INCLUDE GENERATED LIBRARY -- CC"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

WARNINGS = ["-Wall", "-Wextra", "-Werror"]
# Without exceptions C++ needs no library of its own, which is not there for every size of a pointer.
LANGUAGES = [("c", "gnu11", []), ("c", "gnu17", []), ("c++", "gnu++17", ["-fno-exceptions"])]


def unused(source: pathlib.Path) -> list[str]:
    """Macros that a section lists, but does not use."""
    text = source.read_text(encoding="utf-8")
    return [name for name in re.findall(r"(?<!\w)MACRO\((\w+(?: \w+)?),", text)
            if len(re.findall(rf"\b{name}\b", text)) < 2]


def untold(source: pathlib.Path, table: str) -> list[str]:
    """What a section lists, and the table does not; options are not in it."""
    text = source.read_text(encoding="utf-8")
    names = re.findall(r"(?<!\w)(?:FUNCTION|MACRO|TYPE)\((\w+(?: \w+)?)[,)]", text)
    return [name for name in names if f"`{name}`" not in table and not name.startswith("CONFIG_")]


def runs(command: list[str], sources: list[pathlib.Path], library: pathlib.Path) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        program = f"{folder}/catalogue"
        link = ["-x", "none", str(library), f"-Wl,-rpath,{library.parent}", "-pthread"]
        build = subprocess.run([*command, *map(str, sources), *link, "-o", program], check=False)
        return build.returncode == 0 and subprocess.run([program], check=False).returncode == 0


def main() -> int:
    folder, include, generated, library = map(pathlib.Path, sys.argv[1:5])
    compiler = sys.argv[sys.argv.index("--") + 1:]
    sources = sorted(folder.glob("*.c"))
    failed = len(sources) < 2
    table = (include / "zephyr" / "README.md").read_text(encoding="utf-8")
    for source in sources:
        for name in untold(source, table):
            print(f"{source.name} lists {name}, and the table in README.md does not")
            failed = True
        for name in unused(source):
            print(f"{source.name} lists {name} and does not use it")
            failed = True
    for language, standard, options in LANGUAGES:
        if language == "c++" and shutil.which("clang++" if "clang" in compiler[0] else "g++") is None:
            continue
        print(f"{standard}: ", end="", flush=True)
        command = [*compiler, "-x", language, f"-std={standard}", *options, *WARNINGS,
                   f"-I{include}", f"-I{generated}"]
        if not runs(command, sources, library.absolute()):
            print(f"the catalogue fails as {standard}")
            failed = True
    return 1 if failed else 0


sys.exit(main())
