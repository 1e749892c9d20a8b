"""`wirechamber simulate`: the simulators, with every parameter as an option."""

from __future__ import annotations

import argparse
import json
from typing import Any

from app import device
from app.arguments import Parser
from app.console import console
from app.core.errors import Problem, UserError
from app.reference import arguments_of, default_of, in_words
from datasets import SIMULATORS


def execute(options: argparse.Namespace) -> int:
    """Write the shards; what an interrupted call wrote is kept."""
    if options.dataset is None:
        return _explain(options)
    component = SIMULATORS[options.dataset]
    parsed = _parsed(component, options.rest)
    if options.out is None:
        raise UserError(Problem("missing argument", ("--out",), expected="a folder for the shards"))
    spec = SIMULATORS.parse({"name": component.name, **parsed})
    device.prepare(0)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(Problem(f"cannot be made ({error.strerror})", (str(options.out),))) from None
    spec.build(options.out)
    console.print(f"written: {options.out}")
    return 0


def _explain(options: argparse.Namespace) -> int:
    console.print(options.usage(), markup=False, end="")
    if not {"-h", "--help"} & set(options.rest):
        known = ", ".join(SIMULATORS.names())
        raise UserError(Problem("missing argument", ("simulate",), expected=f"one of [{known}]"))
    return 0


def _parsed(component: Any, words: list[str]) -> dict[str, Any]:
    """Turn `--momentum 2 100 --tracks 1000` into {"momentum": [2, 100], "tracks": 1000}."""
    parser = Parser(prog=f"wirechamber simulate {component.name}", usage="%(prog)s --out DIR [options]")
    explained = arguments_of(component)
    for name, field in component.model.model_fields.items():
        if name != "name":
            text = f"{explained.get(name, '')} ({in_words(field)}; {default_of(field)})".replace("%", "%%")
            parser.add_argument(f"--{name.replace('_', '-')}", nargs="+", dest=name, metavar="VALUE", help=text)
    given = vars(parser.parse_args(words))
    return {name: _value(texts) for name, texts in given.items() if texts is not None}


def _value(texts: list[str]) -> Any:
    values = [_json(text) for text in texts]
    return values[0] if len(values) == 1 else values


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
