"""Every parameter of a component as an option of the command line."""

from __future__ import annotations

import json
from typing import Any

from app.commands._parser import Parser
from app.config.reference import arguments_of, default_of, describe_type
from app.core.catalog import Component


def parsed(component: Component[Any], words: list[str], prog: str, usage: str, files: bool = False) -> dict[str, Any]:
    """Turn `--momentum 2 100 --tracks 1000 --trust-pickle` into {"momentum": [2, 100], ..., "trust_pickle": true}.

    Args:
        component: whose parameters may be given.
        words: of the command line.
        prog: what the command is called in messages.
        usage: the line that shows how it is called.
        files: whether names of files come first; they are in the result as `files`.
    """
    parser = Parser(prog=prog, usage=usage)
    if files:
        parser.add_argument("files", nargs="*", metavar="FILE", help="a file, a pattern or a folder")
    explained = arguments_of(component)
    for name, field in component.model.model_fields.items():
        if name != "name":
            text = f"{explained.get(name, '')} ({describe_type(field)}; {default_of(field)})".replace("%", "%%")
            option = f"--{name.replace('_', '-')}"
            if field.annotation is bool:
                parser.add_argument(option, dest=name, action="store_const", const=["true"], help=text)
            else:
                parser.add_argument(option, dest=name, nargs="+", metavar="VALUE", help=text)
    given = vars(parser.parse_args(words))
    named = {"files": given.pop("files")} if files else {}
    return {name: _value(texts) for name, texts in given.items() if texts is not None} | named


def _value(texts: list[str]) -> Any:
    values = [_json(text) for text in texts]
    return values[0] if len(values) == 1 else values


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
