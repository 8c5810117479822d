"""What holds for every request and every answer, whatever page it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: No form of ours needs more; a mail provider's one-click body is 30 bytes.
MOST_BODY_BYTES = 64 * 1024

#: What does: a picture that an editor brings, and the form around it.
MOST_PICTURE_BYTES = 10 * 1024 * 1024
ROOMY = {"/desk/pictures": MOST_PICTURE_BYTES + MOST_BODY_BYTES}

#: Nothing but our own style sheet and pictures, forms to ourselves, no scripts at all.
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

#: The desk also runs our own modules and asks for what changed meanwhile.
DESK_POLICY = f"{PAGE_POLICY}; script-src 'self'; connect-src 'self'"

_ALWAYS = {
    "content-security-policy": PAGE_POLICY,
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
    "cache-control": "no-store",
}


class Headers:
    """Adds the security headers; a page that sets one of them itself keeps its own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _ALWAYS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, guarded)


class BodyLimit:
    """
    Reads a request's body before anything else does, and answers 413 if it is too long.

    What a page reads is then whole, whatever its Content-Length claimed. Where the browser
    went away before the end, a page that reads it hears that: half a form is none.
    """

    def __init__(
        self,
        app: ASGIApp,
        refuse: Callable[[Request], Response],
        most: int = MOST_BODY_BYTES,
        roomy: Mapping[str, int] = ROOMY,
        streamed: frozenset[str] = frozenset(),
    ) -> None:
        """The pages *streamed* read their bodies piece by piece, and limit them themselves."""
        self.app = app
        self.streamed = streamed
        self.refuse = refuse
        self.most = most
        self.roomy = roomy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_open = scope["type"] != "http" or scope["method"] in ("GET", "HEAD")
        if is_open or scope["path"] in self.streamed:
            await self.app(scope, receive, send)
            return
        most = self.roomy.get(scope["path"], self.most)
        whole = None if _claimed(scope) > most else await _whole(receive, most)
        if whole is None:
            await self.refuse(Request(scope))(scope, receive, send)
            return
        waiting = [whole]

        async def replayed() -> Message:
            return waiting.pop() if waiting else await receive()

        await self.app(scope, replayed, send)


async def _whole(receive: Receive, most: int) -> Message | None:
    """Return the body in one message, or that nobody is there; None for more than *most* bytes."""
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return message
        body += message.get("body", b"")
        if len(body) > most:
            return None
        if not message.get("more_body", False):
            return {"type": "http.request", "body": body, "more_body": False}


def _claimed(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


class Mishaps:
    """Answers with a page where the program failed, and logs why under the page's reference."""

    def __init__(self, app: ASGIApp, answer: Callable[[Request, Exception], Response]) -> None:
        self.app = app
        self.answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def noticed(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, noticed)
        except ClientDisconnect:
            # Nobody is there to be answered, and nothing failed here.
            return
        except Exception as e:
            response = self.answer(Request(scope), e)
            if begun:
                raise
            await response(scope, receive, send)


class Prefix:
    """
    Takes the path of `public_url` off the request's, if it is there.

    So the same process answers behind a proxy that strips that path, behind one
    that does not, and on its own port.
    """

    def __init__(self, app: ASGIApp, public_url: Callable[[], str]) -> None:
        self.app = app
        self.public_url = public_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            prefix = path_of(self.public_url())
            if prefix and (scope["path"] + "/").startswith(prefix + "/"):
                scope = {**scope, "path": scope["path"][len(prefix) :] or "/"}
        await self.app(scope, receive, send)


def path_of(public_url: str) -> str:
    """Return the path that *public_url* begins all ours with, without a slash at its end."""
    return urlsplit(public_url).path.rstrip("/")
