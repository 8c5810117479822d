"""`look` in config.yaml: colours that can be read, fonts, pictures of the newsletter's own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import ValidationError

from digest.config import load
from digest.errors import ConfigError
from digest.model.settings import Look
from digest.web import files
from tests.recaps import PUBLIC_URL, a_newsletter, edition
from tests.website import a_loaded

CONFIG = """\
public_url: https://recap.example.org
newsletters:
  weekly:
    title: Weekly
    from: weekly@example.org
    postal_address: 12 Harbour Road, Springfield
    look: {look}
"""


@pytest.mark.parametrize(
    ("look", "says"),
    [
        ({"accent": "#ffff00"}, "#ffff00 on paper #ffffff has a contrast of 1.1:1"),
        ({"accent": "#808080"}, r"contrast of 3.9:1; WCAG AA asks for 4.5:1, which #7"),
        ({"light": {"ink": "#aaaaaa"}}, "ink #aaaaaa on paper"),
        ({"light": {"ground": "#5d5f63"}}, "quiet #5d5f63 on ground #5d5f63 has a contrast of 1.0"),
        ({"dark": {"paper": "#ffffff"}}, "on paper #ffffff"),
        ({"dark": {"accent": "#6b2c91"}}, "accent #6b2c91 on paper #1d2025"),
    ],
)
def test_colours_that_cannot_be_read_are_refused(look: dict[str, Any], says: str) -> None:
    """With the figure, and a colour near it that would do."""
    with pytest.raises(ValidationError, match=says):
        Look.model_validate(look)


def test_contrast_is_told_with_its_key(tmp_path: Path) -> None:
    """A person sees which line to change."""
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG.format(look='{accent: "#ffff00"}'))
    with pytest.raises(ConfigError, match=r"contrast of 1\.1:1") as caught:
        load(file, {})
    assert caught.value.line == 7
    assert caught.value.key.endswith("look")


def test_colours_and_fonts_are_the_mails() -> None:
    """What config.yaml says replaces ours everywhere, by day and by night."""
    look = {
        "accent": "#0b5a3c",
        "light": {"paper": "#fffdf8", "ground": "#eeeeee", "ink": "#111111"},
        "dark": {"paper": "#101010", "accent": "#7fd6b0"},
        "fonts": {"headings": "Palatino, serif", "text": "'Gill Sans', sans-serif"},
    }
    markup = edition(newsletter=a_newsletter(look=look)).html.lower()
    for colour in ("#0b5a3c", "#fffdf8", "#eeeeee", "#111111", "#101010", "#7fd6b0"):
        assert colour in markup
    for gone in ("#6b2c91", "#f6f5f2", "#1f2226", "#1d2025", "georgia", "segoe"):
        assert gone not in markup


@pytest.mark.parametrize("stack", ["x; } body { display: none", "<b>", 'Georgia", serif', "a'b"])
def test_fonts_are_names_and_nothing_else(stack: str) -> None:
    """What stands in a style sheet cannot end it."""
    with pytest.raises(ValidationError, match="commas between"):
        Look.model_validate({"fonts": {"text": stack}})


@pytest.mark.parametrize("picture", ["logo.svg", "logo.webp", "file:///etc/passwd", "data:x.png"])
def test_pictures_are_what_clients_show(picture: str) -> None:
    """No SVG or WebP, no scheme of another kind."""
    with pytest.raises(ValidationError):
        Look.model_validate({"logo": picture})


def test_pictures_of_its_own_stand_in_the_masthead() -> None:
    """A file beside config.yaml is shown under our own address, another one where it is."""
    look = {"logo": "images/logo.png", "header": "https://example.org/header.jpg"}
    markup = edition(newsletter=a_newsletter(look=look)).html
    assert f'src="{PUBLIC_URL}/pictures/weekly-recap/logo"' in markup
    assert 'src="https://example.org/header.jpg"' in markup


def test_pictures_beside_config_are_served(tmp_path: Path) -> None:
    """Those that config.yaml names, and no other file of the folder."""
    (tmp_path / "logo.png").write_bytes(b"\x89PNG picture")
    (tmp_path / "secret.png").write_bytes(b"not for anyone")
    loaded = a_loaded(tmp_path)
    recap = loaded.settings.newsletters["recap"]
    look = recap.look.model_copy(update={"logo": "logo.png", "header": "https://example.org/h.png"})
    named = {"recap": recap.model_copy(update={"look": look})}
    loaded = type(loaded)(
        loaded.settings.model_copy(update={"newsletters": named}), tmp_path, loaded.path
    )
    app = FastAPI()
    app.include_router(files.doors(SimpleNamespace(loaded=loaded)))  # type: ignore[arg-type]

    def asked(path: str) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as browser:
                return await browser.get(f"/pictures/{path}")

        return asyncio.run(ask())

    assert asked("recap/logo").content == b"\x89PNG picture"
    assert asked("recap/logo").headers["content-type"] == "image/png"
    for none in ("recap/header", "recap/secret.png", "nobody/logo", "recap/..%2fsecret.png"):
        assert asked(none).status_code in (404, 422)


def test_missing_picture_is_told_at_load(tmp_path: Path) -> None:
    """Before a reader sees the gap."""
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG.format(look="{logo: logo.png}"))
    assert any("no file logo.png" in str(remark) for remark in load(file, {}).warnings)
    (tmp_path / "logo.png").touch()
    assert not any("logo.png" in str(remark) for remark in load(file, {}).warnings)
