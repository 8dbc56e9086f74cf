# SPDX-License-Identifier: GPL-3.0-or-later
"""The one family of errors a user can cause.

Each carries a sentence the user can act on. The command line prints it and exits with 2; Blender shows it as
a report. Anything else that is raised is a defect of ours and keeps its traceback.
"""


def one_line(text: str) -> str:
    """The text with what would break or hide a line of a report written out: names may hold any of it.

    Line breaks, control characters, marks that turn the direction of writing, and bytes of a name that is no text.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


class TMRError(Exception):
    """A problem the user can solve; `str(error)` is the sentence that says how, in one line."""

    def __init__(self, sentence: str) -> None:
        super().__init__(one_line(sentence))


class FileProblem(TMRError):
    """A file that can't be read, is not what its name says, or is too large."""


class SkeletonProblem(TMRError):
    """A skeleton or rig in which no human body can be recognised."""


class QueryProblem(TMRError):
    """A search that can't be run as it was asked for."""


class LibraryProblem(TMRError):
    """A library that is missing, empty, foreign, newer than this version, or in use."""


class ModelProblem(TMRError):
    """Network weights that are missing, damaged, or not the ones the library was indexed with."""


class SourceProblem(TMRError):
    """A public library that can't be downloaded, is not what it should be, or is damaged."""
