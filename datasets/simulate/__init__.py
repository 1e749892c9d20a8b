"""Simulators: embedded defaults that write the same files as the loaders read."""

from app.core.catalog import Catalog

SIMULATORS = Catalog[None]("simulator", "datasets.simulate")
