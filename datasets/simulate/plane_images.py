"""Simulated clusters in liquid argon, as three planes of wires see them."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from app.core.errors import Problem, UserError
from app.core.types import Fraction, PositiveRange, Rows
from datasets import SIMULATORS
from datasets.simulate.argon.options import (
    ArgonGenerator,
    Arrays,
    Flux,
    Interactions,
    Kind,
    Readout,
    frame_metadata,
    run_in_threads,
)
from datasets.simulate.argon.sources import build_decays

VERSION = 1
COLUMNS = (
    *("event", "is_marley", "is_main_track", "is_es", "x", "y", "z", "px", "py", "pz"),
    *("cluster_energy", "true_particle_energy", "plane", "match_id"),
)
"""Columns of `metadata`."""
UNITS = {
    "images_u": "ADC", "images_v": "ADC", "images_x": "ADC", "neutrino_momentum": "GeV/c",
    "metadata": ["1", "1", "1", "1", "cm", "cm", "cm", "GeV/c", "GeV/c", "GeV/c", "MeV", "MeV", "1", "1"],
}  # fmt: skip


@SIMULATORS("plane_images", version=VERSION)
def plane_images(
    out: Path,
    *,
    events: Rows,
    shard_size: Rows = 2000,
    kind: Kind = "es",
    elastic_share: Fraction = 0.5,
    energy: PositiveRange = (5.0, 70.0),
    background: Fraction = 0.0,
    radiological: Fraction = 0.5,
    single_gammas: Fraction = 0.5,
    width: Literal[16, 32] = 16,
    flux: Flux,
    readout: Readout,
    seed: Annotated[int, Field(ge=0)] = 1,
) -> None:
    """Electrons of supernova neutrinos in liquid argon, and other clusters, as three matched images each.

    Each shard `shard_00000.npz`, ... holds `images_u`, `images_v`, `images_x` (N, 128, width) float32 ADC, rows ticks,
    columns channels; `metadata` (N, 14) float32 = event, is_marley, is_main_track, is_es, position [cm], momentum
    [GeV/c], cluster energy on X [MeV], total energy of the true particle [MeV], plane (2), match_id; `match_ids` (N,);
    `neutrino_momentum` (N, 3) [GeV/c], 0 where there is none; `key` (N,) uint64; and `metadata_json`. Positions and
    momenta are those of the canonical frame, in which rows and columns grow with them on every plane: see
    app/physics/argon/planes.py. The content of shard i depends on (seed, i, options) alone: an interrupted generation
    continues where it stopped.

    A row is the electron of a neutrino interaction (is_main_track 1) or, for a share `background` of all rows, one
    photon of such an event or one radioactive decay. Images show all primitives in the window, i.e. runs of samples
    above threshold, as triangles. An event is accepted when each plane sees it and most charge in the window on X is
    its own; others are made again, and counted in `tried`.

    Simplified: noise is white; the field response does not reach neighbouring wires; wires do not wrap, and have no
    ends; charge is not lost during the drift; de-excitation gammas share the energy at random instead of after a level
    scheme, nucleons are not emitted; forbidden transitions and other flavours of neutrinos are left out.

    Args:
        out: folder of the shards.
        events: total number of rows.
        shard_size: rows per shard; one shard is held in memory.
        kind: neutrino interactions: on electrons, charged currents on argon-40, or both.
        elastic_share: share of scatters on electrons among both.
        energy: range of the electron's kinetic energy [MeV].
        background: share of rows that show no main track.
        radiological: share of decays among these; the others are photons, radiated or of the excited nucleus.
        single_gammas: share of single gammas (1.46, 2.61, 4.75 MeV) among decays; the others are argon-39.
        width: channels of an image.
        flux: of the neutrinos.
        readout: drift, pulses, noise and thresholds.
        seed: of the random numbers.

    Raises:
        UserError: options that no event fulfils, a folder with other shards.
        NotWritten: the disk is full, or the folder cannot be written.

    References:
        B. Abi et al. (DUNE), Supernova neutrino burst detection with the DUNE experiment, arXiv:2008.06647.
    """
    neutrinos = Interactions(kind, elastic_share, energy, flux, readout)
    clusters = Clusters(background, radiological, single_gammas, width)
    _Generator(int(seed), shard_size, neutrinos, clusters).generate(out, events)


@dataclass(frozen=True)
class Clusters:
    """Which clusters are shown, and how wide."""

    background: float
    radiological: float
    single_gammas: float
    width: int


@dataclass(frozen=True)
class _Generator(ArgonGenerator):
    dataset, version, units = "plane_images", VERSION, UNITS

    clusters: Clusters

    def options(self) -> dict[str, Any]:
        """Return all that events depend on, except their keys."""
        return self.physics.options | asdict(self.clusters)

    def metadata_fields(self) -> dict[str, Any]:
        """Return the columns of `metadata`, and the frame of the images."""
        return {"columns": {"metadata": list(COLUMNS)}, **frame_metadata("ticks", "channels")}

    def arrays(self, shard: int, key: NDArray[np.uint64]) -> tuple[Arrays, dict[str, Any]]:
        """Return the matched images of a shard, and how many events were tried."""
        from datasets.simulate.argon.plane_rows import Setup, empty_rows, fill, thread_memory

        shared, own = self.physics, self.clusters
        shares = (own.background, own.radiological, shared.elastic, *shared.readout.drift)
        spectra = (shared.build_neutrinos(), build_decays(own.single_gammas))
        setup = Setup(*spectra, shared.build_electronics(), shared.build_tables(), *shares)
        rows = empty_rows(len(key), own.width)
        run_in_threads(lambda first, last: fill(first, last, key, *thread_memory(own.width), setup, rows), len(key))
        if not rows.attempts.all():
            raise UserError(Problem("no cluster of this kind is seen in all planes", ("threshold",)))
        number = np.arange(len(key)) + shard * self.shard_size
        rows.metadata[:, 0], rows.metadata[:, 13] = number, number
        arrays = dict(zip(("images_u", "images_v", "images_x"), rows.images, strict=True))
        arrays |= {"metadata": rows.metadata, "match_ids": number, "neutrino_momentum": rows.neutrino}
        return arrays, {"tried": int(rows.attempts.sum())}
