# SPDX-License-Identifier: GPL-3.0-or-later
"""What the windows' table makes of figures, which wheels their zips carry, and what is said where there can be no window."""

from pathlib import Path
from typing import Any

import pytest

from building import gui, wheels
from building.stages import SKIPPED, BuildProblem
from tests.gui.__main__ import CROWDED, NO_WINDOW, over, passed, rows, run_suite
from tests.gui.scenarios import known


def figure(value: float, limit: float | None = None, without: float | None = None, busy: float = 1.0, unit: str = "s") -> Any:
    return {"what": "a time", "value": value, "unit": unit, "limit": limit, "without": without, "busy": busy}


def test_a_time_over_its_limit_counts_unless_the_machine_is_slow() -> None:
    assert over(figure(0.2, limit=0.1))
    assert not over(figure(0.1, limit=0.1))
    assert not over(figure(9.0))
    assert over(figure(0.2, limit=0.1, without=0.05))
    assert not over(figure(0.2, limit=0.1, without=0.15))
    assert not over(figure(0.2, limit=0.1, busy=CROWDED + 0.1))


def test_clicks_and_megabytes_have_no_excuse() -> None:
    assert over(figure(4, limit=3, busy=9.0, unit=""))
    assert over(figure(9.0, limit=8.0, busy=9.0, unit="MB"))


def test_the_table_names_what_failed() -> None:
    checks = [{"what": "the rig moves", "passed": False, "detail": "many\nlines\nthe last"}]
    results = {"title": "T", "checks": checks, "figures": [figure(0.2, limit=0.1)]}
    text = "\n".join(rows("sid", results))
    assert not passed(results)
    assert "Blender 5.2" in text and "| the rig moves | FAILED | the last |" in text and "OVER" in text
    assert passed({"checks": [], "figures": [figure(0.2, limit=0.1, without=0.2)]})
    assert passed({"checks": [], "figures": [figure(0.2, limit=0.1)]}, timed=False)
    assert not passed({"checks": [], "figures": [figure(4, limit=3, unit="")]}, timed=False)


RESULTS = '{"name": "first_minute", "title": "T", "checks": [{"what": "it moves", "passed": %s, "detail": ""}], "figures": []}'


def tool(folder: Path, *lines: str) -> Path:
    """What stands in for the script that opens a window; $2 is where it leaves what came of it."""
    path = folder / "tool.sh"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def outcome(folder: Path, script: Path, quick: bool) -> tuple[str, int]:
    lines, code = run_suite(script, "trixie", folder / "a.zip", folder / "out", known()[:1], quick)
    return "\n".join(lines), code


def test_a_window_that_never_opened_is_told_from_one_that_failed(tmp_path: Path) -> None:
    text, code = outcome(tmp_path, tool(tmp_path, "echo no root file system", "exit 1"), quick=True)
    assert code == NO_WINDOW == SKIPPED and "no root file system" in text
    text, code = outcome(tmp_path, tool(tmp_path, 'echo crashed >"$2/blender.log"', "exit 1"), quick=True)
    assert code == 1 and text.count("FAILED") == 4


@pytest.mark.parametrize(("quick", "code", "runs"), [(True, 0, 2), (False, 1, 1)])
def test_what_fails_once_is_run_again_where_nothing_is_known_of_the_machine(
    tmp_path: Path, quick: bool, code: int, runs: int
) -> None:
    once = tmp_path / "once"
    script = tool(
        tmp_path,
        f"if [ -e {once} ]; then echo '{RESULTS % 'true'}'; else echo '{RESULTS % 'false'}'; fi >\"$2/results.json\"",
        f"touch {once}",
    )
    text, found = outcome(tmp_path, script, quick)
    assert found == code and text.count("| T |") == runs


def test_scenarios_have_numbers_and_names_of_their_own() -> None:
    found = known()
    assert found and len({item.name for item in found}) == len(found)
    assert [item.number for item in found] == sorted({item.number for item in found})


@pytest.mark.skipif(wheels.host().platform != "linux-x64", reason="windows are tested on Linux")
@pytest.mark.parametrize("python", gui.SUITES.values())
def test_the_zips_for_windows_carry_wheels_of_their_python(python: str) -> None:
    lock = wheels.read_lock()
    for name in gui.WHEELS:
        row = gui._row(name, python, lock)
        assert f"cp{python.replace('.', '')}-" in row.file or "-abi3-" in row.file
        assert "linux" in row.file and len(row.sha256) == 64
    with pytest.raises(BuildProblem, match="no torch"):
        gui._row("torch", "3.19", lock)


def test_what_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gui, "TOOL", tmp_path / "none.sh")
    assert gui.missing().endswith(".")
    with pytest.raises(BuildProblem, match="Windows"):
        gui.test([], gui.Environment(tmp_path), [], "")


def test_the_quick_scenarios_exist_and_no_window_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert set(gui.QUICK) <= {item.name for item in known()}
    monkeypatch.setattr(gui, "TOOL", tmp_path / "none.sh")
    assert gui.quick(gui.Environment(tmp_path), [], "") == SKIPPED
    assert capsys.readouterr().out.startswith("windows: skipped. Windows ")
