# SPDX-License-Identifier: Apache-2.0
"""Generate the inputs that are too large to keep: C units to compile, a file to pack."""
from __future__ import annotations

import random
from pathlib import Path

SEED = 20240229
STATEMENTS = 12
CASES = 8

C_HEAD = """\
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct stone {{
    struct stone *next;
    uint32_t weight;
    char name[20];
}};

static uint32_t table_{unit}[256];

static struct stone *stone_add_{unit}(struct stone *pile, uint32_t weight)
{{
    struct stone *stone = malloc(sizeof(*stone));
    if (stone == NULL) {{
        abort();
    }}
    stone->next = pile;
    stone->weight = weight;
    snprintf(stone->name, sizeof(stone->name), "stone %u", weight % 1000u);
    return stone;
}}
"""

C_FUNCTION_HEAD = """
static uint32_t cut_{unit}_{number}(uint32_t a, uint32_t b)
{{
    uint32_t sum = {constant}u;
    struct stone *pile = NULL;
    for (uint32_t i = 0; i < (a % {limit}u) + 2u; i++) {{
        pile = stone_add_{unit}(pile, a ^ i);
        table_{unit}[(i + b) & 255u] += sum;
"""

C_FUNCTION_TAIL = """\
    }}
    while (pile != NULL) {{
        struct stone *next = pile->next;
        sum += pile->weight + (uint32_t)strlen(pile->name);
        free(pile);
        pile = next;
    }}
    return sum;
}}
"""


def c_statement(unit: int, source: random.Random) -> str:
    """Return one statement of a function's loop."""
    shift, factor, place = source.randrange(1, 31), source.getrandbits(31) | 1, source.randrange(256)
    return source.choice([
        f"sum = (sum << {shift}) | (sum >> {32 - shift});",
        f"sum += a * {factor}u + b;",
        f"sum ^= table_{unit}[(sum + {place}u) & 255u];",
        f"if ((sum & {factor}u) > b) {{ b += {place}u; }} else {{ a ^= sum >> {shift}; }}",
        f"for (uint32_t j = 0; j < {place % 16 + 1}u; j++) {{ "
        f"sum += table_{unit}[j * {place}u & 255u] * j; }}",
    ])


def c_switch(source: random.Random) -> list[str]:
    """Return a switch with constant cases."""
    cases = [f"case {case}: sum += {source.getrandbits(24)}u; a = b ^ sum; break;" for case in range(CASES)]
    return [f"switch (sum % {CASES + 1}u) {{", *cases, "default: sum ^= a; break;", "}"]


def c_function(unit: int, number: int, source: random.Random) -> str:
    """Return one function."""
    body = [c_statement(unit, source) for _ in range(STATEMENTS)] + c_switch(source)
    return (C_FUNCTION_HEAD.format(unit=unit, number=number, constant=source.getrandbits(31),
                                   limit=source.randrange(3, 9))
            + "".join(f"        {line}\n" for line in body) + C_FUNCTION_TAIL.format())


def c_unit(unit: int, functions: int) -> str:
    """Return a C file whose function run_unit_N calls all its other functions."""
    source = random.Random(SEED + unit)
    calls = "".join(f"    sum += cut_{unit}_{number}(sum, {number}u);\n" for number in range(functions))
    entry = (f"\nuint32_t run_unit_{unit}(uint32_t sum);\n"
             f"uint32_t run_unit_{unit}(uint32_t sum)\n{{\n{calls}    return sum;\n}}\n")
    return (C_HEAD.format(unit=unit)
            + "".join(c_function(unit, number, source) for number in range(functions)) + entry)


def c_main(units: int) -> str:
    """Return the C file that runs all units and prints their sums."""
    declarations = "".join(f"uint32_t run_unit_{unit}(uint32_t sum);\n" for unit in range(units))
    calls = "".join(f'    sum = run_unit_{unit}(sum);\n    printf("unit {unit}: %08x\\n", sum);\n'
                    for unit in range(units))
    return (f"#include <stdint.h>\n#include <stdio.h>\n\n{declarations}\n"
            f"int main(void)\n{{\n    uint32_t sum = 1;\n{calls}    return 0;\n}}\n")


def write_c_program(directory: Path, units: int, functions: int) -> None:
    """Write unit0.c ... and main.c."""
    for unit in range(units):
        (directory / f"unit{unit}.c").write_text(c_unit(unit, functions))
    (directory / "main.c").write_text(c_main(units))


def write_packable(path: Path, kibibytes: int) -> None:
    """Write a file that packs neither very well nor very badly: words, numbers, some noise."""
    source = random.Random(SEED)
    words = [source.randbytes(source.randrange(2, 9)).hex().encode() for _ in range(3000)]
    with open(path, "wb") as file:
        for block in range(kibibytes):
            text = b" ".join(source.choice(words) for _ in range(80))
            noise = source.randbytes(256 if block % 4 == 0 else 16)
            file.write((text + noise)[:1024].ljust(1024, b"."))
