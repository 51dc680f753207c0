# SPDX-License-Identifier: Apache-2.0
"""Compares what a shared library exports with a list: exports.py LIBRARY LIST."""
import pathlib
import subprocess
import sys


def exported(library: str) -> set[str]:
    output = subprocess.run(["nm", "--dynamic", "--defined-only", "--format=posix", library],
                            check=True, capture_output=True, text=True).stdout
    names = (line.split() for line in output.splitlines())
    return {fields[0].split("@")[0] for fields in names if fields[1] != "A"}


def main() -> int:
    found = exported(sys.argv[1])
    wanted = set(pathlib.Path(sys.argv[2]).read_text(encoding="utf-8").split())
    for name in sorted(found - wanted):
        print(f"exported, but not on the list: {name}")
    for name in sorted(wanted - found):
        print(f"on the list, but not exported: {name}")
    return 0 if found == wanted else 1


sys.exit(main())
