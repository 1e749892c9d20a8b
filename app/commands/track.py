"""`wirechamber track`: finished runs to MLflow, those that it missed or all of them."""

import argparse

from app.core.errors import UserError, WirechamberError
from app.execution.tracking import send
from app.runs.find import find_run
from app.runtime.console import console


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("finished", nargs="+", metavar="RUN", help="name or path of a finished run")
    parser.add_argument("--uri", help="MLflow server or store; else what the run's job says")
    parser.add_argument("--experiment", help="else what the job says, or the application")


def execute(options: argparse.Namespace) -> int:
    """Send each run; raises WirechamberError when MLflow does not take one."""
    for name in options.finished:
        try:
            console.print(f"sent: {name} to {send(find_run(name), options.uri, options.experiment)}")
        except UserError:
            raise
        except Exception as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise WirechamberError(f"{name}: MLflow did not take it ({reason}); nothing is lost, try again") from None
    return 0
