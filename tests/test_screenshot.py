"""The picture of a mail: drawn by a browser that sees the mail alone, and never waited for."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import Any, NoReturn

import pytest
from PIL import Image

from digest import screenshot
from digest.screenshot import HEIGHT, MOST_BYTES, WIDTH, NotDrawn, TooLarge, drawn, program

GOLDEN = Path(__file__).parent / "golden"


def png(width: int = WIDTH, height: int = HEIGHT, colour: str = "white") -> bytes:
    out = BytesIO()
    Image.new("RGB", (width, height), colour).save(out, "PNG")
    return out.getvalue()


def a_program(folder: Path, does: str) -> str:
    """A program in place of the browser, which is told where the picture goes as it is."""
    file = folder / "browser"
    file.write_text(
        "#!/bin/sh\n"
        'for each in "$@"; do case $each in --screenshot=*) out=${each#*=};; esac; done\n' + does
    )
    file.chmod(0o755)
    return str(file)


def draws(folder: Path, picture: bytes) -> str:
    """A program that draws *picture* whatever it is shown, and counts how often."""
    (folder / "drawn.png").write_bytes(picture)
    return a_program(folder, f'echo >> {folder}/count; cp {folder}/drawn.png "$out"\n')


@pytest.fixture
def chromium(needs: Callable[[str, str], NoReturn]) -> str:
    found = program("auto")
    if found is None:
        needs("browser", "Chromium is not installed: apt install chromium")
    return found


# --- with a real one -----------------------------------------------------------------------


@pytest.mark.browser
def test_a_mail_is_drawn_as_a_phone_shows_it(chromium: str) -> None:
    """The picture is a phone's width, light enough for a mail, and not an empty sheet."""
    mail = (GOLDEN / "recap-cards.html").read_text()
    picture = drawn(mail, program=chromium, seconds=60)
    assert len(picture) <= MOST_BYTES
    seen = Image.open(BytesIO(picture)).convert("L")
    assert seen.size == (WIDTH, HEIGHT)
    dark = sum(seen.histogram()[:128])
    assert WIDTH * HEIGHT / 50 < dark < WIDTH * HEIGHT / 4


class Counting(BaseHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(404)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.mark.browser
def test_nothing_is_asked_of_anybody_and_nothing_runs(chromium: str) -> None:
    """A picture that stands in the mail is seen; no address is called, no script changes it."""
    Counting.asked = []
    server = HTTPServer(("127.0.0.1", 0), Counting)
    Thread(target=server.serve_forever, daemon=True).start()
    there = f"http://127.0.0.1:{server.server_port}"
    square = base64.b64encode(png(100, 100, "#00ff00")).decode()
    mail = (
        f'<!doctype html><head><link rel="stylesheet" href="{there}/css">'
        f'<link rel="dns-prefetch" href="{there}"><link rel="prefetch" href="{there}/prefetch">'
        f"<style>@import '{there}/import';@font-face{{font-family:f;src:url({there}/font)}}"
        f"body{{margin:0;font-family:f;background:#fff url({there}/background)}}</style>"
        f'<meta http-equiv="refresh" content="0;url={there}/refresh"></head><body>'
        f'<img src="data:image/png;base64,{square}" style="display:block">'
        f'<img src="{there}/image"><iframe src="{there}/frame"></iframe>'
        f'<object data="{there}/object"></object><video src="{there}/video" autoplay></video>'
        "<script>document.body.innerHTML='';document.body.style.background='red'</script>"
        f"<img src=x onerror=\"fetch('{there}/error')\"><p>Words in the mail</p></body>"
    )
    picture = drawn(mail, program=chromium, seconds=60)
    server.shutdown()
    server.server_close()
    assert Counting.asked == []
    seen = Image.open(BytesIO(picture)).convert("RGB")
    assert seen.getpixel((50, 50)) == (0, 255, 0)
    assert seen.getpixel((WIDTH - 1, HEIGHT - 1)) == (255, 255, 255)


# --- with one that fails ---------------------------------------------------------------------


def test_a_program_that_hangs_is_ended_with_all_it_started(tmp_path: Path) -> None:
    """After its time the program and its children are gone, and no picture is made of them."""
    hanging = a_program(tmp_path, f"sleep 60 &\necho $! > {tmp_path}/child\nwait\n")
    with pytest.raises(NotDrawn, match=r"nothing within 0\.5 s"):
        drawn("<p>Hello", program=hanging, seconds=0.5)
    child = int((tmp_path / "child").read_text())
    for _ in range(100):
        if not _runs(child):
            return
        time.sleep(0.05)
    pytest.fail("a child of the program still runs")


def _runs(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.parametrize(
    ("does", "why"),
    [
        ("exit 3", "ended with 3"),
        ("exit 0", "without a picture"),
        ('echo no > "$out"', "something else than a PNG"),
    ],
)
def test_what_is_no_picture_is_told(tmp_path: Path, does: str, why: str) -> None:
    """A program that ends badly, or draws nothing, or something else, says which of these."""
    with pytest.raises(NotDrawn, match=why):
        drawn("<p>Hello", program=a_program(tmp_path, does))


def test_a_picture_of_another_size_or_weight_is_none(tmp_path: Path) -> None:
    """What would stretch or weigh down the mail is not taken."""
    with pytest.raises(NotDrawn, match="another size than 375 x 1000"):
        drawn("<p>Hello", program=draws(tmp_path, png(800, 600)))
    noise = Image.frombytes("RGB", (WIDTH, HEIGHT), os.urandom(WIDTH * HEIGHT * 3))
    noise.save(heavy := BytesIO(), "PNG")
    with pytest.raises(TooLarge, match="200 are the most"):
        drawn("<p>Hello", program=draws(tmp_path, heavy.getvalue()))


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A path that leads nowhere, by setting or by the time it runs, is said with its name."""
    with pytest.raises(NotDrawn, match="no program /nowhere/chromium"):
        program("/nowhere/chromium")
    with pytest.raises(NotDrawn, match="does not start"):
        drawn("<p>Hello", program=str(tmp_path / "gone"))


def test_none_draws_nothing_and_auto_takes_what_path_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing has to be installed: without a Chromium there is no picture, and no error."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program("auto") is None
    (tmp_path / "browser").symlink_to("/bin/true")
    (tmp_path / "browser").rename(tmp_path / "chromium-browser")
    assert program("auto") == str(tmp_path / "chromium-browser")
    assert program("none") is None


@pytest.mark.parametrize(("user", "bare"), [(0, True), (1000, False)])
def test_the_program_gets_no_secret_and_keeps_its_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int, bare: bool
) -> None:
    """It sees nothing of our environment; only root, for whom none works, takes the sandbox off."""
    monkeypatch.setattr(screenshot.os, "geteuid", lambda: user)
    monkeypatch.setenv("TOKEN_KEY", "secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    (tmp_path / "look.py").write_text(
        "import json, os, sys; json.dump([sys.argv, dict(os.environ)], open(sys.argv[1], 'w'))"
    )
    told = tmp_path / "told"
    asked = a_program(tmp_path, f'python3 {tmp_path}/look.py {told} "$@"\n')
    with pytest.raises(NotDrawn):
        drawn("<p>Hello", program=asked)
    words, environment = json.loads(told.read_text())
    assert ("--no-sandbox" in words) is bare
    assert "--host-resolver-rules=MAP * ~NOTFOUND" in words
    assert not {"TOKEN_KEY", "HTTPS_PROXY"} & set(environment)
    assert not Path(environment["HOME"]).exists()
