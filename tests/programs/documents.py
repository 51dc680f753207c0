# SPDX-License-Identifier: Apache-2.0
"""jq and xmllint on generated documents: trees of many small blocks, built, walked and dropped."""
from __future__ import annotations

import json
import random
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from trial import Scale, Trial

SEED = 20240229
RECORDS = {Scale.QUICK: 6_000, Scale.FULL: 40_000}
JQ_FILTER = """\
(group_by(.kind) | map({kind: .[0].kind, count: length, sum: (map(.value) | add), names: (map(.name) | sort)[:3]})),
(map(select(.value % 7 == 0)) | sort_by(.value, .name) | map(.tags | join("-")) | unique | length),
([.[] | .. | numbers] | add),
(map({(.name): .history}) | add | to_entries | map(.value | length) | add),
([.[] | .text | split(" ") | .[]] | group_by(.) | map([.[0], length]))
"""


def records(scale: Scale) -> list[dict[str, object]]:
    """Return the records that both documents hold."""
    source = random.Random(SEED)
    words = ["granite", "marble", "slate", "chalk & lime", "<flint>"]
    return [{"id": number, "name": f"stone {number}", "kind": source.randrange(40),
             "value": source.randrange(100_000), "tags": source.choices(words, k=source.randrange(6)),
             "history": [source.randrange(1000) for _ in range(source.randrange(8))],
             "text": " ".join(source.choices(words, k=source.randrange(12)))}
            for number in range(RECORDS[scale])]


def element(record: dict[str, object]) -> str:
    """Return a record as XML."""
    parts = [f"<{key}>{escape(str(value))}</{key}>" for key, value in record.items()
             if not isinstance(value, list)]
    lists = [f"<{key} value={quoteattr(str(value))}/>" for key, values in record.items()
             if isinstance(values, list) for value in values]
    return f"<record>{''.join(parts)}{''.join(lists)}</record>\n"


def prepare_json(inputs: Path, scale: Scale) -> None:
    """Write the records as JSON."""
    (inputs / "records.json").write_text(json.dumps(records(scale)))


def prepare_xml(inputs: Path, scale: Scale) -> None:
    """Write the records as XML."""
    (inputs / "records.xml").write_text(
        f"<records>\n{''.join(map(element, records(scale)))}</records>\n")


def run_jq(trial: Trial) -> None:
    """Group, select, sort and join the records of a JSON document."""
    trial.run(["jq", "--compact-output", JQ_FILTER, trial.inputs / "records.json"])


def run_xmllint(trial: Trial) -> None:
    """Parse, format, canonicalise and query an XML document."""
    document = trial.inputs / "records.xml"
    trial.run(["xmllint", "--format", "--output", "formatted.xml", document])
    trial.run(["xmllint", "--c14n", "--output", "canonical.xml", "formatted.xml"], compare_output=False)
    trial.run(["xmllint", "--xpath", "count(//record[value > 50000]/tags[@value = 'slate'])", document])
    trial.run(["xmllint", "--xpath", "//record[history/@value = 500]/name/text()", document])
    trial.see_file(trial.work / "formatted.xml")
