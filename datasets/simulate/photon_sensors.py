"""Simulated gammas in a liquid-xenon calorimeter, as its photon sensors measure them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from app.core.types import Count, Fraction, NonNegative, Positive, PositiveRange, Range, Rows
from app.physics.xenon_calorimeter import SENSORS
from datasets import SIMULATORS
from datasets.files.shards import Layout, write_root_shard
from datasets.simulate.engine.generator import Generator
from datasets.simulate.xenon.events import Clock, Light, PileUp, Readout, Setup, truth_branches
from datasets.simulate.xenon.gammas import Target
from datasets.simulate.xenon.sensors import Quality

VERSION = 1
TREE = "tree"
LAYOUT: Layout = {
    "npho": ("f4", (SENSORS,)),
    "relative_time": ("f4", (SENSORS,)),
    "emiAng": ("f4", (2,)),
    "energyTruth": ("f4", ()),
    "timeTruth": ("f8", ()),
    "uvwTruth": ("f4", (3,)),
    "emiVec": ("f4", (3,)),
    "nGamma": ("i4", ()),
    "run": ("i4", ()),
    "event": ("i4", ()),
}
UNITS = {
    "npho": "photons", "relative_time": "s", "emiAng": "deg", "energyTruth": "GeV", "timeTruth": "s", "uvwTruth": "cm",
}  # fmt: skip


@SIMULATORS("photon_sensors", version=VERSION, suffix=".root")
def photon_sensors(
    out: Path,
    *,
    events: Rows,
    shard_size: Rows = 2000,
    energy: PositiveRange = (0.015, 0.06),
    time: Range = (-1e-8, 1e-8),
    beam_spread: Annotated[float, Field(ge=0, le=10)] = 1.0,
    target_angle: Annotated[float, Field(gt=0, le=90)] = 15.0,
    attenuation_length: Positive = 5.0,
    light_sources: Count = 8,
    w_value: Positive = 21.6,
    light_spread: Fraction = 0.01,
    absorption_length: Positive = 200.0,
    scattering_length: Positive = 40.0,
    refractive_index: Annotated[float, Field(ge=1)] = 1.69,
    sipm_efficiency: Annotated[float, Field(gt=0, le=1)] = 0.15,
    tube_efficiency: Annotated[float, Field(gt=0, le=1)] = 0.16,
    efficiency_spread: Fraction = 0.05,
    gain_spread: Fraction = 0.05,
    noise: NonNegative = 1.0,
    dead: Fraction = 0.005,
    noisy: Fraction = 0.005,
    time_threshold: NonNegative = 50.0,
    time_resolution: tuple[NonNegative, NonNegative] = (5e-11, 1e-9),
    pile_up: NonNegative = 0.1,
    pile_up_energy: PositiveRange = (0.005, 0.05),
    pile_up_time: Range = (-5e-8, 5e-8),
    empty: Fraction = 0.0,
    detector_seed: Annotated[int, Field(ge=0)] = 1,
    seed: Annotated[int, Field(ge=0)] = 1,
) -> None:
    """Gammas of 15 to 60 MeV from a target, and their light in the 4,760 photon sensors of a xenon calorimeter.

    Each shard `shard_00000.root`, ... has a tree `tree` with `npho` (4760) photons, `relative_time` (4760) [s]; the
    truth of the main gamma, `emiAng` = theta, phi [degrees], `energyTruth` [GeV], `timeTruth` [s] and `uvwTruth` [cm]
    of its first interaction, `emiVec` = (-sin t cos p, sin t sin p, cos t); the number of gammas `nGamma`, 0 to 4,
    where 0 is noise alone and has NaN as truth; `run` and `event`; and beside the tree `metadata`, a JSON string.
    Readings of dead channels and times of sensors with little light are NaN. The content of shard i depends on (seed,
    i, options) alone: an interrupted generation continues where it stopped.

    Simplified: the shower is a few points of light, not a cascade (no Compton scatters far from the axis, no material
    before the xenon, one attenuation length for all energies); light that was scattered falls on the walls by a law,
    not by ray tracing; walls do not reflect; there are no waveforms: all light counts, whenever it comes, sensors do
    not saturate, and a time is that of the first pulse above the threshold, smeared.

    Args:
        out: folder of the shards.
        events: total number of events.
        shard_size: events per shard.
        energy: range of the energy of the main gamma [GeV], uniform.
        time: range of the time of its first interaction on the clock of the sensors [s], uniform.
        beam_spread: standard deviation of the muon beam in x and y where it meets the target [cm].
        target_angle: between target foil and beam [degrees]; vertices lie at z = x / tan(angle).
        attenuation_length: mean path of a gamma in xenon before its first interaction [cm].
        light_sources: points of light that make a shower.
        w_value: energy per scintillation photon [eV].
        light_spread: relative standard deviation of the light of gammas of equal energy.
        absorption_length: of the scintillation light [cm].
        scattering_length: of the scintillation light [cm].
        refractive_index: of xenon; light travels at c / n.
        sipm_efficiency: mean photon detection efficiency of the silicon photomultipliers.
        tube_efficiency: mean quantum efficiency of the photomultiplier tubes.
        efficiency_spread: relative spread of the efficiencies that a calibration did not find.
        gain_spread: relative spread of the gains that a calibration did not find.
        noise: of a channel [photoelectrons].
        dead: share of dead channels.
        noisy: share of channels with 20 times the noise.
        time_threshold: sensors with less light have no time [photons].
        time_resolution: of one sensor [s]: constant, and for one photoelectron (falls with the root of their number).
        pile_up: mean number of further gammas in an event; at most 3 are kept.
        pile_up_energy: range of their energy [GeV], log-uniform.
        pile_up_time: range of their time, and of pulses that are noise [s], uniform.
        empty: share of events without any gamma.
        detector_seed: of dead and noisy channels, efficiencies and gains, so that samples may share a detector.
        seed: of the random numbers of the events.

    Raises:
        UserError: a folder with other shards.
        NotWritten: the disk is full, or the folder cannot be written.

    References:
        A. M. Baldini et al. (MEG II), The design of the MEG II experiment, doi:10.1140/epjc/s10052-018-5845-6.
        A. Baldini et al., Absorption of scintillation light in a 100 l liquid xenon gamma ray detector and expected
        detector performance, doi:10.1016/j.nima.2005.02.029.
    """
    light = Light(w_value, light_spread, absorption_length, scattering_length, refractive_index, light_sources)
    quality = Quality(sipm_efficiency, tube_efficiency, efficiency_spread, gain_spread, noise, dead, noisy)
    clock = Clock(time_threshold, *time_resolution)
    others = PileUp(pile_up, pile_up_energy, pile_up_time, empty)
    target = Target(beam_spread, target_angle)
    setup = Setup(energy, time, target, attenuation_length, light, quality, clock, others, int(detector_seed))
    _Generator(int(seed), shard_size, setup).generate(out, events)


@dataclass(frozen=True)
class _Generator(Generator):
    dataset, version, units, suffix = "photon_sensors", VERSION, UNITS, ".root"

    setup: Setup

    def options(self) -> dict[str, Any]:
        """Return all that events depend on, except the random numbers."""
        return self.setup.options()

    def write(self, path: Path, shard: int, rows: int, metadata: dict[str, Any]) -> None:
        """Make one shard with `rows` events."""
        random = np.random.default_rng([self.seed, shard, self.stream()])
        truth = self.setup.draw_truth(random, rows)
        light = self.setup.draw_showers(random, truth.gammas)
        seeds = random.integers(0, 2**64, rows, np.uint64)
        readout, first = Readout(self.setup, truth, light, seeds), shard * self.shard_size
        branches = truth_branches(truth)
        branches["run"] = np.full(rows, self.run(), np.int32)
        branches["event"] = np.arange(first, first + rows, dtype=np.int32)
        blocks = (
            {"npho": npho, "relative_time": times} | {name: values[here] for name, values in branches.items()}
            for here, npho, times in readout.blocks()
        )
        write_root_shard(path, TREE, LAYOUT, blocks, metadata | {"tried": truth.tried})
