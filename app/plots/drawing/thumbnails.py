"""Small copies of plots, kept next to the runs and embedded in pages as data addresses."""

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
"""A file of at most this many bytes is embedded unchanged."""


def embed_pictures(paths: Iterable[Path]) -> dict[Path, str]:
    """Return each PNG as a data address; large ones reduced to 800 pixels and 64 colours, damaged ones left out.

    To reduce a picture takes a tenth of a second, mostly for reading the large one, so the small one is kept in the
    folder `.report/<run>/` next to the runs and used again.
    """
    files = list(paths)
    with ThreadPoolExecutor(cores()) as pool:  # Pillow releases the interpreter's lock
        addresses = zip(files, pool.map(_address, files), strict=True)
        return {path: address for path, address in addresses if address}


def keep_small(paths: Iterable[Path]) -> None:
    """Keep small copies of plots that were just drawn, so that a page made later has them at once."""
    embed_pictures(path for path in paths if path.suffix == ".png")


def reduce_picture(content: bytes) -> bytes:
    """Return a PNG reduced to 800 pixels and 64 colours, or the picture itself when that is not larger."""
    from PIL import Image

    with Image.open(io.BytesIO(content)) as picture:
        image = picture.convert("RGB")
    image.thumbnail((WIDTH, 4 * WIDTH), Image.Resampling.BICUBIC)
    reduced = image.quantize(COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    reduced.save(buffer, "PNG")
    return min(content, buffer.getvalue(), key=len)


def _address(path: Path) -> str:
    """Return the data address of a PNG, of its small copy when it is large; "" when the file is damaged."""
    try:
        if path.stat().st_size <= SMALL:
            small = path.read_bytes()
        else:
            kept = path.parents[2] / ".report" / path.parents[1].name / path.name
            if kept.exists() and kept.stat().st_mtime_ns >= path.stat().st_mtime_ns:
                small = kept.read_bytes()
            else:
                small = reduce_picture(path.read_bytes())
                with contextlib.suppress(OSError):  # a folder that cannot be written to keeps no copy
                    kept.parent.mkdir(parents=True, exist_ok=True)
                    write_bytes(kept, lambda file: file.write(small))
    except (OSError, ValueError, SyntaxError):  # Pillow raises these for a damaged PNG
        return ""
    return "data:image/png;base64," + base64.b64encode(small).decode()
