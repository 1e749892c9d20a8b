"""Every parameter of a component as an option of the command line."""

import argparse
from typing import Any, get_args, get_origin

from app.commands._parser import Parser
from app.config.reference import arguments_of, default_of, describe_type
from app.core import strict_json
from app.core.catalog import Catalog, Component
from app.core.errors import Problem, UserError
from app.runtime.console import console


def parse_component_options(
    component: Component[Any], arguments: list[str], prog: str, usage: str, files: bool = False
) -> dict[str, Any]:
    """Turn `--momentum 2 100 --tracks 1000 --trust-pickle` into {"momentum": [2, 100], ..., "trust_pickle": true}.

    Args:
        component: whose parameters may be given.
        arguments: of the command line.
        prog: what the command is called in messages.
        usage: the line that shows how it is called.
        files: whether names of files come first; they are in the result as `files`.
    """
    parser = Parser(prog=prog, usage=usage)
    if files:
        parser.add_argument("files", nargs="*", metavar="FILE", help="a file, a pattern or a folder")
    descriptions = arguments_of(component)
    for name, field in component.model.model_fields.items():
        if name != "name":
            text = f"{descriptions.get(name, '')} ({describe_type(field)}; {default_of(field)})".replace("%", "%%")
            option = f"--{name.replace('_', '-')}"
            if field.annotation is bool:
                parser.add_argument(option, dest=name, action="store_const", const=["true"], help=text)
            elif takes_several(field.annotation):
                parser.add_argument(option, dest=name, nargs="+", metavar="VALUE", help=text)
            else:
                parser.add_argument(option, dest=name, nargs=1, metavar="VALUE", help=text)
    options = vars(parser.parse_args(arguments))
    content = {"files": options.pop("files")} if files else {}
    for name, texts in options.items():
        if texts is not None:
            try:
                values = [strict_json.loads_or_text(text) for text in texts]
            except UserError as error:
                raise error.under(f"--{name.replace('_', '-')}") from None
            content[name] = values[0] if len(values) == 1 else values
    return content


def takes_several(annotation: Any) -> bool:
    """Whether a parameter of this type may have several values, as a list or a range."""
    kinds = (tuple, list)
    return annotation in kinds or get_origin(annotation) in kinds or any(map(takes_several, get_args(annotation)))


def print_help(options: argparse.Namespace, catalog: Catalog[Any, Any]) -> int:
    """Print the help of a command that was called without a component.

    Raises:
        UserError: help was not asked for.
    """
    console.print(options.usage(), end="")
    if not {"-h", "--help"} & set(options.rest):
        names = ", ".join(catalog.names())
        raise UserError(Problem("missing argument", (options.command,), expected=f"one of [{names}]"))
    return 0
