# SPDX-License-Identifier: Apache-2.0
"""Entry of `python3 -m bench`."""
from __future__ import annotations

from .catalogue import run_front_end
from .cli import main

run_front_end(main)
