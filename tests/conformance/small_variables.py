# SPDX-License-Identifier: Apache-2.0
"""Small variables of the preloaded malloc lie on one page, the last of the initialised ones' pages.

small_variables.py LIBRARY looks at the uninitialised variables in the library's symbol table. That
page is written by the dynamic linker whatever the library does; a process that starts touches no
other for them (lib/process/variable_page.h).
"""
from __future__ import annotations

import subprocess
import sys

PAGE_BYTES = 4096
SMALL_BYTES = 128


def main(library: str) -> None:
    """Complains of each variable that is elsewhere."""
    symbols = subprocess.run(["nm", "--print-size", "--defined-only", library],
                             check=True, capture_output=True, text=True).stdout
    start = 0
    small = []
    for line in symbols.splitlines():
        fields = line.split()
        if fields[-1] == "__TMC_END__":
            start = int(fields[0], 16)
        if len(fields) == 4 and fields[2] in "bB" and PAGE_BYTES <= int(fields[0], 16) \
                and int(fields[1], 16) <= SMALL_BYTES:
            small.append((int(fields[0], 16), fields[3]))
    print(f"{len(small)} small variables, from {start:#x} on")
    elsewhere = [name for address, name in small if address // PAGE_BYTES != start // PAGE_BYTES]
    for name in elsewhere:
        print(f"{name} lies on another page")
    sys.exit(1 if elsewhere or not small else 0)


if __name__ == "__main__":
    main(sys.argv[1])
