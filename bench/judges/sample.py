"""The mails that are judged: the real week and a specimen in each layout, and all notices."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import mjml

from bench.judges import pages
from digest.model.settings import DkimSettings
from digest.render import fragments, notice, sample, specimen
from digest.render.signature import SEALED, SIGNED, signer
from tests.recaps import (
    PUBLIC_URL,
    SENT_AT,
    TEMPLATES,
    a_japanese_issue,
    a_newsletter,
    addressed,
    an_arabic_issue,
    edition,
    real_week,
)

LAYOUTS = ("cards", "compact", "text")


@dataclass(frozen=True)
class Mails:
    folder: Path
    #: HTML as a reader gets it, by name.
    html: tuple[Path, ...]
    #: Rendered MJML, before it is compiled.
    mjml: tuple[Path, ...]
    #: The signed messages.
    eml: tuple[Path, ...]
    #: The first of those with one field or the body altered, by what was.
    altered: dict[str, Path]
    #: What the domain's DKIM record says.
    record: str
    #: Readers' pages as they are served, and the same with their styles inside.
    served: tuple[Path, ...]
    pages: tuple[Path, ...]


def written(folder: Path) -> Mails:
    """Write all of them into *folder*."""
    sources = _kept_sources()
    html, messages = {}, {}
    signs = signer(_key(folder), folder=folder)
    for layout in LAYOUTS:
        for name, recap in (("week", real_week()), ("specimen", specimen.recap())):
            told = edition(recap, layout)
            html[f"{name}-{layout}"] = sample(told)[0]
            message = addressed(fragments.cut(told), newsletter=a_newsletter(layout))
            if name == "week":
                messages[layout] = bytes(signs.sealed(message, at=SENT_AT))
    for language, recap in (("ar", an_arabic_issue()), ("ja", a_japanese_issue())):
        newsletter = a_newsletter(language=language)
        told = edition(recap, newsletter=newsletter)
        html[f"{language}-cards"] = sample(told)[0]
        message = addressed(fragments.cut(told), newsletter=newsletter)
        messages[language] = bytes(signs.sealed(message, at=SENT_AT))
    html |= {name: _notice(name) for name in _notices()}
    served, whole = pages.written(folder)
    return Mails(
        served=served,
        pages=whole,
        folder=folder,
        html=_files(folder, "html", {name: text.encode() for name, text in html.items()}),
        mjml=_files(folder, "mjml", {str(at): text.encode() for at, text in enumerate(sources)}),
        eml=_files(folder, "eml", messages),
        altered=_altered(folder, messages["cards"]),
        record=signs.record(),
    )


def _kept_sources() -> list[str]:
    """Keep a copy of whatever is compiled from now on."""
    sources: list[str] = []
    compile_it = mjml.mjml2html

    def kept(source: str, *args: object, **told: object) -> str:
        sources.append(source)
        return compile_it(source, *args, **told)

    mjml.mjml2html = kept
    return sources


def _key(folder: Path) -> DkimSettings:
    subprocess.run(
        ["openssl", "genrsa", "-out", folder / "dkim.pem", "2048"], check=True, capture_output=True
    )
    return DkimSettings(domain="example.org", selector="s1", key="dkim.pem")


def _notices() -> list[str]:
    names = [each.name for each in (TEMPLATES[0] / "mail").iterdir()]
    return sorted(set(names) - {"recap", "parts"})


def _notice(name: str) -> str:
    return notice(
        name,
        specimen.NOTICE_VALUES,
        newsletter=a_newsletter(),
        public_url=PUBLIC_URL,
        templates=TEMPLATES,
    ).html


def _files(folder: Path, suffix: str, contents: dict[str, bytes]) -> tuple[Path, ...]:
    for name, content in contents.items():
        (folder / f"{name}.{suffix}").write_bytes(content)
    return tuple(folder / f"{name}.{suffix}" for name in contents)


def _altered(folder: Path, content: bytes) -> dict[str, Path]:
    """Write one copy for each signed field changed, for each sealed one doubled, for the body."""
    changed = {"body": content.replace(b"Content-Type: text/plain", b"Content-Type: text/plane")}
    for name in (*SEALED, *SIGNED):
        field = b"\r\n" + name.encode() + b": "
        changed[name] = content.replace(field, field + b"x", 1)
    for name in SEALED:
        changed[f"second {name}"] = name.encode() + b": x <x@example.org>\r\n" + content
    assert all(each != content for each in changed.values())
    files = _files(folder, "altered", {name.replace(" ", "-"): c for name, c in changed.items()})
    return dict(zip(changed, files, strict=True))
