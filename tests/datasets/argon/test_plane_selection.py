"""Clusters of several planes, joined on the numbers of their events."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from datasets.argon.plane_files import PLANE_FILE
from datasets.argon.plane_layouts import LAYOUTS, read_clusters
from datasets.argon.plane_selection import common_rows

FIRST = 2**60  # float64 does not tell it from the next number


def clusters(events, kind, plane):
    rows = np.zeros((len(events), 14), kind)
    rows[:, LAYOUTS[14]["event"]], rows[:, LAYOUTS[14]["match_id"]] = np.array(events, kind), 1
    return read_clusters(rows, (plane,))


@pytest.mark.parametrize("kind", [np.int64, np.uint64])
def test_planes_whose_numbers_are_of_different_types_are_joined_exactly(kind):
    tables = {
        "u": clusters([FIRST, FIRST + 1, FIRST + 2], np.int64, "u"),
        "x": clusters([FIRST + 1, FIRST + 5], kind, "x"),
    }
    rows = common_rows({}, tables, Counter())
    assert {plane: found.tolist() for plane, found in rows.items()} == {"u": [1], "x": [0]}


def test_the_suffix_of_a_plane_file_has_any_case():
    assert PLANE_FILE.fullmatch(Path("run7_planeU.NPZ").name)[2] == "U"
