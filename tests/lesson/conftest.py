"""A lab that the tests of this room share, with prices of the time ahead taken in few rounds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sim.lesson.lab import Lab
from tests.checks_of_runs import price_briefly
from tests.lesson_file import write_lesson


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The lab of the small lesson."""
    with pytest.MonkeyPatch.context() as patch:
        price_briefly(patch)
        yield Lab(str(write_lesson(tmp_path_factory.mktemp("lesson"))))
