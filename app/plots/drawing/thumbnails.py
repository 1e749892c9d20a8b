"""Plots inside a page: small enough to travel, as data addresses."""

import base64
import contextlib
import io
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from app.core.files import write_bytes
from app.core.system import cores

WIDTH = 800
COLOURS = 64
SMALL = 30_000
"""Bytes up to which a file is taken as it is."""


def embedded(paths: Iterable[Path]) -> dict[Path, str]:
    """Return each PNG as a data address; large ones reduced to 800 pixels and 64 colours, damaged ones left out.

    Reducing takes a tenth of a second, most of it for reading the large picture: the small one is kept for the next
    page, in the folder `.report/<run>/` beside the runs.
    """
    wanted = list(paths)
    with ThreadPoolExecutor(cores()) as pool:  # Pillow works outside of the interpreter's lock
        made = pool.map(_address, wanted)
        return {path: address for path, address in zip(wanted, made, strict=True) if address}


def keep_small(paths: Iterable[Path]) -> None:
    """Make the small pictures of plots that were just drawn, so that no report has to wait for them."""
    embedded(path for path in paths if path.suffix == ".png")


def _address(path: Path) -> str:
    try:
        small = path.read_bytes() if path.stat().st_size <= SMALL else _kept(path)
    except (OSError, ValueError, SyntaxError):  # what Pillow raises of a damaged PNG
        return ""
    return "data:image/png;base64," + base64.b64encode(small).decode()


def _kept(path: Path) -> bytes:
    """Return the small picture that was kept, or make and keep it; a folder that cannot be written to keeps none."""
    kept = path.parents[2] / ".report" / path.parents[1].name / path.name
    if kept.exists() and kept.stat().st_mtime_ns >= path.stat().st_mtime_ns:
        return kept.read_bytes()
    small = _reduced(path.read_bytes())
    with contextlib.suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(kept, lambda file: file.write(small))
    return small


def _reduced(content: bytes) -> bytes:
    from PIL import Image

    with Image.open(io.BytesIO(content)) as opened:
        image = opened.convert("RGB")
    image.thumbnail((WIDTH, 4 * WIDTH), Image.Resampling.BICUBIC)
    drawn = image.quantize(COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    written = io.BytesIO()
    drawn.save(written, "PNG")
    return min(content, written.getvalue(), key=len)
