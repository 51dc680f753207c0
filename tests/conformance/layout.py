# SPDX-License-Identifier: Apache-2.0
"""What lies side by side in the preloaded malloc.

layout.py LIBRARY [ORDER] looks at the library's symbol table:

- Small uninitialised variables lie on one page, the last one of the initialised variables. That
  page is written by the dynamic linker whatever the library does; a process that starts touches no
  other for them (lib/process/variable_page.h).
- Each function that the linker script ORDER names is there.
"""
from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PAGE_BYTES = 4096
SMALL_BYTES = 128


def symbols_of(library: str) -> list[tuple[str, int, int, str]]:
    """Name, address, size and type of each."""
    lines = subprocess.run(["nm", "--print-size", "--defined-only", library],
                           check=True, capture_output=True, text=True).stdout.splitlines()
    fields = [line.split() for line in lines]
    return [(f[-1], int(f[0], 16), int(f[1], 16) if len(f) == 4 else 0, f[-2]) for f in fields]


def elsewhere(symbols: list[tuple[str, int, int, str]]) -> list[str]:
    """Small variables that are not where they should be; those of threads have no address."""
    page = next(address for name, address, _, _ in symbols if name == "__TMC_END__") // PAGE_BYTES
    return [name for name, address, size, kind in symbols
            if kind in "bB" and 0 < size <= SMALL_BYTES and address >= PAGE_BYTES
            and address // PAGE_BYTES != page]


def missing(symbols: list[tuple[str, int, int, str]], order: str) -> list[str]:
    """Functions of the script that the library does not have, under whatever suffix."""
    names = re.findall(r"\*\(\.text\.(\w+) ", Path(order).read_text(encoding="utf-8"))
    present = {name.split(".")[0] for name, _, _, kind in symbols if kind in "tT"}
    return [name for name in names if name not in present] if names else ["(none is named)"]


def main(library: str, order: str | None) -> None:
    """Complains of each."""
    symbols = symbols_of(library)
    complaints = [f"{name} lies on another page" for name in elsewhere(symbols)]
    if order is not None:
        complaints += [f"{order}: no function {name}" for name in missing(symbols, order)]
    print("\n".join(complaints))
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)
