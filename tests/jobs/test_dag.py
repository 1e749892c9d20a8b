"""The file that DAGMan reads: names and paths that it takes apart at blanks."""

from pathlib import Path

import pytest

from app.core.errors import UserError
from jobs.dag import Dag, dag_text
from jobs.nodes import Node

NODES = [Node("a", ("list",)), Node("b-2", ("list",), ("a",))]


def test_a_path_with_everything_but_blanks_is_one_word():
    folder = "/my$data/größe/#1/a=b;c|d/`e`/'f'/w.1+2"
    lines = [line.split() for line in dag_text(Dag(Path(folder)), NODES, ["a"]).splitlines()[1:]]
    assert lines == [
        ["JOB", "a", f"{folder}/nodes/a/training.sub", "DONE"],
        ["JOB", "b-2", f"{folder}/nodes/b-2/training.sub"],
        ["PARENT", "a", "CHILD", "b-2"],
    ]


@pytest.mark.parametrize("folder", ["/my data/w", "/my\tdata/w", "/my\ndata/w", "/data/w\u2028"])
def test_a_blank_is_refused(folder):
    with pytest.raises(UserError, match=r"^a path that DAGMan cannot be given\. Expected no blank in it: --logs DIR"):
        dag_text(Dag(Path(folder)), NODES)
