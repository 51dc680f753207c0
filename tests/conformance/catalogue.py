# SPDX-License-Identifier: Apache-2.0
"""Compiles the catalogue of names as C11, C17 and C++17 with warnings as errors, and runs it; and looks whether
the table of names in INCLUDE/zephyr/README.md has them all.

    catalogue.py [--self-test] FOLDER INCLUDE GENERATED LIBRARY -- CC

--self-test: a name that is not there, a value that is wrong, a macro that is not used and a name that the table
does not have must be noticed.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

WARNINGS = ["-Wall", "-Wextra", "-Werror"]
# Without exceptions C++ needs no library of its own, which is not there for every size of a pointer.
LANGUAGES = [("c", "gnu11", []), ("c", "gnu17", []), ("c++", "gnu++17", ["-fno-exceptions"])]
# File, what is replaced in it, and by what.
MISTAKES = [
    ("mem_slab.c", "FUNCTION(k_mem_slab_alloc)", "FUNCTION(k_mem_slab_allot)"),
    ("mem_slab.c", "has(&private_slab, 16, 4)", "has(&private_slab, 16, 5)"),
    ("k_heap.c", "K_HEAP_DEFINE(public_heap, 1000)", "K_HEAP_DEFINE_NOCACHE(public_heap, 1000)"),
    ("options.c", "OPTION(CONFIG_HEAPTRACE)", "TYPE(int)"),
]


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


def lists_are_right(sources: list[pathlib.Path], table: str) -> bool:
    faults = [f"{source.name} lists {name}, and the table in README.md does not"
              for source in sources for name in untold(source, table)]
    faults += [f"{source.name} lists {name} and does not use it" for source in sources for name in unused(source)]
    for fault in faults:
        print(fault)
    return not faults


def runs(command: list[str], sources: list[pathlib.Path], library: pathlib.Path) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        program = f"{folder}/catalogue"
        link = ["-x", "none", str(library), f"-Wl,-rpath,{library.parent}", "-pthread"]
        build = subprocess.run([*command, *map(str, sources), *link, "-o", program], check=False)
        return build.returncode == 0 and subprocess.run([program], check=False).returncode == 0


def is_right(folder: pathlib.Path, arguments: list[str], languages: list) -> bool:
    include, generated, library = map(pathlib.Path, arguments[:3])
    compiler = arguments[arguments.index("--") + 1:]
    sources = sorted(folder.glob("*.c"))
    table = (include / "zephyr" / "README.md").read_text(encoding="utf-8")
    right = len(sources) > 1 and lists_are_right(sources, table)
    for language, standard, options in languages:
        if language == "c++" and shutil.which("clang++" if "clang" in compiler[0] else "g++") is None:
            continue
        print(f"{standard}: ", end="", flush=True)
        command = [*compiler, "-x", language, f"-std={standard}", *options, *WARNINGS,
                   f"-I{include}", f"-I{generated}"]
        if not runs(command, sources, library.absolute()):
            print(f"the catalogue fails as {standard}")
            right = False
    return right


def notices(mistake: tuple[str, str, str], folder: pathlib.Path, arguments: list[str]) -> bool:
    name, before, after = mistake
    with tempfile.TemporaryDirectory() as scratch:
        copy = pathlib.Path(scratch) / "catalogue"
        shutil.copytree(folder, copy)
        text = (copy / name).read_text(encoding="utf-8")
        (copy / name).write_text(text.replace(before, after), encoding="utf-8")
        return before in text and not is_right(copy, arguments, LANGUAGES[:1])


def main() -> int:
    arguments = sys.argv[1:]
    self_test = arguments[0] == "--self-test"
    folder = pathlib.Path(arguments[1 if self_test else 0])
    arguments = arguments[2 if self_test else 1:]
    if not self_test:
        return 0 if is_right(folder, arguments, LANGUAGES) else 1
    missed = [mistake for mistake in MISTAKES if not notices(mistake, folder, arguments)]
    for mistake in missed:
        print(f"not noticed: {mistake}")
    return 1 if missed else 0


sys.exit(main())
