# SPDX-License-Identifier: Apache-2.0
"""A Python program that lives on the allocator: object graphs, JSON, text, threads, garbage.

Takes the number of records. Prints only what does not depend on time or addresses. It is meant to
run with PYTHONMALLOC=malloc, so that every small object is one malloc.
"""
from __future__ import annotations

import collections
import hashlib
import json
import queue
import random
import re
import sys
import threading

SEED = 20240229
ROUNDS = 3
THREADS = 4
BATCH = 500


class Node:
    """A node of a tree whose children know their parent: garbage only for the cycle collector."""

    def __init__(self, name: str, parent: Node | None) -> None:
        """Hang a new node under its parent."""
        self.name = name
        self.parent = parent
        self.children: list[Node] = []
        self.notes: dict[str, object] = {}
        if parent is not None:
            parent.children.append(self)


def record(number: int, source: random.Random) -> dict[str, object]:
    """Make one nested record."""
    return {
        "id": number,
        "name": f"record {number:07d}",
        "tags": [f"t{source.randrange(1000)}" for _ in range(source.randrange(6))],
        "position": {"x": source.random(), "y": source.random(), "level": source.randrange(40)},
        "history": [[step, source.getrandbits(48)] for step in range(source.randrange(5))],
        "text": "granite " * source.randrange(12),
    }


def digest(value: object) -> str:
    """Return a short hash of a value's JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def json_round_trip(count: int, source: random.Random) -> None:
    """Write records as JSON, read them back, regroup them."""
    records = [record(number, source) for number in range(count)]
    text = json.dumps(records)
    again = json.loads(text)
    pretty = json.dumps(again[: count // 4], indent=2, sort_keys=True)
    by_level = collections.defaultdict(list)
    for entry in again:
        by_level[entry["position"]["level"]].append(entry["name"])
    print("json", len(text), len(pretty), again == records, digest(by_level))


def text_work(count: int, source: random.Random) -> None:
    """Split, replace, sort and count words; grow one long string by pieces."""
    words = [f"{source.choice('abcdefgh')}{source.randrange(count)}" for _ in range(count * 4)]
    page = " ".join(words)
    page = re.sub(r"a(\d+)", lambda match: f"<{match.group(1)}>", page)
    counted = collections.Counter(page.split())
    pieces = ""
    for word in sorted(counted)[:count]:
        pieces += word.title()
    print("text", len(page), len(pieces), digest(counted.most_common(50)), digest(pieces))


def garbage(count: int, source: random.Random) -> None:
    """Build and drop trees that only the cycle collector can free."""
    total = 0
    for tree in range(20):
        nodes = [Node(f"root {tree}", None)]
        for number in range(count // 10):
            nodes.append(Node(f"node {number}", nodes[source.randrange(len(nodes))]))
            nodes[-1].notes["depth"] = (number, [number] * (number % 7))
        total += sum(len(node.children) * (index % 11) for index, node in enumerate(nodes))
    print("garbage", total)


def passed_between_threads(count: int) -> None:
    """Allocate in some threads and free in others."""
    batches: queue.Queue[list[bytes] | None] = queue.Queue(maxsize=16)
    sums = [0] * THREADS

    def produce(first: int) -> None:
        for start in range(first, count, BATCH * THREADS):
            batches.put([b"%d" % number * (number % 50) for number in range(start, start + BATCH)])

    def consume(place: int) -> None:
        while (batch := batches.get()) is not None:
            sums[place] += sum(map(len, batch))

    producers = [threading.Thread(target=produce, args=(number * BATCH,)) for number in range(THREADS)]
    consumers = [threading.Thread(target=consume, args=(number,)) for number in range(THREADS)]
    for thread in producers + consumers:
        thread.start()
    for thread in producers:
        thread.join()
    for _ in consumers:
        batches.put(None)
    for thread in consumers:
        thread.join()
    print("threads", sum(sums))


def big_numbers(count: int) -> None:
    """Let integers grow to thousands of digits."""
    product = 1
    for number in range(1, count // 20 + 2):
        product *= number
    print("numbers", product.bit_length(), product % (10**18 + 9))


def main() -> None:
    """Run all parts a few times."""
    count = int(sys.argv[1])
    source = random.Random(SEED)
    for _ in range(ROUNDS):
        json_round_trip(count, source)
        text_work(count, source)
        garbage(count, source)
        passed_between_threads(count)
        big_numbers(count)


if __name__ == "__main__":
    main()
