# SPDX-License-Identifier: GPL-3.0-or-later
"""Each language has every text that is shown, none that is not, and fills in the same values."""

import string
import time
from pathlib import Path

import bpy
import messages
import parts
import pytest

translations = parts.ours("blender.translations")
language = parts.ours("blender.language")
FILES = sorted(translations.FOLDER.glob("*.po"))


def fields(text: str) -> list[str]:
    return sorted(f"{name}:{form}" for _, name, form, _ in string.Formatter().parse(text) if name is not None)


def test_there_is_german() -> None:
    assert "de" in [path.stem for path in FILES]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_language_is_complete_and_has_nothing_besides(factory_scene: None, installed: Path, path: Path) -> None:
    shown, known = messages.collected(installed), set(translations.read(path))
    assert len(shown) > 500
    assert sorted(shown - known) == [], "missing"
    assert sorted(known - shown) == [], "shown nowhere"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_values_are_filled_in_alike(path: Path) -> None:
    for (_, english), translated in translations.read(path).items():
        if english.startswith("As JSON"):  # braces that are no fields
            continue
        assert fields(translated) == fields(english), english
        assert translated[:1].isspace() == english[:1].isspace() and not translated.endswith(" "), english
        assert translated.count("\n") == english.count("\n"), english


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_tooltips_end_without_a_full_stop(path: Path) -> None:
    for (_, english), translated in translations.read(path).items():
        assert translated.endswith(".") == english.endswith("."), english


def test_a_new_language_is_a_new_file(tmp_path: Path) -> None:
    path = tmp_path / "xx.po"
    path.write_text('msgid ""\nmsgstr "Language: xx\\n"\n\n# a note\nmsgid "a \\"b\\""\nmsgstr ""\n"c\\n"\n"d"\n\n'
                    'msgctxt "Operator"\nmsgid "e"\nmsgstr "f"\n\nmsgid "not yet"\nmsgstr ""\n', "utf-8")  # fmt: skip
    assert translations.read(path) == {("*", 'a "b"'): "c\nd", ("Operator", "e"): "f"}


@pytest.mark.parametrize("text", ['msgid "a"\nmsgid "b"\n', "msgid a\n", 'msgstr[0] "a"\n', "msgid 1\n", 'msgid "a\n', '"a"\n'])
def test_what_is_no_entry_is_refused_with_its_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "xx.po"
    path.write_text(text, "utf-8")
    with pytest.raises(ValueError, match=r"xx\.po, line \d"):
        translations.read(path)


def test_reading_costs_little() -> None:
    start = time.perf_counter()
    for path in FILES:
        translations.read(path)
    assert (time.perf_counter() - start) / max(len(FILES), 1) < 0.1


def test_without_a_translation_the_english_is_filled_in() -> None:
    assert language.told("{count} of {total} files", count=2, total=3) == "2 of 3 files"
    assert language.worded("a {brace}") == "a {brace}"


def test_blender_forgets_the_languages_with_the_extension(factory_scene: None) -> None:
    bpy.ops.preferences.addon_disable(module=parts.MODULE)
    bpy.ops.preferences.addon_enable(module=parts.MODULE)  # would refuse to register a second time
    assert parts.MODULE in bpy.context.preferences.addons
