# SPDX-License-Identifier: Apache-2.0
"""Draws heaps with tools/draw_heap and checks the pictures: pictures.py DRAW_HEAP.

Images are well-formed XML, rectangles lie inside, equal options give equal files, and no file is
large. Texts are ASCII, and no line is too long.
"""
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

HEAPS = [
    ["--bytes", "256", "--steps", "7"],
    ["--bytes", "4096"],
    ["--bytes", "8192", "--buckets", "fine"],
    ["--bytes", "64k", "--steps", "3000", "--seed", "5"],
    ["--bytes", "1m", "--largest", "100", "--steps", "10000"],
    ["--bytes", "64m", "--largest", "10000", "--steps", "20000"],
]
NONSENSE = [["--bytes", "x"], ["--bytes", "-1"], ["--buckets", "none"], ["--steps", "1x"],
            ["argument"], ["--unknown"]]
LARGEST_IMAGE = 1_000_000
COLUMNS = 80
SVG = "{http://www.w3.org/2000/svg}"
SLACK = 0.02  # positions are rounded down to hundredths


def check_image(image: bytes) -> None:
    assert len(image) < LARGEST_IMAGE, len(image)
    root = xml.etree.ElementTree.fromstring(image)
    assert root.tag == SVG + "svg"
    width, height = float(root.get("width")), float(root.get("height"))
    rows = root.findall(f"{SVG}g")
    assert 1 <= len(rows) <= 24
    for row in rows:
        left, top = map(float, row.get("transform").strip("translate()").split())
        right = 0.0
        for part in row:
            rectangles = [part] if part.tag == SVG + "rect" else part.findall(f"{SVG}rect")
            if not rectangles:
                continue
            assert part.find(f"{SVG}title").text
            start = float(rectangles[0].get("x"))
            assert abs(start - right) < SLACK, "parts of a row touch"
            right = start + float(rectangles[0].get("width"))
            for rectangle in rectangles:
                bottom = float(rectangle.get("y", "0")) + float(rectangle.get("height"))
                assert left + right <= width and top + bottom <= height


def draw_image(tool: str, options: list[str], path: pathlib.Path) -> bytes:
    subprocess.run([tool, *options, "--svg", path], check=True)
    return path.read_bytes()


def check_text(tool: str, options: list[str]) -> None:
    text = subprocess.run([tool, *options, "--text"], check=True, capture_output=True).stdout
    lines = text.decode("ascii").splitlines()
    assert max(map(len, lines)) <= COLUMNS
    assert len(lines) <= 30


def main() -> int:
    tool = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "heap.svg"
        for options in HEAPS:
            image = draw_image(tool, options, path)
            check_image(image)
            assert draw_image(tool, options, path) == image, "equal options, equal images"
            check_text(tool, options)
    for options in NONSENSE:
        result = subprocess.run([tool, *options], check=False, capture_output=True)
        assert result.returncode == 2 and b"usage: draw_heap" in result.stderr, options
    assert subprocess.run([tool, "--svg", "/nowhere/heap.svg"], check=False,
                          capture_output=True).returncode == 1
    return 0


sys.exit(main())
