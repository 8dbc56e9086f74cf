# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures written as JSON."""

import json
from pathlib import Path

from models import figures


def test_they_are_written_where_asked_for(tmp_path: Path):
    path = tmp_path / "new" / "figures.json"
    figures.write(path, {"text": "à gauche", "R1": 2.5})
    assert json.loads(path.read_text(encoding="utf-8")) == {"text": "à gauche", "R1": 2.5}


def test_nothing_is_written_without_a_path():
    figures.write(None, {"R1": 2.5})
