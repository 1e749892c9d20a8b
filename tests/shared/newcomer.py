"""A newcomer's data: pairs of muons and their mass, in files of any kind."""

import h5py
import numpy as np
import pyarrow
import uproot
from pyarrow import csv, parquet


def dimuons(rows):
    """The momenta of two muons, the invariant mass [GeV], and which pairs are from a Z boson."""
    rng = np.random.default_rng(1)
    pt1, pt2 = rng.uniform(5, 60, (2, rows))
    eta1, eta2 = rng.uniform(-2.4, 2.4, (2, rows))
    phi1, phi2 = rng.uniform(-np.pi, np.pi, (2, rows))
    mass = np.sqrt(2 * pt1 * pt2 * (np.cosh(eta1 - eta2) - np.cos(phi1 - phi2)))
    columns = {"run": np.full(rows, 1), "event": np.arange(rows), "pt1": pt1, "eta1": eta1, "phi1": phi1}
    columns |= {"pt2": pt2, "eta2": eta2, "phi2": phi2, "M": mass}
    return {**columns, "label": np.where(mass > 60, "Z", "other")}


def write_columns(path, columns):
    if path.suffix == ".root":
        numbers = {name: values for name, values in columns.items() if values.dtype.kind != "U"}
        with uproot.recreate(path) as file:
            file.mktree("events", {name: values.dtype for name, values in numbers.items()}).extend(numbers)
    elif path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            for name, values in columns.items():
                file[f"events/{name}"] = values.astype("S") if values.dtype.kind == "U" else values
    else:
        (parquet.write_table if path.suffix == ".parquet" else csv.write_csv)(pyarrow.table(columns), path)
    return str(path)
