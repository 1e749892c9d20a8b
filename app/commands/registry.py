"""`wirechamber registry`: the record of trainings in the terminal, and notes about runs."""

import argparse

import registry
from app.commands._data import print_data, wants_data
from app.commands._parser import add_formats
from app.core.errors import Problem, UserError
from app.runtime.console import console, table

COMMANDS = {"remove": "remove", "delete": "remove", "rename": "rename", "show": "show"}
"""What people look for here, and the command that does it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    text = "add a note to a run; without it, list the runs"
    parser.add_argument("subcommand", nargs="*", metavar="note RUN TEXT", help=text)
    parser.add_argument("--application", help="only this application")
    parser.add_argument("--state", help="only runs in this state")
    parser.add_argument("--sort", metavar="METRIC", help="sort by this metric")
    parser.add_argument("--check", action="store_true", help="show where the registry and the run directories disagree")
    parser.add_argument("--repair", action="store_true", help="the same, and repair the registry from the directories")
    text = "list the results that ship with the checkout, which stand in no other table"
    parser.add_argument("--reference", action="store_true", help=text)
    add_formats(parser)


def execute(options: argparse.Namespace) -> int:
    """List the runs, check the registry, or add a note to a run."""
    root = registry.reference() if options.reference else registry.root()
    if options.reference and (options.subcommand or options.check or options.repair):
        raise UserError(Problem("only lists the results that ship", ("--reference",), expected="it alone"))
    if options.subcommand:
        name, *arguments = options.subcommand
        if name != "note" or len(arguments) < 2:
            what = "missing argument" if name == "note" else "unknown subcommand"
            received, expected = " ".join(options.subcommand), 'note RUN "TEXT"'
            if name in COMMANDS:
                expected += f", or wirechamber {' '.join([COMMANDS[name], *arguments])}"
            raise UserError(Problem(what, ("registry",), expected=expected, received=received))
        registry.note(root, arguments[0], " ".join(arguments[1:]))
        console.print(f"noted: {arguments[0]}")
        return 0
    if options.check or options.repair:
        return check_registry(options)
    registry.settle(root)
    listing = registry.list_runs(root, application=options.application, state=options.state, sort=options.sort)
    for line in listing.damaged:
        console.print(line, style="yellow")
    if wants_data(options):
        print_data(options, [record.model_dump(mode="json") for record in listing.records])
        return 0
    if not listing.rows:
        hint = "; --reference lists those that ship" if registry.reference().exists() and not options.reference else ""
        console.print(f"no runs in {root}{hint}")
        return 0
    table(f"registry {root}", listing.header, listing.rows, numbers_from=len(listing.header))
    return 0


def check_registry(options: argparse.Namespace) -> int:
    """Print where registry and run directories disagree; return 1 when they still do after a repair that was asked."""
    from app.runs import registry_drift
    from app.runs.directory import RunDirectory, runs_root
    from app.runs.replaced import settle_unless_held

    root, runs, repair = registry.root(), runs_root(), options.repair
    if repair:
        for path in runs.glob("*/.replaced*"):
            settle_unless_held(RunDirectory(path.parent))
    drifts = registry_drift.find_drift(root, runs)
    if wants_data(options):
        print_data(options, [{"run": drift.run, "what": drift.what, "changes": drift.changes} for drift in drifts])
    for drift in drifts:
        new_state = f" -> {drift.changes['state']}" if drift.changes and not drift.misnamed else ""
        console.print(": ".join(part for part in (drift.run, drift.what) if part) + new_state)
    if not drifts:
        console.print(f"{root} and {runs} agree")
    left = len(registry_drift.repair(root, drifts) if repair else drifts)
    if repair and drifts:
        console.print(f"repaired {len(drifts) - left} of {len(drifts)}")
    return 1 if left else 0
