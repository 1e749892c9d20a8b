"""The nodes of a workflow: commands of the program, and which must be finished before which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Node:
    """One command.

    Attributes:
        name: letters, digits, _ and -; another for each node.
        words: the verb and its arguments.
        after: nodes that must be finished before.
        output: what it leaves; without it the node is not finished, whatever was remembered.
    """

    name: str
    words: tuple[str, ...]
    after: tuple[str, ...] = ()
    output: Path | None = None


def beyond(nodes: Iterable[Node], failed: Iterable[str]) -> set[str]:
    """Return the nodes that can not begin because others have failed, in a list where each stands after those.

    >>> beyond([Node("a", ()), Node("b", (), ("a",)), Node("c", (), ("b",)), Node("d", ())], ["a"]) == {"b", "c"}
    True
    """
    lost = set(failed)
    found = set()
    for node in nodes:
        if lost & set(node.after):
            lost.add(node.name)
            found.add(node.name)
    return found


def counted(states: Mapping[str, str]) -> str:
    """Return how many nodes are in each state, in words.

    >>> counted({"a": "done", "b": "done", "c": "running"})
    '2 done, 1 running'
    """
    words = list(dict.fromkeys(states.values()))
    return ", ".join(f"{sum(state == word for state in states.values())} {word}" for word in words)
