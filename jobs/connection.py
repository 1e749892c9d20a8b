"""The connection to the pool: through its Python bindings, else through its commands."""

import importlib.util
import shutil

from jobs.pool import Pool, Unreachable


def connect() -> Pool:
    """Return the pool that this machine submits to.

    Raises:
        Unreachable: there is none, or it does not answer.
    """
    if importlib.util.find_spec("htcondor2") is not None:
        from jobs.pool_bindings import Bindings

        return Bindings()
    if shutil.which("condor_submit") is not None:
        from jobs.pool_commands import Commands

        return Commands()
    advice = "pip install 'wirechamber[htcondor]', or log in to a submit node"
    raise Unreachable(f"No HTCondor here: neither its Python bindings nor condor_submit ({advice}).")
