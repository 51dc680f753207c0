# SPDX-License-Identifier: Apache-2.0
"""Fails on an #include that goes against the arrows of lib/README.md ("Who may call whom")."""
import pathlib
import re
import sys

STANDARD_OF_CORE = {"stdint.h", "stddef.h", "stdbool.h", "limits.h", "string.h"}
# For each folder: prefixes of the project's headers that its files may include.
ALLOWED = {
    "lib/core": ("core/", "zephyr/sys/", "zephyr/kernel/mem_slab_info.h", "quarry/config.h",
                 "quarry/fault.h", "quarry/heap.h"),
    "lib/debug": ("debug/", "core/", "os/", "zephyr/", "quarry/"),
    "lib/os": ("os/", "core/check.h", "core/bits.h", "core/note.h", "core/harden.h",
               "zephyr/sys/sys_heap.h", "quarry/fault.h"),
    "lib/kernel": ("kernel/", "core/", "os/", "zephyr/", "quarry/"),
    "lib/process": ("process/", "core/", "os/", "zephyr/", "quarry/"),
    "preload": ("quarry/", "process/face.h", "process/fast.h", "os/fault.h", "os/os.h", "core/check.h"),
    "include": ("zephyr/", "quarry/"),
    "tools": ("zephyr/", "quarry/"),
}
PROJECT_HEADER = re.compile(r"^(core|debug|os|kernel|process|zephyr|quarry|preload)/")
INCLUDE = re.compile(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]', re.MULTILINE)


def offences(folder: str, text: str) -> list[str]:
    """The includes of a file in `folder` that the folder may not have."""
    bad = []
    for header in INCLUDE.findall(text):
        if PROJECT_HEADER.match(header):
            allowed = header.startswith(ALLOWED[folder])
        else:
            allowed = folder != "lib/core" or header in STANDARD_OF_CORE
        if not allowed:
            bad.append(header)
    return bad


def self_test() -> None:
    """The check finds what it is for."""
    assert offences("lib/core", '#include "os/os.h"\n') == ["os/os.h"]
    assert offences("lib/core", "#include <stdio.h>\n") == ["stdio.h"]
    assert offences("lib/process", '#include "kernel/wait_queue.h"\n') == ["kernel/wait_queue.h"]
    assert offences("preload", ' # include "process/arena.h"\n') == ["process/arena.h"]
    assert offences("lib/process", '#include "core/heap.h"\n#include <string.h>\n') == []


def main() -> int:
    if sys.argv[1] == "--self-test":
        self_test()
        return 0
    root = pathlib.Path(sys.argv[1])
    files = 0
    failed = False
    for folder in ALLOWED:
        for path in sorted((root / folder).rglob("*.[ch]")):
            files += 1
            for header in offences(folder, path.read_text(encoding="utf-8")):
                print(f"{path.relative_to(root)}: may not include {header}")
                failed = True
    print(f"{files} files looked at")
    return 1 if failed or files == 0 else 0


sys.exit(main())
