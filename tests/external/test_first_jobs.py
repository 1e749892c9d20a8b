"""Files of experiments: the loader that knows each of them, and a first job that has events in every split."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.config.job_file import parse
from app.core.files import REPOSITORY
from app.data.first_job import first_job, recognize
from app.data.loading import load_data

FOLDER = Path(os.environ.get("WIRECHAMBER_EXTERNAL_DATA", REPOSITORY.parent / "shared" / "data"))
FILES = {
    "dune/test_es_tpstream.root": "plane_images",
    "dune/test_cc_tpstream.root": "plane_images",
    "muons/cms_omtf_train_valid.npz": "layered_hits",
    "muons/spinquest_mup.root": "muon_hits",
    "tracks/lhcb_v8r1_4000.npz": "track_states",
    "lartpc/module0_testcosmics.h5": None,
    "muons/cms_nano_dimuon.root": None,
}
LACKING = {"tracks/lhcb_v8r1_4000.npz": {"z": [2665.0, 7826.0], "qop_unit": "c/GeV"}}
"""What the file does not say, and `init` names."""

pytestmark = [
    pytest.mark.external,
    pytest.mark.skipif(not (FOLDER / "README.md").is_file(), reason=f"{FOLDER} does not exist"),
]


@pytest.mark.parametrize("name", FILES)
def test_the_loader_that_knows_the_file_reads_it(name):
    known = recognize(FOLDER / name)
    assert (known and known.loader) == FILES[name]
    if known is None:
        return
    made = first_job(FOLDER / name, None, [], [])
    made["dataset"] |= LACKING.get(name, {})
    splits = load_data(parse(made)).splits
    assert min(splits.train.rows, splits.validation.rows, splits.test.rows) >= 1
