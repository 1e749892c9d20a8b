"""Rules between a model, its constraints and the field, before any data are read; app/checks/jobs.py runs them."""

from app.config import Job
from app.core.errors import Problem, UserError
from app.history import SUMS
from app.models import HIT_PROBABILITY, SCORES, TRACK_CODE
from app.physics.magnet import Magnet
from datasets.transforms.chain import HORIZONTAL, VERTICAL, check_mirror
from losses.constraints import CONSTRAINTS, terms_of

OUTPUTS = (TRACK_CODE, SCORES, HIT_PROBABILITY)
"""Names of outputs that models have in addition to the tasks."""


def check_something_is_learned(job: Job) -> None:
    """A loss in which every weight is 0 has no gradient."""
    weights = [task.weight for task in job.tasks.values()] + [spec.options.weight for spec in job.constraints]
    if not any(weights) and not job.is_classical:
        what = "the weights of all tasks and constraints are 0, so there is nothing to learn"
        raise UserError(Problem(what, ("tasks",), expected="one weight above 0 at least", received=weights))


def check_constraints_apply(job: Job) -> None:
    """A constraint that acts needs a model that offers what it looks at, and looks at it once."""
    seen: dict[str, int] = {}
    for position, spec in enumerate(job.constraints):
        where = ("constraints", position)
        if spec.name in seen:
            what = f"{spec.name!r} is at constraints.{seen[spec.name]} already"
            raise UserError(Problem(what, where, expected="each constraint once"))
        seen[spec.name] = position
        if not spec.options.weight > 0:
            continue
        facts, needs, model = job.model.component.facts, spec.component.facts.needs, job.model.name
        offered = "scores" if facts.scores else "nothing"
        if facts.kind == "track":
            offered = "stages" if facts.stages else "along"
        if needs != offered:
            expected = {"stages": "'rk_pinn'", "along": "'pinn'", "scores": "'hit_pooling'"}[needs]
            what = f"{spec.name!r} does not apply to the model {model!r}"
            raise UserError(Problem(what, where, expected=f"the model {expected}", received=model))
        asked = spec.parameters.get("stages", 0)
        if asked > (facts.stages or asked):
            what, expected = "more stages than the model has heads", f"at most {facts.stages}"
            raise UserError(Problem(what, (*where, "stages"), expected=expected, received=asked))


def check_task_names(job: Job) -> None:
    """A task's figure in the history, <task>_loss, must not be that of a constraint or a sum."""
    taken = {name for c in CONSTRAINTS for name in terms_of(CONSTRAINTS.parse(c.name))} | set(SUMS) - {"loss"}
    for name in job.tasks:
        if f"{name}_loss" in taken or name in OUTPUTS or name.startswith("val_"):
            others = sorted({term.removesuffix("_loss") for term in taken} | {*OUTPUTS})
            expected = f"another name than those of the program: {', '.join(others)}, val_..."
            raise UserError(Problem("a task cannot have this name", ("tasks", name), expected=expected, received=name))


def check_mirror_of_formula(job: Job) -> None:
    """The mirror asks for a field that has it; a field map shows it when the data are read."""
    simulate = job.dataset.options.simulate
    field = (simulate or job.dataset).parameters.get("field")  # that the job itself states
    if job.model.options.inputs.mirror and field is not None and "file" not in field.parameters:
        targets = [target for task in job.tasks.values() for target in task.targets]
        check_mirror(Magnet(field.dump(), None), (*HORIZONTAL, *VERTICAL), targets)
