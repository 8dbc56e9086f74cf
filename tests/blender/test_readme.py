# SPDX-License-Identifier: GPL-3.0-or-later
"""What the README says of keys and preferences is so in the extension that is installed."""

import re
from pathlib import Path

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


def test_the_table_of_keys_is_that_of_the_extension() -> None:
    told = {key for row in rows(section("In the window")) for key in re.split(r", | and ", row[0].removeprefix("Ctrl Shift "))}
    told.add(",") if "Ctrl Shift . and ," in section("In the window") else None
    ours = [key for key in keys.KEYS if key.modifiers == keys.CTRL_SHIFT]
    assert told - {""} == {SPOKEN.get(key.press, key.press) for key in ours}
    assert all(key.press != keys.UNASSIGNED for key in ours)


def test_keys_of_time_work_where_the_table_says() -> None:
    told = {row[0].removeprefix("Ctrl Shift ")[:1] for row in rows(section("In the window")) if "NLA" in row[2]}
    assert told == {SPOKEN.get(key.press, key.press)[:1] for key in keys.KEYS if key.maps == keys.TIME and key.modifiers} - {
        ","
    }


def test_preferences_have_the_names_of_the_readme() -> None:
    told = {name for row in rows(section("Preferences")) for name in row[0].split(", ") if name}
    shown = preferences.preferences(bpy.context).bl_rna.properties
    names = {shown[name].name for name in ("mappings", "index_folder", "threads", "readers", "times", "show_keys")}
    assert told == names | {bpy.ops.tmr.move_indexes.get_rna_type().name, bpy.ops.tmr.doctor.get_rna_type().name}
