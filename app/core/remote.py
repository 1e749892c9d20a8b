"""Files on servers, named by https://, http:// and root://: read part by part, with an answer or an error in time."""

import importlib.util
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PosixPath
from typing import Any

from app.core.errors import Place, Problem, UserError, unknown

URL = re.compile(r"([a-z][a-z0-9+.-]+)://.+", re.DOTALL | re.IGNORECASE)
NEEDED = {"https": "aiohttp", "http": "aiohttp", "root": "fsspec_xrootd"}
"""What can be read, and the library that does it."""
PATIENCE, VARIABLE = 60.0, "WIRECHAMBER_SERVER_TIMEOUT"
"""Seconds that a server may take to answer, and the variable that says otherwise."""
GONE, BROKEN = ("no such file", "[3011]"), ("[error]", "[fatal]")
SILENT = ("timeout", "timed out", "operation expired", "[206]")


class Remote(PosixPath):
    """A file on a server; as a text it is its URL, although paths join the slashes of one."""

    def __str__(self) -> str:
        scheme, host, *parts = super().__str__().split("/")
        slash = "/" if scheme == "root:" else ""  # the path on an XRootD server begins with one
        return f"{scheme}//{host}/{slash}{'/'.join(parts)}"


def is_url(text: str) -> bool:
    """Whether a text names a file on a server."""
    return URL.fullmatch(text) is not None


def refuse_url(text: str, place: Place, what: str = "a server is named") -> None:
    """Raise UserError for a file on a server where only one of this machine can be used."""
    if is_url(text):
        raise UserError(Problem(what, place, expected="a path on this machine", received=text))


def remote_file(text: str, place: Place) -> Remote:
    """Return the file that a URL names; raises UserError where it cannot be one, or the library for it is missing."""
    scheme = text.partition("://")[0].lower()
    if scheme not in NEEDED:
        raise UserError(unknown("kind of server", scheme, [f"{name}://" for name in NEEDED], place))
    if "*" in text:
        expected = "the whole name of each file"
        raise UserError(Problem("files on a server are not searched", place, expected=expected, received=text))
    if len([part for part in text.split("/") if part]) < 3:
        raise UserError(Problem("no file on a server", place, expected=f"{scheme}://HOST/FILE", received=text))
    if importlib.util.find_spec(NEEDED[scheme]) is None:
        expected = "pip install 'wirechamber[remote]'"
        what = f"{scheme}:// needs {NEEDED[scheme].replace('_', '-')}, which is not installed"
        raise UserError(Problem(what, place, expected=expected))
    return Remote(text)


def patience() -> float:
    """Return how many seconds a server may take to answer."""
    text = os.environ.get(VARIABLE, "")
    if text and not re.fullmatch(r"[1-9]\d{0,5}", text):
        raise UserError(Problem("not a time", (VARIABLE,), expected="whole seconds, from 1 up", received=text))
    return float(text or PATIENCE)


def server_options(path: Path) -> dict[str, Any]:
    """Return the options of fsspec for the server of a file; none for one of this machine."""
    if not isinstance(path, Remote):
        return {}
    seconds = patience()
    if str(path).startswith("http"):
        import aiohttp

        return {"client_kwargs": {"timeout": aiohttp.ClientTimeout(None, sock_connect=seconds, sock_read=seconds)}}
    if "tensorflow" in sys.modules and "XRootD" not in sys.modules:  # both at once end in a crash
        expected = "'import app.core.remote; app.core.remote.load_xrootd()' before TensorFlow is imported"
        raise UserError(Problem("XRootD cannot be loaded after TensorFlow", (str(path),), expected=expected))
    load_xrootd()
    return {}


def load_xrootd() -> None:
    """Load XRootD, where it is installed; TensorFlow, which has some of its libraries too, has to come after it.

    Where TensorFlow is there already, as in a notebook that imported it first, XRootD is left out: both in this order
    end in a crash, and only a file on such a server needs it.
    """
    if "tensorflow" in sys.modules or not all(map(importlib.util.find_spec, ("XRootD", "fsspec_xrootd"))):
        return
    seconds = f"{patience():.0f}"
    for name in ("CONNECTIONWINDOW", "REQUESTTIMEOUT", "STREAMTIMEOUT"):
        os.environ.setdefault(f"XRD_{name}", seconds)
    os.environ.setdefault("XRD_CONNECTIONRETRY", "1")
    os.environ.setdefault("XRD_TIMEOUTRESOLUTION", "1")
    importlib.import_module("fsspec_xrootd").XRootDFileSystem.default_timeout = int(seconds)  # reads the environment


def open_binary(path: Path) -> Any:
    """Open a file of this machine or of a server for reading."""
    if not isinstance(path, Remote):
        return path.open("rb")
    import fsspec

    options = server_options(path)
    with reaching(path):
        return fsspec.open(str(path), "rb", **options).open()


@contextmanager
def reaching(path: Path) -> Iterator[None]:
    """Turn what fails on the way to a server into a UserError; what fails with a file of this machine is left alone."""
    try:
        yield
    except Exception as error:
        problem = refusal(path, error)
        if problem is None:
            raise
        raise UserError(problem) from None


def refusal(path: Path, error: Exception) -> Problem | None:
    """Return what a server did not do, None where it is no server that failed."""
    cut_off = getattr(error, "status", None) == 416  # the server has the file, and it ends before these bytes
    if not isinstance(path, Remote) or isinstance(error, UserError) or cut_off:
        return None
    causes = (error, error.__cause__, error.__context__)
    said = " ".join(f"{type(cause).__name__} {cause}" for cause in causes).lower()
    if any(word in said for word in SILENT):
        expected = f"an answer within {patience():.0f} s, or a larger {VARIABLE}"
        return Problem("the server does not answer", (str(path),), expected=expected)
    if isinstance(error, FileNotFoundError) or any(word in said for word in GONE):
        return Problem("no such file on the server", (str(path),))
    library = type(error).__module__.partition(".")[0]
    if library in ("aiohttp", "fsspec") or isinstance(error, ConnectionError) or any(w in said for w in BROKEN):
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return Problem(f"cannot be read from the server ({reason})", (str(path),))
    return None
