# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens a window for each scenario in each Blender, one after the other, and makes the table of what came of it.

Run by `python build.py test --gui`, which packs the zips.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from .scenarios import Scenario, known

HERE = Path(__file__).resolve().parent
SHARED = HERE.parents[2] / "shared"
READY_SECONDS = 240
CROWDED = 1.3
"""How many times as long as its own processor time a bit of work may take where times are to be judged."""
NO_WINDOW = 77
"""The exit code where Blender could not even be started: nothing is known then."""
BLENDERS = {"trixie": "Blender 4.3", "sid": "Blender 5.2"}


def lay_out(folder: Path, scenario: Scenario) -> None:
    """What the chroot sees as /out: this package, the data of the scenario, and nothing of an earlier run."""
    shutil.rmtree(folder, ignore_errors=True)
    harness = folder / "harness" / "gui"
    shutil.copytree(HERE, harness, ignore=shutil.ignore_patterns("__pycache__"))
    for name in scenario.needs:
        shutil.copytree(SHARED / name, folder / "data" / name)


def open_window(tool: Path, suite: str, archive: Path, folder: Path, scenario: Scenario) -> dict[str, Any]:
    """Run one scenario in a fresh window; its results."""
    lay_out(folder, scenario)
    drive = folder / "drive.sh"
    drive.write_text(f"cd /out/harness && exec python3 -m gui.drive {scenario.name}\n", encoding="utf-8")
    variables = {"SUITE": suite, "EXT": str(archive), "PKGS": "python3-torch", "TIMEOUT": str(READY_SECONDS)}
    log = folder / "tool.log"
    with log.open("w", encoding="utf-8") as stream:
        code = subprocess.run(
            ["bash", str(tool), str(HERE / "probe.py"), str(folder), str(drive)],
            env={**os.environ, **variables},
            stdout=stream,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    results = folder / "results.json"
    if not results.is_file():
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
        made: dict[str, Any] = {"name": scenario.name, "title": scenario.title, "checks": [], "figures": []}
        made["started"] = (folder / "blender.log").is_file()
        made["checks"].append({"what": "the window opened", "passed": False, "detail": tail})
        return made
    made = json.loads(results.read_text(encoding="utf-8"))
    failed = any(not check["passed"] for check in made["checks"])
    if code and not failed:
        made["checks"].append({"what": "Blender ended by itself", "passed": False, "detail": f"exit code {code}, see {log}"})
    return made


def over(figure: dict[str, Any]) -> bool:
    """Whether a figure breaks its limit, and not for the machine's sake.

    A time is held against the machine where the window exceeds the limit without the work, or other work crowds it out.
    """
    limit, without = figure["limit"], figure["without"]
    if limit is None or figure["value"] <= limit:
        return False
    slow = (without is not None and without > limit) or figure["busy"] > CROWDED
    return not (slow and figure["unit"] == "s")


def passed(results: dict[str, Any], timed: bool = True) -> bool:
    """Whether all of a scenario is as it should be. timed: and as fast."""
    judged = [figure for figure in results["figures"] if timed or figure["unit"] != "s"]
    return all(check["passed"] for check in results["checks"]) and not any(over(figure) for figure in judged)


def rows(suite: str, results: dict[str, Any]) -> list[str]:
    """Lines of the table about one scenario."""
    held = sum(check["passed"] for check in results["checks"])
    effort = f"{results['clicks']} clicks, {results['sentences']} texts typed" if "clicks" in results else ""
    mark = "passed" if passed(results) else "FAILED"
    lines = [
        f"| {BLENDERS.get(suite, suite)} | {results['title']} | {mark} | {held} of {len(results['checks'])} checks | {effort} |"
    ]
    for check in results["checks"]:
        if not check["passed"]:
            lines.append(
                f"| | {check['what']} | FAILED | {check['detail'].strip().splitlines()[-1] if check['detail'] else ''} | |"
            )
    for figure in results["figures"]:
        wanted = "" if figure["limit"] is None else f"at most {figure['limit']:g} {figure['unit']}"
        without = "" if figure["without"] is None else f"{figure['without']:.3g} {figure['unit']} without"
        exceeded = figure["limit"] is not None and figure["value"] > figure["limit"]
        excuse = f", on a machine {figure['busy']:.1f} times slower by other work" if figure["busy"] > CROWDED else ""
        state = "" if figure["limit"] is None else f": OVER{excuse}" if exceeded else ": kept"
        lines.append(f"| | {figure['what']} | {figure['value']:.3g} {figure['unit']} | {wanted}{state} | {without} |")
    return lines


def run_suite(tool: Path, suite: str, archive: Path, out: Path, chosen: list[Scenario], quick: bool) -> tuple[list[str], int]:
    """All chosen scenarios in one Blender; the lines of the table, and 0, 1 for a failure, or `NO_WINDOW`.

    quick: on a machine of which nothing is known. There no time is judged, and a scenario that failed is run once more,
    which the table says.
    """
    out.mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    code = 0
    for scenario in chosen:
        lacking = [name for name in scenario.needs if not (SHARED / name).is_dir()]
        if lacking:
            lines.append(f"| {BLENDERS.get(suite, suite)} | {scenario.title} | skipped: needs {', '.join(lacking)} | | |")
            continue
        for attempt in range(2 if quick else 1):
            results = run_scenario(tool, suite, archive, out, scenario)
            lines += rows(suite, results)
            if not results.get("started", True):
                return lines, NO_WINDOW
            if passed(results, timed=not quick):
                break
            if attempt or not quick:
                code = 1
    return lines, code


def run_scenario(tool: Path, suite: str, archive: Path, out: Path, scenario: Scenario) -> dict[str, Any]:
    """One of them; its pictures and results are in `out` then, and printed."""
    for old in out.glob(f"{scenario.number:02}_*.png"):
        old.unlink()
    print(f"{suite}: {scenario.title} ...", flush=True)
    start = time.perf_counter()
    results = open_window(tool, suite, archive, out / "window", scenario)
    for shot in (out / "window").glob(f"{scenario.number:02}_*.png"):
        shot.replace(out / shot.name)
    (out / f"{scenario.number:02}_{scenario.name}.json").write_text(json.dumps(results, indent=1), encoding="utf-8")
    taken = f"{suite}: {scenario.title}: {time.perf_counter() - start:.0f} s"
    print(taken, *rows(suite, results), sep="\n", flush=True)
    return results


def kept(out: Path) -> list[str]:
    """The table of each scenario's last run in each window, of this run or an earlier one."""
    lines = ["| window | scenario | result | | |", "|---|---|---|---|---|"]
    for suite in BLENDERS:
        for path in sorted((out / suite).glob("[0-9]*.json")):
            lines += rows(suite, json.loads(path.read_text(encoding="utf-8")))
    return lines


def main() -> int:
    """Run what was asked for; 1 where anything failed, 2 for a name that is none, `NO_WINDOW` where no Blender started."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tool", type=Path, required=True, help="gui_blender.sh")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--zip", action="append", required=True, metavar="SUITE=FILE")
    parser.add_argument("--quick", action="store_true", help="no time is judged, and what failed is run once more")
    parser.add_argument("names", nargs="*", metavar="SCENARIO")
    options = parser.parse_args()
    everything = known()
    unknown = set(options.names) - {item.name for item in everything}
    if unknown:
        print(
            f"No scenario {', '.join(sorted(unknown))}; there are {', '.join(item.name for item in everything)}.",
            file=sys.stderr,
        )
        return 2
    chosen = [item for item in everything if not options.names or item.name in options.names]
    table = ["| window | scenario | result | | |", "|---|---|---|---|---|"]
    codes: set[int] = set()
    for pair in options.zip:
        suite, _, archive = pair.partition("=")
        lines, code = run_suite(options.tool, suite, Path(archive), options.out / suite, chosen, options.quick)
        table += lines
        codes.add(code)
    (options.out / "results.md").write_text("\n".join(kept(options.out)) + "\n", encoding="utf-8")
    print(*table, f"Look at the pictures in {options.out}.", sep="\n")
    return 1 if 1 in codes else max(codes)


if __name__ == "__main__":
    sys.exit(main())
