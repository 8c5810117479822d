"""Everybody can use the desk and the readers' pages: WCAG 2.2 AA, by axe and by keyboard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from digest.store import Database
from tests import newsroom
from tests.newsroom import Newsroom
from tests.website import Site, browsing, served

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]

#: Where `make judges` puts it.
AXE = Path(__file__).parents[1] / ".venv/judges/node_modules/axe-core/axe.min.js"
#: So many presses of Tab reach the end of any page.
MOST_STOPS = 400

_VIOLATIONS = """async () => (await axe.run(document, {resultTypes: ['violations'], runOnly:
    ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})).violations
    .map(each => each.id + ': ' + each.nodes.map(node => node.target.join(' ')).join('; '))"""

#: What a mouse can press and see. Of a group of radio buttons one is a stop (HTML, 6.6.3).
_PRESSABLE = """() => {
    const seen = new Set();
    return [...document.querySelectorAll(
        'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]'
    )].filter(each => each.checkVisibility({visibilityProperty: true}) && !each.disabled
        && each.getBoundingClientRect().width > 0 && each.tabIndex >= 0
        && !(each.type === 'radio' && (seen.has(each.name) || !seen.add(each.name)))
    ).map((each, place) => { each.dataset.stop ??= place; return each.outerHTML.slice(0, 120); });
}"""
#: Which of them has the focus, and whether that can be seen: the browser's ring or one of two
#: pixels or more, within the window. In a frame it is the mail's own links that have it, in a
#: field for a day each of its parts, which the browser marks.
_FOCUSED = """() => {
    const at = document.activeElement;
    if (!at || at === document.body) return null;
    const style = getComputedStyle(at), box = at.getBoundingClientRect();
    const ring = style.outlineStyle === 'auto'
        || (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2);
    const own = at.tagName === 'IFRAME' || at.type === 'date';
    const inside = box.bottom > 0 && box.top < innerHeight
        && box.right > 0 && box.left < innerWidth;
    const group = at.type === 'radio' && at.name
        ? document.querySelector(`input[name="${at.name}"][data-stop]`) : at;
    return {stop: group?.dataset.stop ?? null, seen: own || (ring && inside),
        what: at.outerHTML.slice(0, 120)};
}"""
#: A sandboxed frame is another process: while the focus is on its way there, nothing has it.
_ARRIVING = f"""async () => {{
    for (let left = 20; left && document.activeElement === document.body; left -= 1)
        await new Promise(later => setTimeout(later, 50));
    return ({_FOCUSED})();
}}"""
#: A frame that begins to load when the focus comes near takes the focus with it, and a field
#: that is to have the focus first gets it when the page is first painted (HTML, 6.6.7).
_SETTLED = """async () => {
    await Promise.all([...document.querySelectorAll('iframe[loading=lazy]')].map(
        each => new Promise(loaded => {
            each.addEventListener('load', loaded, {once: true});
            each.loading = 'eager';
            each.src = each.src;
        })));
    for (const _ of [1, 2]) await new Promise(requestAnimationFrame);
}"""


@pytest.fixture
def chromium(needs: Callable[[str, str], NoReturn]) -> Iterator[Callable[..., Any]]:
    with browsing(needs) as opened:
        yield opened


@pytest.fixture
def axe(needs: Callable[[str, str], NoReturn]) -> str:
    if not AXE.exists():
        needs("axe", f"axe-core is not at {AXE}; `make judges` brings it")
    return AXE.read_text()


@pytest.fixture
def room(database: Database, tmp_path: Path) -> Iterator[Newsroom]:
    with served(database, tmp_path) as site:
        yield newsroom.furnished(site)


def signed_in(site: Site, page: Any) -> None:
    page.goto(f"{site.address}/sign-in/{site.link('admin')}")
    page.click("main button, button")


def shown(site: Site, page: Any, address: str) -> None:
    answer = page.goto(f"{site.address}{address}")
    assert answer.status in (200, 410), f"{address}: {answer.status}"


def focused(page: Any) -> dict[str, Any] | None:
    """What has the focus; nothing once the last stop is left."""
    return page.evaluate(_ARRIVING if page.query_selector("iframe") else _FOCUSED)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280])
def test_no_page_has_a_fault_that_axe_finds(
    room: Newsroom, chromium: Callable[..., Any], axe: str, width: int, scheme: str
) -> None:
    """Every page keeps WCAG 2.2 AA as far as programs can tell; none is scrolled sideways."""
    page, faults = chromium(width=width, scheme=scheme), []
    signed_in(room.site, page)
    for name, address in room.addresses().items():
        shown(room.site, page, address)
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        page.evaluate(axe)
        faults += [f"{name}: {fault}" for fault in page.evaluate(_VIOLATIONS)]
        needed = page.evaluate("document.documentElement.scrollWidth")
        faults += [f"{name}: {needed} px wide"] if needed > width else []
    assert not faults, "\n".join(faults)


def test_no_page_is_too_wide_for_large_letters(
    room: Newsroom, needs: Callable[[str, str], NoReturn]
) -> None:
    """Who has the browser write twice as large is not made to scroll sideways."""
    with browsing(needs, "--blink-settings=defaultFontSize=32") as opened:
        page = opened(width=1280, scheme="light")
        signed_in(room.site, page)
        for name, address in room.addresses().items():
            shown(room.site, page, address)
            assert page.evaluate("document.documentElement.scrollWidth") <= 1280, name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_open_menu_has_no_fault_that_axe_finds(
    room: Newsroom, chromium: Callable[..., Any], axe: str, scheme: str
) -> None:
    """Also what a phone shows only once it is asked for keeps WCAG 2.2 AA."""
    page = chromium(width=375, scheme=scheme)
    signed_in(room.site, page)
    page.goto(f"{room.site.address}/desk/feeds")
    page.click("text=Menu")
    page.evaluate(axe)
    assert page.evaluate(_VIOLATIONS) == []


@pytest.mark.parametrize("width", [375, 1280])
def test_whatever_can_be_pressed_is_reached_by_tab(
    room: Newsroom, chromium: Callable[..., Any], width: int
) -> None:
    """Tab comes to every link, button and field in turn, never stays, and shows where it is."""
    page, faults = chromium(width=width, scheme="light"), []
    signed_in(room.site, page)
    for name, address in room.addresses().items():
        shown(room.site, page, address)
        page.evaluate(_SETTLED)
        pressable = page.evaluate(_PRESSABLE)
        # Where a page begins in its one field.
        begun = page.evaluate(_FOCUSED)
        reached = {begun["stop"]} if begun else set()
        for _ in range(MOST_STOPS):
            page.keyboard.press("Tab")
            at = focused(page)
            if at is None:
                break
            reached.add(at["stop"])
            faults += [] if at["seen"] else [f"{name}: the focus is not seen on {at['what']}"]
        missed = [what for place, what in enumerate(pressable) if str(place) not in reached]
        faults += [f"{name}: Tab does not come to {what}" for what in missed]
    assert not faults, "\n".join(faults)


def test_nothing_moves_for_who_asked_for_calm(room: Newsroom, chromium: Callable[..., Any]) -> None:
    """With `prefers-reduced-motion` no page animates, moves smoothly, or scrolls by itself."""
    page = chromium(width=1280, scheme="light")
    page.emulate_media(reduced_motion="reduce")
    signed_in(room.site, page)
    for name, address in room.addresses().items():
        shown(room.site, page, address)
        moving = page.evaluate("""() => [...document.querySelectorAll('*')].filter(each => {
            const style = getComputedStyle(each);
            const lasts = name => style[name].split(',').some(time => parseFloat(time) > 0.01);
            return lasts('transitionDuration') || (style.animationName !== 'none'
                && lasts('animationDuration')) || style.scrollBehavior === 'smooth';
        }).map(each => each.outerHTML.slice(0, 100))""")
        assert moving == [], name
