#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything a clone needs, from one file that asks for nothing but Python 3.11 or 3.13.

python build.py try                       set up, build, install, search, retarget; look in out/
python build.py test                      ruff, pyright, and every test
python build.py test --gui                real Blender windows, by mouse and keyboard; look in out/gui
python build.py package                   the validated extension zips, in out/dist
python build.py install --blender PATH    put the extension in your own Blender
python build.py bench NAME                figures: library, retarget, start; and what breaks: fuzz, faults
python build.py lock                      resolve the wheels again (maintainers)
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from building import blenders, environments, extension, gui, stages, wheels
from building.stages import CACHE, OUT, ROOT, BuildProblem, digest, require, run, stage

BENCHMARKS = {
    **dict.fromkeys(("library", "searching", "retarget", "start", "importers"), "blender"),
    **dict.fromkeys(("indexing", "fuzz", "faults", "million", "folding", "feet"), "plain"),
}
"""Name -> the environment that it runs in: Blender with the zip installed, or plain Python in the source tree."""
PRINTED = Path("-")
"""What `--json` stands at without a file."""
PLAIN_TESTS = ["tests", "--ignore=tests/blender"]
BETWEEN_BLENDERS = ("installed", "register", "action", "nla", "assets", "rig", "reduce", "ops_search", "ops_doctor")
"""Of the tests in Blender, those of what its versions differ in: installing, actions and their slots, assets, reading rigs."""


def model(plain: environments.Environment) -> None:
    """Export the two encoders and the tokenizer from the committed weights."""
    stage(
        "encoders",
        digest([ROOT / "models", ROOT / "tmr_blender" / "tmr", environments.PLAIN], environments.TORCH),
        [extension.MODEL / name for name in extension.WEIGHTS],
        # TorchScript writes some names in the order of a set; the same weights shall give the same bytes.
        lambda: require(
            [plain.python, "-m", "models.export", "--out", extension.MODEL],
            "The encoders could not be exported",
            extra={"PYTHONHASHSEED": "0"},
        ),
    )


def starter(plain: environments.Environment, rows: list[wheels.Wheel], torch_index: str) -> None:
    """Convert the starter library's motions to BVH and index them."""
    row = next(row for row in rows if row.name == "pybullet")
    code = [ROOT / "tmr_blender" / room for room in ("motion", "library", "tmr")]
    clips, library = extension.STARTER / "clips", extension.STARTER / "library"

    def make() -> None:
        source = wheels.fetch(row, torch_index, plain.python)
        shutil.rmtree(extension.STARTER, ignore_errors=True)
        convert = [plain.python, "-m", "tmr_blender.library.starter.convert"]
        require([*convert, "--source", source, "--out", clips], "The starter library's motions could not be converted")
        for clip in clips.iterdir():  # the index stores their times, and the same input shall give the same zip
            os.utime(clip, (extension.SAME_SECOND, extension.SAME_SECOND))
        index = [plain.python, "-m", "tmr_blender", "index", clips, "--library", library, "--model", extension.MODEL]
        require(index, "The starter library could not be indexed")

    stage("starter library", digest([*code, extension.MODEL], row.sha256), [clips, library], make)


def contents(plain: environments.Environment, torch_index: str) -> list[wheels.Wheel]:
    """Make what every zip carries, the weights and the starter library; the lock's rows."""
    rows = wheels.read_lock()
    model(plain)
    starter(plain, rows, torch_index)
    return rows


def zipped(target: wheels.Target, rows: list[wheels.Wheel], blender: environments.Environment, torch_index: str) -> Path:
    """The zip of one target under .cache, built when anything in it has changed."""
    folder = CACHE / "dist"
    made = folder / extension.zip_name(target)
    stage(
        f"zip {target.name}",
        extension.inputs(target, rows),
        [made],
        lambda: extension.build(target, rows, folder, blender, torch_index),
    )
    return made


def command_try(options: argparse.Namespace) -> int:
    """Set up, build, install in a private profile, search, retarget."""
    for name in ("library", "rig", "blender"):  # before minutes go by
        path = getattr(options, name)
        if path is not None and not path.exists():
            raise BuildProblem(f"There is no {path}, which --{name} names.")
    if not options.query.strip():
        raise BuildProblem("The query is empty: describe a motion, such as: a person walks in a circle.")
    plain = environments.plain(options.torch_index)
    module = environments.blender(options.bpy)
    chosen = blenders.Program(options.blender, private=True) if options.blender else blenders.Module(module)
    target = chosen.target()
    rows = contents(plain, options.torch_index)
    chosen.install(zipped(target, rows, module, options.torch_index))
    out = options.out.resolve()
    arguments = ["--query", options.query, "--out", str(out)]
    for name in ("library", "rig"):
        if getattr(options, name) is not None:
            arguments += [f"--{name}", str(getattr(options, name).resolve())]
    start = time.perf_counter()
    code = chosen.run(arguments)
    print(f"search and retarget: {time.perf_counter() - start:.1f} s")
    if code == 0:
        print(f"Look at preview.png, ranking.json and result.blend in {out}.")
    return code


def command_test(options: argparse.Namespace) -> int:
    """Ruff, pyright, the tests in plain Python, then the tests in Blender with the zip installed; or the windows alone."""
    plain = environments.plain(options.torch_index)
    try:
        module = environments.blender(options.bpy)
    except environments.NoSuchBlender as problem:
        if not options.versions:
            raise
        print(f"tests of what versions differ in: skipped. {problem}")
        return stages.SKIPPED
    if options.gui and options.quick:
        return gui.quick(module, contents(plain, options.torch_index), options.torch_index)
    if options.gui:
        return gui.test(options.pytest, module, contents(plain, options.torch_index), options.torch_index)
    tools = plain.python.parent
    made = zipped(wheels.host(), contents(plain, options.torch_index), module, options.torch_index)
    chosen = blenders.Module(module)
    chosen.install(made)
    # Small work: a second thread of torch's only gets in the way, most of all where the machine is busy.
    own = {"TMR_ZIP": str(made), "OMP_NUM_THREADS": "1"}
    variables = {**chosen.variables, **own}
    # -P keeps the source folder off the path: the installed extension is what gets tested.
    inside: list[str | Path] = [module.python, "-P", "-m", "pytest", "--durations=5"]
    if options.versions:
        chosen_tests = [f"tests/blender/test_{name}.py" for name in BETWEEN_BLENDERS]
        return 1 if run([*inside, *chosen_tests, *options.pytest], extra=variables) else 0
    failed: list[str] = []
    for name, command, extra in (
        ("ruff check", [tools / "ruff", "check", "."], {}),
        ("ruff format", [tools / "ruff", "format", "--check", "."], {}),
        ("pyright", [tools / "pyright"], {}),
        ("tests in plain Python", [plain.python, "-m", "pytest", "--durations=10", *PLAIN_TESTS, *options.pytest], own),
        ("tests in Blender", [*inside, "tests/blender", *options.pytest], variables),
    ):
        print(f"{name} ...", flush=True)
        start = time.perf_counter()
        code = run(command, extra=extra)
        outcome = f"FAILED (exit code {code})" if code else "passed"
        print(f"{name}: {time.perf_counter() - start:.1f} s, {outcome}", flush=True)
        if code:
            failed.append(name)
    print(f"tests in windows: skipped. {gui.missing() or '--gui runs them.'}")
    if failed:
        print(f"Failed: {', '.join(failed)}.", file=sys.stderr)
    return 1 if failed else 0


def command_package(options: argparse.Namespace) -> int:
    """Every zip that the lock and the reachable indexes allow, in out/dist."""
    plain = environments.plain(options.torch_index)
    module = environments.blender(None)
    rows = wheels.read_lock()
    wanted = [target for target in wheels.TARGETS if options.target in (None, target.name)]
    folder = OUT / "dist"
    folder.mkdir(parents=True, exist_ok=True)
    # Before minutes go by: whether the lock has all that each platform and Python needs.
    possible, missing = wheels.coverage(wanted, rows)
    if possible:
        contents(plain, options.torch_index)
    for target in possible:
        try:
            made = zipped(target, rows, module, options.torch_index)
        except BuildProblem as problem:
            missing[target] = str(problem)
            continue
        final = folder / made.name
        final.unlink(missing_ok=True)
        extension.link(made, final)
        extension.report(final)
        print(f"  sha256 {stages.file_digest(final)}")
    for target, why in missing.items():
        print(f"{extension.zip_name(target)} was not made: {why}", file=sys.stderr)
    if len(missing) < len(wanted):
        extension.write_repository(folder, module)
    # A maintainer who asked for one zip, or got none at all, has failed; a zip whose wheel nobody publishes has not.
    return 2 if missing and (options.target or len(missing) == len(wanted)) else 0


def command_install(options: argparse.Namespace) -> int:
    """The extension, in the user's own Blender and profile."""
    chosen = blenders.Program(options.blender, private=False)
    target = chosen.target()
    plain = environments.plain(options.torch_index)
    rows = contents(plain, options.torch_index)
    chosen.install(zipped(target, rows, environments.blender(None), options.torch_index))
    print("Installed. In Blender: 3D View, sidebar (N), tab TMR.")
    return 0


def command_bench(options: argparse.Namespace) -> int:
    """One benchmark; what it writes as JSON is printed where no file is named for it."""
    if options.json != PRINTED:
        return benchmark(options, options.json)
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "bench.json"
        code = benchmark(options, path)
        if path.is_file():
            print(path.read_text(encoding="utf-8"), end="")
    return code


def benchmark(options: argparse.Namespace, target: Path | None) -> int:
    """Run one benchmark in the environment it wants."""
    plain = environments.plain(options.torch_index)
    arguments = [*options.more, *(["--json", str(target.resolve())] if target else [])]
    if BENCHMARKS[options.name] == "plain":
        return run([plain.python, "-m", f"tests.bench.{options.name}", *arguments])
    module = environments.blender(None)
    chosen = blenders.Module(module)
    rows = contents(plain, options.torch_index)
    chosen.install(zipped(wheels.host(), rows, module, options.torch_index))
    script = ROOT / "tests" / "bench" / f"{options.name}.py"
    variables = {**chosen.variables, "PYTHONPATH": str(script.parent)}
    if options.name == "library":
        variables["TMR_READERS_PYTHON"] = str(environments.readers().python)
    return run([module.python, "-P", script, *arguments], extra=variables)


def command_lock(options: argparse.Namespace) -> int:
    """Write wheels/lock.toml anew."""
    problems = wheels.write_lock(options.torch_index, environments.plain(options.torch_index).python)
    for sentence in problems:
        print(sentence, file=sys.stderr)
    print(f"Wrote {wheels.LOCK.relative_to(ROOT)}.")
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="build.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = top.add_subparsers(dest="command", required=True)
    made = {name: commands.add_parser(name) for name in ("try", "test", "package", "install", "bench", "lock")}
    for sub in made.values():
        sub.add_argument("--torch-index", default=environments.TORCH_INDEX, metavar="URL", help="where CPU builds of torch are")
    for name in ("try", "test"):
        made[name].add_argument(
            "--bpy", metavar="VERSION", help="Blender as a module in this version, in an environment of its own"
        )
    made["try"].add_argument("--query", default="a person does a cartwheel")
    made["try"].add_argument("--library", type=Path, metavar="FOLDER", help="motions; the starter library otherwise")
    made["try"].add_argument("--rig", type=Path, metavar="FILE", help=".blend, .fbx or .glb; Rigify's human otherwise")
    made["try"].add_argument("--out", type=Path, default=OUT, metavar="FOLDER")
    made["try"].add_argument("--blender", type=Path, metavar="PATH", help="an installed Blender instead of the module")
    made["test"].add_argument("--gui", action="store_true", help="test in real Blender windows, and nothing else")
    made["test"].add_argument("--quick", action="store_true", help="with --gui: three scenarios in Blender 4.3, or why not")
    made["test"].add_argument(
        "--versions", action="store_true", help="only what Blender's versions differ in, in the Blender of --bpy"
    )
    made["test"].add_argument(
        "pytest", nargs="*", help="more arguments for pytest, after --; with --gui, suites (trixie, sid) and scenarios"
    )
    made["package"].add_argument("--target", choices=[target.name for target in wheels.TARGETS])
    made["install"].add_argument("--blender", type=Path, required=True, metavar="PATH")
    made["bench"].add_argument("name", choices=BENCHMARKS)
    made["bench"].add_argument("--json", type=Path, nargs="?", const=PRINTED, metavar="FILE")
    return top


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 for success, 2 with one sentence for a problem the user can solve."""
    top = parser()
    options, more = top.parse_known_args(arguments)
    if more and options.command != "bench":
        top.error(f"unrecognized arguments: {' '.join(more)}")
    options.more = more  # the benchmark's own
    try:
        environments.check_python()
        return globals()[f"command_{options.command}"](options)
    except BuildProblem as problem:
        print(problem, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
