"""Simulated muons in a spectrometer with toroids, as measured by its tubes, strips and pads."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from app.core.errors import Problem, UserError
from app.core.types import Fraction, NonNegative, PositiveRange, Range, Rows
from app.physics.muon_spectrometer import ETA_MAX, TECHNOLOGIES
from datasets import SIMULATORS
from datasets.files.shards import Layout, write_root_shard
from datasets.simulate.engine.generator import Generator
from datasets.simulate.engine.random_streams import event_keys
from datasets.simulate.muons.events import Setup, simulate_blocks
from datasets.simulate.muons.hits import FLOATS, INTEGERS
from datasets.simulate.muons.source import Calorimeter, Source, Spectrum

VERSION = 1
TREE = "MuonHitDump"
HITS, TRUTH = "spacePoint", "truthMuon"
KINDS = dict.fromkeys(FLOATS, np.dtype(np.float32)) | dict.fromkeys(INTEGERS, np.dtype(np.int32))
TRUTH_KINDS = dict.fromkeys(("pt", "eta", "phi"), np.dtype(np.float32)) | {"q": np.dtype(np.int32)}
LAYOUT: Layout = {
    HITS: "var * {" + ", ".join(f"{name}: {kind.name}" for name, kind in KINDS.items()) + "}",
    TRUTH: "var * {" + ", ".join(f"{name}: {kind.name}" for name, kind in TRUTH_KINDS.items()) + "}",
    "eventNumber": ("i8", ()),
    "runNumber": ("i4", ()),
}
UNITS = {
    "spacePoint_globEdge*": "mm", "spacePoint_driftR": "mm", "spacePoint_time": "ns", "spacePoint_cov*": "mm2",
    "truthMuon_pt": "GeV", "truthMuon_phi": "rad",
}  # fmt: skip


@SIMULATORS("muon_hits", version=VERSION)
def muon_hits(
    out: Path,
    *,
    events: Rows,
    shard_size: Rows = 10_000,
    pt: PositiveRange = (5.0, 200.0),
    spectrum: Spectrum = "log_uniform",
    eta: Range = (-ETA_MAX, ETA_MAX),
    two_muons: Fraction = 0.3,
    vertex_spread: tuple[NonNegative, NonNegative] = (0.015, 50.0),
    field_scale: Annotated[float, Field(ge=-2, le=2)] = 1.0,
    energy_loss: NonNegative = 3.0,
    energy_loss_spread: Fraction = 0.1,
    calorimeter_thickness: NonNegative = 150.0,
    station_thickness: NonNegative = 0.3,
    efficiency: Fraction = 0.95,
    noise: Annotated[float, Field(ge=0, le=5000)] = 20.0,
    seed: Annotated[int, Field(ge=0)] = 1,
) -> None:
    """Muons of 5 to 200 GeV through a calorimeter and a spectrometer with toroids, and the hits in its three stations.

    Each shard `shard_00000.root`, ... has a tree `MuonHitDump` with jagged branches: `spacePoint_` + globEdgeHighX/Y/Z
    and globEdgeLowX/Y/Z, the two ends of the tube, strip or pad [mm]; time [ns]; driftR [mm]; covXX, the variance
    across the channel, covYY, that along it [mm2], covXY, covYX; readOutSide, channel, layer, stationPhi (sector 1 to
    16), stationEta (chamber along z or r, signed by the side), stationIndex (0 BI, 1 BM, 2 BO, 3 EI, 4 EM, 5 EO),
    technology (0 MDT, 1 CSC, 2 RPC, 3 TGC, 4 STGC, 5 MM), truthLink (number of the muon in the event, -1 noise); and
    `truthMuon_` + pt [GeV], eta, phi, q at the vertex; `eventNumber`, and `runNumber`, a hash of seed and options that
    distinguishes samples. `metadata` beside the tree is a JSON string. An event depends on (seed, its number, options)
    alone, not on the size of the shards: an interrupted generation continues where it stopped.

    A positive muon is bent towards larger eta. Absorbed muons stay in the truth, without hits.

    Simplified: no solenoid, so that phi is bent by nothing; the toroids' field does not vary with phi; sectors are of
    one size; multiple scattering is Gaussian, at the calorimeter and behind each station; a muon makes one hit in a
    layer, with no delta electrons, showers or shared channels; tubes have no walls and a constant drift velocity;
    layers are perfectly aligned; noise is even over layers, sectors and the eta coordinate.

    Args:
        out: folder of the shards.
        events: total number of events.
        shard_size: events per shard.
        pt: range of the transverse momentum [GeV].
        spectrum: of the transverse momentum: flat in log(pt), or flat in 1/pt ("inverse").
        eta: range of the pseudorapidity, uniform, within -2.7 to 2.7.
        two_muons: share of events with two muons, the others have one.
        vertex_spread: standard deviation of the vertex across and along the beam [mm].
        field_scale: factor of the field, 0 for none, -1 for the opposite polarity.
        energy_loss: mean loss of a muon of 10 GeV in the calorimeter [GeV].
        energy_loss_spread: relative standard deviation of the loss by ionisation; radiation fluctuates by itself.
        calorimeter_thickness: in radiation lengths, for multiple scattering.
        station_thickness: in radiation lengths, for multiple scattering and loss (0.05 GeV per radiation length).
        efficiency: of each layer.
        noise: mean number of noise hits in an event.
        seed: of the random numbers.

    Raises:
        UserError: muons that cannot pass the calorimeter, eta beyond the detector, a folder with other shards.
        NotWritten: the disk is full, or the folder cannot be written.

    References:
        G. Aad et al. (ATLAS), The ATLAS Experiment at the CERN Large Hadron Collider,
        doi:10.1088/1748-0221/3/08/S08003.
    """
    if max(-eta[0], eta[1]) > ETA_MAX:
        expected = f"a range within -{ETA_MAX} to {ETA_MAX}, where the detector is"
        raise UserError(Problem("beyond the detector", ("eta",), expected=expected, received=eta))
    if pt[0] <= energy_loss:
        what = f"muons that lose {energy_loss:g} GeV in the calorimeter stop there at eta = 0"
        raise UserError(Problem(what, ("pt",), expected=f"a range above {energy_loss:g} GeV", received=pt))
    source = Source(pt, spectrum, eta, two_muons, vertex_spread)
    calorimeter = Calorimeter(energy_loss, energy_loss_spread, calorimeter_thickness)
    setup = Setup(source, calorimeter, field_scale, station_thickness, efficiency, noise)
    _Generator(int(seed), shard_size, setup).generate(out, events)


@dataclass(frozen=True)
class _Generator(Generator):
    dataset, version, units, suffix = "muon_hits", VERSION, UNITS, ".root"

    setup: Setup

    def options(self) -> dict[str, Any]:
        """Return all that events depend on, except their keys."""
        return self.setup.options()

    def metadata_fields(self) -> dict[str, Any]:
        """Return the names of the technologies, by number."""
        return {"technologies": list(TECHNOLOGIES)}

    def seed_options(self) -> dict[str, Any]:
        """Return all options but the shard size: the same events may be divided into other shards."""
        return self.options()

    def write(self, path: Path, shard: int, rows: int, metadata: dict[str, Any]) -> None:
        """Make one shard with `rows` events."""
        first = shard * self.shard_size
        key = event_keys(self.seed, self.stream(), 0, first + rows)[first:]
        write_root_shard(path, TREE, LAYOUT, self._blocks(key, first), metadata)

    def _blocks(self, key: NDArray[np.uint64], first: int) -> Iterator[dict[str, Any]]:
        for here, muons, (row, columns) in simulate_blocks(self.setup, key):
            count = here.stop - here.start
            truth = {"pt": muons.pt, "eta": muons.eta, "phi": muons.phi, "q": muons.charge}
            yield {
                HITS: _jagged(columns, KINDS, np.bincount(row, minlength=count)),
                TRUTH: _jagged(truth, TRUTH_KINDS, np.bincount(muons.event, minlength=count)),
                "eventNumber": np.arange(here.start, here.stop) + first,
                "runNumber": np.full(count, self.run(), np.int32),
            }


def _jagged(columns: dict[str, NDArray[Any]], kinds: dict[str, Any], counts: NDArray[np.intp]) -> Any:
    """Return lists of records, one list per event with as many as `counts` says."""
    import awkward as ak  # loaded lazily by name, awkward would fail where numba loads its extension first

    record = ak.zip({name: columns[name].astype(kind) for name, kind in kinds.items()})
    return ak.unflatten(record, counts)
