"""The nodes of a workflow: commands of the program, and which must be finished before which."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

LIFELINE = "WIRECHAMBER_LIFELINE"
"""Names the pipe that closes when the runner dies, so that a process does not outlive a SIGKILL of the runner."""


@dataclass(frozen=True)
class Node:
    """One command.

    Attributes:
        name: letters, digits, _ and -; unique in the workflow.
        arguments: the command and its arguments.
        after: nodes that must be finished before this one begins.
        output: the file that it leaves; without the file the node is not finished, whatever was written down.
    """

    name: str
    arguments: tuple[str, ...]
    after: tuple[str, ...] = ()
    output: Path | None = None


def blocked_nodes(nodes: Iterable[Node], failed: Iterable[str]) -> set[str]:
    """Return the nodes that cannot begin because others have failed; each node comes after those that it needs.

    >>> nodes = [Node("a", ()), Node("b", (), ("a",)), Node("c", (), ("b",)), Node("d", ())]
    >>> blocked_nodes(nodes, ["a"]) == {"b", "c"}
    True
    """
    failed, blocked = set(failed), set[str]()
    for node in nodes:
        if (failed | blocked) & set(node.after):
            blocked.add(node.name)
    return blocked


def count_states(states: Mapping[str, str]) -> str:
    """Return how many nodes are in each state, as text.

    >>> count_states({"a": "done", "b": "done", "c": "running"})
    '2 done, 1 running'
    """
    return ", ".join(f"{number} {state}" for state, number in Counter(states.values()).items())
