"""The page kept open on this machine: made anew when it is asked for, with what is going on."""

import logging
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from app.core.errors import Problem, UserError
from app.report.page import Page

logger = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
NAMES = (LOOPBACK, "localhost")
"""What a browser on this machine calls the server; a page of elsewhere that has a name for 127.0.0.1 is refused."""


def make_server(port: int, page: Callable[[], Page]) -> ThreadingHTTPServer:
    """Return a server of the page that listens on the loopback interface alone.

    Args:
        port: 0 means any that is free.
        page: called for each answer.

    Raises:
        UserError: another program listens there, or the port may not be used.
    """
    lock = threading.Lock()  # matplotlib draws in one thread at a time

    class Handler(BaseHTTPRequestHandler):
        """Answers `/` with the page and `/now` with what is going on."""

        def do_GET(self) -> None:
            """Send what was asked for; a failure is shown, and the next request is a new attempt."""
            if self.headers.get("Host", "").partition(":")[0] not in NAMES:
                return self._send(HTTPStatus.FORBIDDEN, "only for browsers on this machine", "text/plain")
            if self.path not in ("/", "/now"):
                return self._send(HTTPStatus.NOT_FOUND, "not found; the page is at /", "text/plain")
            try:
                with lock:
                    text = page().render() if self.path == "/" else page().render_now()
            except Exception as error:  # a run that is removed while it is read; the server outlives all of them
                logger.debug("the page cannot be made", exc_info=True)
                what = f"the page cannot be made at the moment; reload it ({type(error).__name__}: {error})"
                return self._send(HTTPStatus.INTERNAL_SERVER_ERROR, what, "text/plain")
            return self._send(HTTPStatus.OK, text, "text/html")

        do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

        def _send(self, status: HTTPStatus, text: str, kind: str) -> None:
            content = text.encode()
            try:
                self.send_response(status)
                self.send_header("Content-Type", f"{kind}; charset=utf-8")
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Cache-Control", "no-store")
                self.send_header("X-Content-Type-Options", "nosniff")
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)
            except (BrokenPipeError, ConnectionResetError):  # the browser has left
                self.close_connection = True

        def log_message(self, format: str, *values: object) -> None:
            """Log a request at the level debug: the terminal belongs to the command."""
            logger.debug(format, *values)

    try:
        return ThreadingHTTPServer((LOOPBACK, port), Handler)
    except OSError as error:
        what = f"cannot be listened on ({error.strerror or error})"
        raise UserError(Problem(what, ("--port",), expected="a free port; 0 takes any", received=port)) from None
