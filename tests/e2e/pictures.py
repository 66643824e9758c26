"""Pictures as bytes and as data URLs, and a server that hands them out or leads elsewhere."""

from __future__ import annotations

import base64
import io
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from PIL import Image


def png(color: str) -> bytes:
    """Return a small picture of one colour."""
    file = io.BytesIO()
    Image.new("RGB", (40, 30), color).save(file, "PNG")
    return file.getvalue()


def bomb(side: int) -> bytes:
    """Return a few kilobytes that decode to *side* by *side* pixels."""
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((side // 8 + 1) * side), 9)
    chunks = ((b"IHDR", head), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def as_data(picture: bytes) -> str:
    """Return *picture* as a data URL."""
    return "data:image/png;base64," + base64.b64encode(picture).decode()


class Gallery:
    """A server on a loopback port: ``/COLOR.png`` is a picture, ``/to/ADDRESS`` leads to that address."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.host = f"127.0.0.1:{self.server.server_port}"
        self.url = f"http://{self.host}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                if self.path.startswith("/to/"):
                    self.send_response(302)
                    self.send_header("location", self.path.removeprefix("/to/"))
                    self.send_header("content-length", "0")
                    self.end_headers()
                    return
                if not self.path.endswith(".png"):
                    self.send_error(404)
                    return
                body = png(self.path.strip("/").removesuffix(".png"))
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


@contextmanager
def gallery() -> Iterator[Gallery]:
    """Serve pictures for the length of the block."""
    one = Gallery()
    serving = threading.Thread(target=one.server.serve_forever, daemon=True)
    serving.start()
    try:
        yield one
    finally:
        one.server.shutdown()
        one.server.server_close()
        serving.join(timeout=10)
