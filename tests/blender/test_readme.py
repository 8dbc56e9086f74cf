# SPDX-License-Identifier: GPL-3.0-or-later
"""What the README says of keys and preferences is so in the extension that is installed."""

import re
from pathlib import Path
from typing import Any

import bpy
import parts

keys = parts.ours("blender.keys")
preferences = parts.ours("blender.preferences")

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
SPOKEN = {"PAGE_DOWN": "Page Down", "PAGE_UP": "Page Up", "RET": "Enter", "PERIOD": ".", "COMMA": ","}


def section(title: str) -> str:
    return README.split(f"## {title}\n")[1].split("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    """The cells of the tables in a text, without their heads."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    lines = [i for i, row in enumerate(cells) if set("".join(row)) <= {"-"}]
    return [row for i, row in enumerate(cells) if i not in lines and i + 1 not in lines]


COMMAS = "Ctrl Shift . and ,"
"""The one row whose keys are parted by what is one of them."""


def told() -> dict[str, str]:
    """Where each key of the table works, by its name without modifiers."""
    found: dict[str, str] = {}
    for text, _, where in rows(section("In the window")):
        names = [".", ","] if text == COMMAS else re.split(r", ", text.removeprefix("Ctrl Shift "))
        found |= dict.fromkeys(names, where)
    return found


def ours() -> dict[str, Any]:
    return {SPOKEN.get(str(key.press), str(key.press)): key for key in keys.KEYS if key.modifiers == keys.CTRL_SHIFT}


def test_the_table_of_keys_is_that_of_the_extension() -> None:
    assert set(told()) == set(ours())
    assert all(key.press != keys.UNASSIGNED for key in ours().values())


def test_keys_of_time_work_where_the_table_says() -> None:
    assert {name for name, where in told().items() if "NLA" in where} == {
        name for name, key in ours().items() if key.maps == keys.TIME
    }


def test_preferences_have_the_names_of_the_readme() -> None:
    told = {name for row in rows(section("Preferences")) for name in row[0].split(", ") if name}
    shown = preferences.preferences(bpy.context).bl_rna.properties
    names = {shown[name].name for name in ("mappings", "index_folder", "threads", "readers", "times", "show_keys")}
    assert told == names | {bpy.ops.tmr.move_indexes.get_rna_type().name, bpy.ops.tmr.doctor.get_rna_type().name}
