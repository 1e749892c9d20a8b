"""A sound file of a kind that a loader does not read is called so; a damaged one of its own kind is called damaged."""

import pytest

from app.core.errors import UserError
from datasets import DATASETS
from datasets.pipeline.checked import open_source

READS = {
    **{"layered_hits": ".npz", "volume_images": ".npz", "muon_hits": ".root", "photon_sensors": ".root"},
    **{"plane_images": ".npz or .root", "track_states": ".npz or .root"},
}


@pytest.mark.parametrize("loader", READS)
def test_a_file_of_another_kind(loader, tmp_path):
    def refused(path):
        path.write_text("x,y\n1,2\n")
        with pytest.raises(UserError) as caught:
            open_source(DATASETS.parse({"name": loader, "files": [str(path)]}), [path])
        return str(caught.value)

    line = f"not a kind of file that {loader} reads. Expected {READS[loader]}. Received '.csv'."
    assert refused(tmp_path / "new.csv") == f"{tmp_path}/new.csv: {line}"
    assert "not a kind of file" not in refused(tmp_path / f"new{READS[loader].rpartition(' ')[2]}")
