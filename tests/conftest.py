# SPDX-License-Identifier: GPL-3.0-or-later
"""What every test can ask for."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real motion files beside the repository; the test skips where it is missing."""
    if not SHARED.is_dir():
        pytest.skip("needs the folder `shared` beside the repository")
    return SHARED


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of weights that need no training; see `tests/tiny_model.py`."""
    from tests.tiny_model import make

    return make(tmp_path_factory.mktemp("model"))
