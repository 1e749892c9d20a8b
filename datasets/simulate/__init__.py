"""Simulators: embedded defaults that write the same files as the loaders read."""

from app.core.catalog import Catalog
from app.core.types import Facts


class SimulatorFacts(Facts):
    """What a simulator says of itself: its version, which changes with what it writes, and how its files' names end."""

    version: int | None = None
    suffix: str = ".npz"


SIMULATORS = Catalog[None, SimulatorFacts]("simulator", "datasets.simulate", facts=SimulatorFacts)
