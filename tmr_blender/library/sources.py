# SPDX-License-Identifier: GPL-3.0-or-later
"""Public libraries of motions: what they hold, under what terms, and where they are kept. A new one is a new row.

What a row says comes from the publisher: the readme and licence of the repository, or the record of the archive. `sha256` is
the hash that the publisher's own storage names for the file (Git LFS), or that several people who have fetched it agree on.
Where there is none, as for archives that a host packs anew for every visitor, a fixed commit is named, and the checksum that a
zip keeps of each file is what shows damage.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..errors import SourceProblem

GIB = 1 << 30


@dataclass(frozen=True)
class Archive:
    """One zip. name: without suffix, of the subfolder that it is unpacked to. size: in bytes, None where the host doesn't tell.

    limit: bytes that are accepted at most. sha256: in hexadecimal, None where it is not known.
    """

    url: str
    name: str
    size: int | None = None
    sha256: str | None = None
    limit: int = 4 * GIB


@dataclass(frozen=True)
class Source:
    """A public library.

    name: on the command line. title: also of its folder. what: its motions, in a sentence. takes, hours: as published, None
    where it isn't said. licence: its usual name. terms: what that allows and asks for, to be shown before a download.
    credit: how its authors want to be named. page: of the publisher; licence_page: the licence's full text.
    index: a text in the archives with lines of `take, tab, description`, which become captions; "" for none.
    """

    name: str
    title: str
    what: str
    takes: int | None
    hours: float | None
    licence: str
    terms: str
    credit: str
    page: str
    licence_page: str
    archives: tuple[Archive, ...]
    index: str = ""

    @property
    def size(self) -> int | None:
        """Bytes of all archives, None where one of them isn't known."""
        sizes = [archive.size for archive in self.archives]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    def as_text(self) -> str:
        """The row as JSON, for a process of its own."""
        return json.dumps(asdict(self))


CC = "https://creativecommons.org/licenses/"

SOURCES: tuple[Source, ...] = (
    Source(
        name="lafan1",
        title="LAFAN1",
        what="Long takes of five actors at 30 fps: walks, runs, sprints, obstacles, aiming, dances, fights, falls, crawling",
        takes=77,
        hours=4.6,
        licence="CC BY-NC-ND 4.0",
        terms=(
            "Free for purposes that are not commercial, with credit. You may adapt it for yourself, but not share what you "
            "have made of it: an animation made from these takes stays with you."
        ),
        credit="Ubisoft La Forge Animation Dataset; Harvey et al., Robust Motion In-Betweening, SIGGRAPH 2020",
        page="https://github.com/ubisoft/ubisoft-laforge-animation-dataset",
        licence_page=CC + "by-nc-nd/4.0/legalcode",
        archives=(
            Archive(
                "https://media.githubusercontent.com/media/ubisoft/ubisoft-laforge-animation-dataset/master/lafan1/lafan1.zip",
                "lafan1",
                144_051_503,
                "ea918082b500a5d158e9d3aa39039df04cd42e25f5c02fe8f7e88e8e9365a977",
            ),
        ),
    ),
    Source(
        name="100style",
        title="100STYLE",
        what="One actor walks, runs and stands in a hundred styles at 60 fps, in all directions: old, drunk, proud, robot",
        takes=810,
        hours=18.8,
        licence="CC BY 4.0",
        terms="Free for every purpose, commercial ones too, also changed, as long as its authors are named.",
        credit=(
            "The 100STYLE Dataset, Ian Mason; Mason, Starke and Komura, Real-Time Style Modelling of Human Locomotion via "
            "Feature-Wise Transformations and Local Motion Phases, 2022"
        ),
        page="https://www.ianxmason.com/100style/",
        licence_page=CC + "by/4.0/legalcode",
        archives=(
            Archive(
                "https://zenodo.org/records/8127870/files/100STYLE.zip?download=1",
                "100STYLE",
                1_468_515_354,
                "2c3b4017f8e2397ee6904c9b9f43551d8b426d39ddc3558d121fee9e55cb2d58",
            ),
        ),
    ),
    Source(
        name="bandai",
        title="Bandai Namco",
        what="Short takes of three actors at 30 fps: everyday moves, dances, fights, walks and waves, each in up to 15 styles",
        takes=3077,
        hours=3.9,
        licence="CC BY-NC 4.0",
        terms="Free for purposes that are not commercial, also changed, as long as its authors are named.",
        credit=(
            "Bandai-Namco-Research-Motiondataset, Bandai Namco Research Inc.; Kobayashi et al., Motion Capture Dataset for "
            "Practical Use of AI-based Motion Editing and Stylization, 2023"
        ),
        page="https://github.com/BandaiNamcoResearchInc/Bandai-Namco-Research-Motiondataset",
        licence_page=CC + "by-nc/4.0/legalcode",
        archives=(
            Archive(
                "https://github.com/BandaiNamcoResearchInc/Bandai-Namco-Research-Motiondataset/archive/"
                "74ead3ba1ae4696404e6086233779f60de8bf9ef.zip",
                "motions",
                limit=2 * GIB,
            ),
        ),
    ),
    Source(
        name="cmu",
        title="CMU",
        what="Many people at 120 fps: walks, sports, dances, everyday work, scenes of two; with descriptions of the takes",
        takes=2500,
        hours=None,
        licence="Free to use (CMU)",
        terms=(
            "Free for every purpose, also in products that are sold. The data itself must not be resold, not even converted. "
            "The authors ask for the credit below."
        ),
        credit=(
            "The data used in this project was obtained from mocap.cs.cmu.edu. The database was created with funding from NSF "
            "EIA-0196217. BVH conversion by Bruce Hahne, cgspeed.com"
        ),
        page="https://github.com/una-dinosauria/cmu-mocap",
        licence_page="http://mocap.cs.cmu.edu/faqs.php",
        archives=(
            Archive(
                "https://github.com/una-dinosauria/cmu-mocap/archive/09a07f54f3bbb58797325f009282d0b2048a2871.zip",
                "motions",
                limit=4 * GIB,
            ),
        ),
        index="cmu-mocap-index-text.txt",
    ),
)


def find(name: str) -> Source:
    """The row of that name. Raises SourceProblem."""
    for source in SOURCES:
        if source.name == name.lower():
            return source
    raise SourceProblem(f"There is no public library {name}; known are {', '.join(source.name for source in SOURCES)}.")


def from_text(text: str) -> Source:
    """What `Source.as_text` has written."""
    row: Mapping[str, Any] = json.loads(text)
    return Source(**{**row, "archives": tuple(Archive(**archive) for archive in row["archives"])})


def in_words(size: int | None) -> str:
    """A number of bytes for people."""
    if size is None:
        return "size not told"
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


def described(source: Source) -> list[str]:
    """Lines about a source, for a dialog or a terminal: what it is, how much, and its terms."""
    takes = "" if source.takes is None else f"{'about ' if source.hours is None else ''}{source.takes:,} takes"
    hours = "" if source.hours is None else f", {source.hours:.1f} hours"
    checked = "by hash" if all(archive.sha256 for archive in source.archives) else "by the checksums inside the zip"
    return [
        source.what,
        f"{takes}{hours}. Download: {in_words(source.size)}, checked {checked}",
        f"Licence: {source.licence}. {source.terms}",
        f"Credit: {source.credit}",
    ]
