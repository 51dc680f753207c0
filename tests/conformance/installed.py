# SPDX-License-Identifier: Apache-2.0
"""Installs into an empty folder and builds a program against it with what pkg-config says."""
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

PROGRAM = """
#include <quarry/malloc.h>
#include <zephyr/sys/sys_heap.h>
static char buffer[Z_HEAP_MIN_SIZE_FOR(100)] __attribute__((aligned(8)));
int main(void)
{
    struct sys_heap heap;
    sys_heap_init(&heap, buffer, sizeof(buffer));
    void *block = quarry_malloc(1);
    quarry_free(block);
    return sys_heap_alloc(&heap, 100) != 0 && block != 0 ? 0 : 1;
}
"""


def only(folder: pathlib.Path, pattern: str) -> pathlib.Path:
    """The one file below a folder that matches."""
    (found,) = [path for path in folder.rglob(pattern) if not path.is_symlink()]
    return found


def pkg_config(pc: pathlib.Path, root: pathlib.Path, *options: str) -> list[str]:
    environment = dict(os.environ, PKG_CONFIG_PATH=str(pc.parent),
                       PKG_CONFIG_SYSROOT_DIR=str(root))
    output = subprocess.run(["pkg-config", *options, "quarry"], env=environment, check=True,
                            capture_output=True, text=True).stdout
    return shlex.split(output)


def main() -> int:
    compiler = sys.argv[sys.argv.index("--") + 1:]
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        subprocess.run(["meson", "install", "-C", sys.argv[1], "--no-rebuild", "--quiet",
                        "--destdir", root], check=True)
        pc = only(root, "quarry.pc")
        flags = pkg_config(pc, root, "--cflags", "--libs")
        library_folder = only(root, "libquarry.so.*").parent
        program = root / "program"
        subprocess.run([*compiler, "-x", "c", "-", "-o", program, "-x", "none", *flags],
                       input=PROGRAM, text=True, check=True)
        subprocess.run([program], env=dict(os.environ, LD_LIBRARY_PATH=str(library_folder)),
                       check=True)
        only(root, "libquarry.a")
    return 0


sys.exit(main())
