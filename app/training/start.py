"""Where a training begins: the weights of another run, and layers that keep theirs."""

import logging
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from app.config import Job
from app.config.job import Training
from app.config.job_file import parse
from app.core.errors import Problem, UserError, nearest
from app.core.files import read_json
from app.core.interruption import check
from app.runs.find import find_run

logger = logging.getLogger(__name__)
PLACE = ("training", "start_from")


def check_start(job: Job) -> None:
    """Raise UserError, before any data are read, where the run to start from has no model."""
    name = job.training.start_from
    if name is None:
        return
    try:
        run = find_run(name)
    except UserError as error:
        raise error.under(*PLACE) from None
    if not run.model.exists():
        raise UserError(Problem("has no model yet", (*PLACE, name), expected="a run that is done"))


def known_constants(job: Job) -> dict[str, Any]:
    """Return what the run that a training starts from standardises by: weights mean nothing with other constants.

    `inputs` by input and `tasks` by task, as in normalization.json; tasks with other targets or transforms are left.
    """
    if job.training.start_from is None:
        return {"inputs": {}, "tasks": {}}
    run = find_run(job.training.start_from)
    known, other = read_json(run.normalization), parse(read_json(run.trained_job))
    same = [
        name
        for name, task in job.tasks.items()
        if name in other.tasks
        and task.targets == other.tasks[name].targets
        and [spec.dump() for spec in task.transform] == [spec.dump() for spec in other.tasks[name].transform]
    ]
    return {"inputs": known["inputs"], "tasks": {name: known["tasks"][name] for name in same}}


def set_start(network: Any, training: Training) -> None:
    """Give a network the weights that its training begins with, and freeze layers; raises UserError as these do."""
    if training.start_from is not None:
        take_weights(network, training.start_from)
    if training.freeze:
        freeze(network, training.freeze)


def take_weights(network: Any, name: str) -> None:
    """Set the weights of a network to those of another run, by the names of its layers; say what was not taken.

    Args:
        network: the network that will be trained.
        name: the run.

    Raises:
        UserError: no weight of the run has the name and shape of one of the network.
    """
    from app.evaluation import load

    known = {variable.path: variable for variable in load(name).model.variables}
    check()
    taken, left = list[str](), list[str]()
    for variable in network.variables:
        other = known.get(variable.path)
        if other is not None and tuple(other.shape) == tuple(variable.shape):
            variable.assign(other.value)
            taken.append(variable.path)
        else:
            left.append(describe(variable, other))
    if not taken:
        expected = "a run whose layers have the names and shapes of this model's"
        layers = list(dict.fromkeys(path.rpartition("/")[0] for path in known))
        own = (variable.path.rpartition("/")[0] for variable in network.variables)
        near = next((close for layer in own if layer not in layers and (close := nearest(layer, layers))), None)
        what, received = "no weight can be taken", "; ".join(left[:4])
        raise UserError(Problem(what, (*PLACE, name), nearest=near, expected=expected, received=received))
    logger.info("started from %s: %d of %d arrays of weights taken", name, len(taken), len(taken) + len(left))
    if left:
        logger.warning("not taken from %s: %s", name, ", ".join(left))


def describe(variable: Any, other: Any) -> str:
    """Return the name of a weight, and why it was not taken where that is a shape."""
    shapes = (
        "" if other is None or other.shape == variable.shape else f" {list(other.shape)}, here {list(variable.shape)}"
    )
    return f"{variable.path}{shapes}"


def freeze(network: Any, patterns: Sequence[str]) -> None:
    """Keep the weights of the layers whose names match a pattern as they are.

    Raises:
        UserError: a pattern matches no layer that has weights, or nothing is left to train.
    """
    layers = {layer.name: layer for layer in network.layers if layer.weights}
    for position, pattern in enumerate(patterns):
        matching = [layer for name, layer in layers.items() if fnmatchcase(name, pattern)]
        if not matching:
            place, expected = ("training", "freeze", position), f"a pattern of [{', '.join(layers)}]"
            what, near = "matches no layer with weights", nearest(pattern, layers)
            raise UserError(Problem(what, place, nearest=near, expected=expected, received=pattern))
        for layer in matching:
            layer.trainable = False
    if not network.trainable_variables:
        raise UserError(Problem("nothing is left to train", ("training", "freeze"), received=list(patterns)))
    frozen = [name for name, layer in layers.items() if not layer.trainable]
    logger.info("frozen: %s", ", ".join(frozen))
