"""`wirechamber list`: the components and their keys; the page about job files follows from them."""

import re
from pathlib import Path

import pytest

from app.cli import main
from app.config.reference import CATALOGS, arguments_of
from app.core.catalog import Catalog
from app.core.types import Shared

ROOT = Path(__file__).resolve().parents[2]


def test_every_component_is_listed_with_its_summary(capsys):
    assert main(["list"]) == 0
    output = capsys.readouterr().out
    for kind, catalog in CATALOGS.items():
        assert kind in output.splitlines()
        for component in catalog:
            assert f"  {component.name:<24} {component.summary}" in output


def test_one_kind(capsys):
    assert main(["list", "losses"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["losses", *CATALOGS["losses"].names()]


def test_a_component_is_explained_with_its_keys(capsys):
    assert main(["list", "losses", "huber"]) == 0
    output = capsys.readouterr().out
    assert "huber" in output.splitlines()[0]
    assert "Args:" in output
    assert f"  {'delta':<20} number > 0; 1.0" in output
    assert main(["list", "models", "mlp"]) == 0
    output = capsys.readouterr().out
    assert f"  {'hidden':<20} list of: whole number >= 1 or null; null" in output
    assert f"  {'inputs':<20} Inputs; defaults of Inputs" in output
    assert output.endswith("Keys of Inputs:        mirror, features; docs/job_files.md explains them.\n")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["loses"], "unknown kind of component. Did you mean 'losses'?"),
        (["losses", "mes"], "unknown loss. Did you mean 'mse'?"),
    ],
)
def test_what_is_not_there_names_the_nearest(words, line, capsys):
    assert main(["list", *words]) == 2
    assert capsys.readouterr().err.startswith(line)


def test_the_page_about_job_files_is_what_the_signatures_say(capsys):
    assert main(["list", "--markdown"]) == 0
    page = (ROOT / "docs" / "job_files.md").read_text()
    assert capsys.readouterr().out == page, "make docs writes it again"


def test_every_link_of_the_page_about_job_files_leads_to_a_heading():
    page = (ROOT / "docs/job_files.md").read_text()
    headings = {heading.lower() for heading in re.findall(r"^#+ (\w+)$", page, re.MULTILINE)}
    assert set(re.findall(r"\]\(#(\w+)\)", page)) - headings == set()


def test_the_arguments_in_a_docstring_are_found():
    catalog = Catalog("thing", "app.models")

    @catalog("thing")
    def thing(*, one: int = 1, two: float = 2.0) -> None:
        """A thing.

        Args:
            one: of a kind,
                on two lines.
            two: of them [mm]: many.

        Returns:
            three: nothing.
        """

    assert arguments_of(catalog._components["thing"]) == {
        "one": "of a kind, on two lines.",
        "two": "of them [mm]: many.",
    }


class Size(Shared):
    """A size.

    Attributes:
        length: along the axis [mm].
        width: across it.
    """

    length: float = 1.0
    width: float = 1.0


class Volume(Size):
    """A size with a height.

    Attributes:
        height: of the top [mm].
    """

    height: float = 1.0


def test_shared_options_are_explained_where_they_are_written_unless_the_component_does():
    catalog = Catalog("thing", "app.models")

    @catalog("thing")
    def thing(*, size: Size, one: int = 1) -> None:
        """A thing.

        Args:
            size: of the thing.
            width: across the axis, twice.
            one: of a kind.
        """

    assert arguments_of(catalog._components["thing"]) == {
        "length": "along the axis [mm].",
        "size": "of the thing.",
        "width": "across the axis, twice.",
        "one": "of a kind.",
    }


def test_shared_options_that_add_to_others_are_explained_with_them():
    catalog = Catalog("thing", "app.models")

    @catalog("thing")
    def thing(*, volume: Volume) -> None:
        """A thing."""

    component = catalog._components["thing"]
    assert list(component.keys) == ["length", "width", "height"]
    assert arguments_of(component) == {
        "length": "along the axis [mm].",
        "width": "across it.",
        "height": "of the top [mm].",
    }


def test_shared_options_are_explained_beside_their_keys(capsys):
    assert main(["list", "models", "residual_cnn"]) == 0
    lines = " ".join(capsys.readouterr().out.split())
    assert "kernel_size whole number >= 1; 5. of the convolutions." in lines
    assert "conv_layers whole number >= 1 and <= 1000; 3. blocks of two convolutions, each followed" in lines
