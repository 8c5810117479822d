"""A small real web server whose answers a test writes byte for byte."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

#: Takes a path and the request's headers (lower case); gives the raw answer, or its pieces.
Answering = Callable[[str, dict[str, str]], bytes | Iterable[bytes]]


def answer(
    body: bytes = b"", *, status: str = "200 OK", length: bool = True, **headers: str
) -> bytes:
    """Return an HTTP answer; ``content_type="…"`` becomes Content-Type."""
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    if length:
        told["content-length"] = str(len(body))
    head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return f"HTTP/1.1 {status}\r\n{head}connection: close\r\n\r\n".encode("latin-1") + body


@dataclass
class WebServer:
    """Answers on the loopback until it is closed; keeps what it was asked."""

    answering: Answering
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        # Closing alone does not wake a thread that waits in accept().
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            try:
                path, headers = _request(connection)
                self.asked.append((path, headers))
                told = self.answering(path, headers)
                for piece in [told] if isinstance(told, bytes) else told:
                    connection.sendall(piece)
            except OSError:
                return  # the client had enough, which tests are about


def _request(connection: socket.socket) -> tuple[str, dict[str, str]]:
    said = b""
    while b"\r\n\r\n" not in said:
        piece = connection.recv(65536)
        if not piece:
            raise OSError("the client left")
        said += piece
    first, *lines = said.decode("latin-1").split("\r\n\r\n")[0].split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return first.split(" ")[1], {name.lower(): value for name, value in headers.items()}
