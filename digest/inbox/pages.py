"""The inbox's web side: what came, each mail as HTML without scripts, as text, as source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from digest.inbox.kept import Kept, MailFolder
from digest.inbox.server import taken

#: So many of the newest mails are listed.
LISTED = 200

#: How a mail can be looked at, and what that is called.
VIEWS = {"html": "Desktop", "phone": "Phone", "text": "Text", "source": "Source"}

#: Nothing of a mail may run, call home by a form, or reach the page around it.
MAIL_POLICY = (
    "default-src 'none'; img-src http: https: data:; style-src 'unsafe-inline'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox"
)
PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'"

_STYLE = """
:root { color-scheme: light dark; --ink: #23211e; --quiet: #6a655e; --paper: #fff;
  --ground: #f6f5f2; --line: #dcd8d0; --accent: #6b2c91; }
@media (prefers-color-scheme: dark) { :root { --ink: #e9e6e1; --quiet: #a49e95;
  --paper: #1d2025; --ground: #14161a; --line: #34383f; --accent: #c9a0e4; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 24px 16px; background: var(--ground); color: var(--ink);
  font: 16px/26px system-ui, sans-serif; }
main { max-width: 960px; margin: 0 auto; }
h1 { font: 26px/32px Georgia, serif; margin: 0 0 16px; overflow-wrap: anywhere; }
a { color: var(--accent); }
a:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
ul { list-style: none; margin: 0; padding: 0; background: var(--paper);
  border: 1px solid var(--line); border-radius: 4px; }
li { padding: 8px 16px; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
li:first-child { border-top: 0; }
.quiet { color: var(--quiet); font-size: 14px; line-height: 20px; }
nav { display: flex; flex-wrap: wrap; gap: 16px; margin: 16px 0; }
nav a[aria-current] { color: var(--ink); font-weight: 600; text-decoration: none; }
iframe { display: block; width: 100%; height: 80vh; border: 1px solid var(--line);
  border-radius: 4px; background: #fff; margin: 0 auto; }
iframe.phone { max-width: 375px; }
pre { background: var(--paper); border: 1px solid var(--line); border-radius: 4px;
  padding: 16px; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere;
  font: 14px/20px ui-monospace, monospace; }
"""


@contextmanager
def serving(folder: MailFolder, host: str, port: int) -> Iterator[int]:
    """Show *folder* in a browser until left; gives the port that it listens on."""

    class Pages(_Pages):
        mails = folder

    try:
        server = ThreadingHTTPServer((host, port), Pages)
    except OSError as e:
        raise taken(host, port, e, option="--web-port") from e
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.05,), name="inbox pages", daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Pages(BaseHTTPRequestHandler):
    """``/``, ``/mail/7``, ``/mail/7/text`` and the like; GET and HEAD only."""

    mails: MailFolder
    # A browser that opens a connection and says nothing must not keep a thread for ever.
    timeout = 30

    def do_GET(self) -> None:
        if not self._is_meant_for_us():
            self._answer(HTTPStatus.FORBIDDEN, _page("Not here", "<p>Ask by an address.</p>"))
        elif self.path == "/":
            self._answer(HTTPStatus.OK, _list(self.mails.mails()))
        elif found := re.fullmatch(r"/mail/(\d{1,9})(?:/([a-z]+))?", self.path):
            self._show(int(found[1]), found[2] or "html")
        else:
            self._answer(HTTPStatus.NOT_FOUND, _page("Nothing here", _BACK))

    do_HEAD = do_GET  # noqa: N815 - the server's name for it

    def _is_meant_for_us(self) -> bool:
        """Tell a browser that was led here under a foreign name (DNS rebinding) no."""
        name = re.sub(r":\d+$", "", self.headers.get("Host", ""))
        return name == "localhost" or bool(re.fullmatch(r"[\d.]+|\[[0-9a-fA-F:.]+\]", name))

    def _show(self, number: int, view: str) -> None:
        mail = self.mails.mail(number)
        if mail is None or view not in (*VIEWS, "frame"):
            self._answer(HTTPStatus.NOT_FOUND, _page("No such mail", _BACK))
        elif view == "frame":
            self._answer(HTTPStatus.OK, _framed(mail), policy=MAIL_POLICY)
        else:
            self._answer(HTTPStatus.OK, _mail(mail, view))

    def _answer(self, status: HTTPStatus, html: str, *, policy: str = PAGE_POLICY) -> None:
        content = html.encode("utf-8", "replace")
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing: the terminal belongs to the command that runs the inbox."""


_BACK = '<p><a href="/">All mail</a></p>'


def _page(title: str, body: str) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>\n"
    )


def _list(mails: list[Kept]) -> str:
    if not mails:
        return _page("Inbox", "<p>No mail yet. Whatever is sent to this server appears here.</p>")
    count = "1 mail" if len(mails) == 1 else f"{len(mails):,} mails"
    shown = f", the newest {LISTED} of them" if len(mails) > LISTED else ""
    rows = "".join(_row(mail) for mail in reversed(mails[-LISTED:]))
    return _page("Inbox", f'<p class="quiet">{count}{shown}</p><ul>{rows}</ul>')


def _row(mail: Kept) -> str:
    subject = escape(mail.header("Subject") or "(no subject)")
    to, date = mail.header("To") or mail.header("Delivered-To"), mail.header("Date")
    facts = f"to {to} · {date}" if date else f"to {to}"
    return (
        f'<li><a href="/mail/{mail.number}">{subject}</a>'
        f'<div class="quiet">{escape(facts)}</div></li>'
    )


def _mail(mail: Kept, view: str) -> str:
    tabs = "".join(
        f'<a href="/mail/{mail.number}/{key}"{" aria-current=page" if key == view else ""}>'
        f"{name}</a>"
        for key, name in VIEWS.items()
    )
    facts = f"from {mail.header('From')} to {mail.header('To')} · {mail.path.name}"
    top = f'<p class="quiet">{escape(facts)}</p><nav><a href="/">All mail</a>{tabs}</nav>'
    return _page(mail.header("Subject") or "(no subject)", top + _view(mail, view))


def _view(mail: Kept, view: str) -> str:
    if view == "source":
        return f"<pre>{escape(mail.source.decode('utf-8', 'replace'))}</pre>"
    if view == "text":
        text = mail.body("plain")
        return f"<pre>{escape(text)}</pre>" if text else "<p>This mail has no text part.</p>"
    if mail.body("html") is None:
        return "<p>This mail has no HTML part that can be read.</p>"
    return (
        f'<iframe class="{view}" title="The mail" src="/mail/{mail.number}/frame" '
        'sandbox="allow-popups allow-popups-to-escape-sandbox"></iframe>'
    )


def _framed(mail: Kept) -> str:
    """Return the mail's own HTML; its links open outside the frame."""
    html = mail.body("html") or ""
    return re.sub(r"(<head\b[^>]*>)", r'\1<base target="_blank">', html, count=1, flags=re.I)
