"""Converters: each turns files of another kind into those that a loader reads, once, by `wirechamber convert`.

A converter is called as `name(files, out, *, ...)` and writes into the folder `out`.
"""

from app.core.catalog import Catalog

CONVERTERS = Catalog[None]("converter", "datasets.convert")
