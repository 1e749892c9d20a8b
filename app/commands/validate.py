"""`wirechamber validate`: every mistake of every file, all of them reported together."""

import argparse

from app.checks.jobs import check_jobs
from app.checks.tasks import name_given_targets
from app.commands._parser import add_overrides, read_path
from app.config.derived_jobs import with_members
from app.config.job_file import is_workflow, load, read, refuse_equal_names
from app.core.errors import Problem, UserError
from app.runtime.console import console


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("files", nargs="+", type=read_path, metavar="FILE", help="a job, sweep or workflow file")
    add_overrides(parser)


def execute(options: argparse.Namespace) -> int:
    """Print for each file how many jobs it holds; raises UserError with the mistakes of all files together."""
    jobs, mistakes = [], list[Problem]()
    for path in options.files:
        try:
            content = ""
            if is_workflow(read(path)):
                from app.workflows.plan import plan_workflow

                plan = plan_workflow(path, options.overrides, options.parse)
                content, jobs_of_file = f"a workflow of {len(plan.nodes)} nodes, ", plan.jobs
            else:
                jobs_of_file = load(path, options.overrides)
                check_jobs(with_members(jobs_of_file))
        except UserError as error:
            mistakes += error.problems
        else:
            count = len(jobs_of_file)
            console.print(f"{path}: {content}{count} job{'s' * (count != 1)}, valid")
            name_given_targets(jobs_of_file)
            jobs += jobs_of_file
    if mistakes:
        raise UserError(*mistakes)
    refuse_equal_names(with_members(jobs))
    return 0
