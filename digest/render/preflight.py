"""What to look at before an edition goes out, as sentences with a remedy each."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from digest.errors import DigestError
from digest.model import Edition, Recap
from digest.model.settings import NewsletterSettings, is_loopback, is_placeholder
from digest.render import fragments
from digest.render.editions import sample
from digest.render.finding import Finding, error, warning
from digest.render.fit import BUDGET_BYTES
from digest.render.fit import size as size_of
from digest.render.headers import LINE_LIMIT
from digest.render.plain import link, plain

#: Gmail shows no more of a mail than about 102 KB.
LIMIT_BYTES = 100 * 1024

#: Longer subjects are cut on every phone; the shortest say nothing.
SUBJECT_CHARACTERS = (10, 130)

#: What template languages fill in.
_BRACES = re.compile(r"\{\{.*?\}\}|\{%.*?%\}")


def check(
    edition: Edition,
    recap: Recap,
    newsletter: NewsletterSettings,
    *,
    missing: Sequence[DigestError] = (),
) -> tuple[Finding, ...]:
    """
    Return what is wrong with *edition*, errors first; nothing if it may go.

    *missing* is why blocks that the newsletter names are not in it.
    """
    found = [
        *(error("block-missing", f"{each}.", each.remedy or "Mend the file.") for each in missing),
        *_content(recap, newsletter),
        *_law(edition, newsletter),
        *_subject(edition),
        *_size(edition),
        *_slots(edition),
        *_braces(edition, recap, newsletter),
        *_pictures(edition, newsletter),
        *_parity(edition),
    ]
    return tuple(sorted(found, key=lambda finding: finding.level))


def _content(recap: Recap, newsletter: NewsletterSettings) -> Iterator[Finding]:
    if not recap.items:
        yield error(
            "no-items",
            "There are no items.",
            "Pin a publication, widen look_back, or cancel the issue.",
        )
    elif len(recap.items) < newsletter.items.min:
        yield warning(
            "few-items",
            f"There are {len(recap.items)} items; the newsletter asks for {newsletter.items.min}.",
            "Pin more publications, or send it as it is.",
        )
    shown = {each for section in recap.sections for each in section.items}
    for item in recap.items:
        if item.publication not in shown:
            yield error(
                "item-lost",
                f"“{plain(item.title)}” is chosen but stands in no section.",
                "Add the section `more` to `sections` in config.yaml.",
                f"item-{item.publication}",
            )
        elif not link(item.link):
            yield warning(
                "no-link",
                f"“{plain(item.title)}” has no link.",
                "It is shown as a title without a link.",
                f"item-{item.publication}",
            )


def _law(edition: Edition, newsletter: NewsletterSettings) -> Iterator[Finding]:
    postal = plain(newsletter.postal_address)
    if len(postal) < 8 or is_placeholder(postal):
        yield error(
            "postal-placeholder",
            f"The postal address “{postal}” is not one.",
            "Write where you can be reached under `postal_address` in config.yaml.",
        )
    for part, content in (("HTML", html.unescape(_bare(edition.html))), ("text", edition.text)):
        if _squeezed(postal) not in _squeezed(content):
            yield error(
                "postal-missing",
                f"The {part} part does not show the postal address.",
                "Put {{ newsletter.postal_address }} into its template.",
            )
    for part, content in (("HTML", edition.html), ("text", edition.text)):
        if "unsubscribe_url" not in fragments.slots(content):
            yield error(
                "unsubscribe-missing",
                f"The {part} part has no way to unsubscribe.",
                "Put {{ slots.unsubscribe_url }} into its template.",
            )


def _bare(markup: str) -> str:
    return re.sub(r"<[^>]*>", " ", markup)


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _subject(edition: Edition) -> Iterator[Finding]:
    shortest, longest = SUBJECT_CHARACTERS
    subject, place = edition.subject, "subject"
    if not subject:
        yield error("subject-empty", "The subject is empty.", "Write a headline.", place)
    elif len(subject) < shortest:
        said = f"The subject has {len(subject)} characters."
        yield warning("subject-short", said, "Say more in it.", place)
    elif len(subject) > longest:
        yield warning(
            "subject-long",
            f"The subject has {len(subject)} characters; a phone shows about 40, "
            "a desktop about 70.",
            "Shorten a theme's label.",
            place,
        )
    if re.match(r"(re|fwd?|aw|wg)\s*:", subject, re.IGNORECASE):
        yield error(
            "subject-reply",
            f"The subject begins like an answer: “{subject}”.",
            "Begin it with a theme.",
            place,
        )
    letters = [c for c in subject if c.isalpha() and c.lower() != c.upper()]
    if len(letters) > 8 and all(c.isupper() for c in letters):
        yield warning(
            "subject-capitals", "The subject is all capitals.", "Write it as a sentence.", place
        )
    if re.search(r"!.*!|\${2}|[?!]{2}", subject):
        yield warning(
            "subject-shouting",
            f"The subject shouts: “{subject}”. Filters and readers take that for advertising.",
            "One mark at the end of a sentence is enough.",
            place,
        )


def _size(edition: Edition) -> Iterator[Finding]:
    size = size_of(edition)
    if size >= LIMIT_BYTES:
        yield error(
            "too-large",
            f"The HTML has {size // 1024} KB; Gmail would cut it off before the footer.",
            "Lower `items: {max: …}` or choose `look: {layout: compact}` in config.yaml.",
        )
    elif size > BUDGET_BYTES:
        yield warning(
            "large",
            f"The HTML has {size // 1024} KB; {BUDGET_BYTES // 1024} KB are on the safe side.",
            "Lower `items: {max: …}` in config.yaml.",
        )
    for note in edition.notes:
        yield warning("shortened", note, "Lower `items: {max: …}`, or send it as it is.")


def _slots(edition: Edition) -> Iterator[Finding]:
    asked = fragments.slots(edition.subject + edition.html + edition.text)
    for name in sorted(set(asked) - set(fragments.SLOTS)):
        yield error(
            "slot-unknown",
            f"The edition asks for the reader's {name}, which nobody fills in.",
            f"Templates may use: {', '.join(fragments.SLOTS)}.",
        )


def _braces(edition: Edition, recap: Recap, newsletter: NewsletterSettings) -> Iterator[Finding]:
    """Tell what we ourselves left unfilled from what a publication is about."""
    # Sought where it was written: lines of the text part may break within it.
    ours = set(_BRACES.findall("\n".join(_own_words(recap, newsletter))))
    for unfilled in sorted(ours):
        yield error(
            "words-unfilled",
            f"“{unfilled[:60]}” stands in the mail as it is, and nobody fills it in.",
            "Write the words themselves, in config.yaml or with: digest issue edit",
        )
    # No feed can keep an issue from going out by writing braces.
    for unfilled in sorted({*_BRACES.findall(f"{edition.subject}\n{edition.text}")} - ours):
        yield warning(
            "template-words",
            f"“{unfilled[:60]}” stands in the mail as it is.",
            "If it is a template's, mend it; if it is a publication's own, leave it.",
        )


def _own_words(recap: Recap, newsletter: NewsletterSettings) -> Iterator[str]:
    """Yield what the settings and the editors say in the mail, and no feed does."""
    yield from (newsletter.title, newsletter.postal_address, newsletter.notice)
    yield newsletter.look.footer
    yield from (str(getattr(recap, name)) for name in recap.human)
    yield from (theme.label for theme in recap.themes if theme.human)
    yield from (str(getattr(item, name)) for item in recap.items for name in item.edited)
    yield from (section.block.markdown for section in recap.sections if section.block)


def _pictures(edition: Edition, newsletter: NewsletterSettings) -> Iterator[Finding]:
    for tag in re.findall(r"<img\b[^>]*>", edition.html):
        if not re.search(r"\balt=", tag):
            yield error(
                "alt-missing",
                f"A picture has no alt attribute: {tag[:80]}",
                'Write alt="{{ item.image.alt }}" in the template.',
            )
    without = [
        tag for tag in re.findall(r"<img\b[^>]*>", edition.html) if re.search(r'\balt=""', tag)
    ]
    # The newsletter's own two say nothing that its name beside them does not.
    missing = len(without) - sum(map(bool, (newsletter.look.logo, newsletter.look.header)))
    if missing > 0:
        yield warning(
            "alt-empty",
            f"{missing} {'picture has' if missing == 1 else 'pictures have'} no description.",
            "Its feed tells none. Add one to the publication, or set `images: never`.",
        )


def _parity(edition: Edition) -> Iterator[Finding]:
    markup, text = sample(edition)
    said = set(text.split())
    for href in dict.fromkeys(re.findall(r'<a\b[^>]*?\bhref="([^"]*)"', markup)):
        address = html.unescape(href)
        if not re.match(r"https?://", address):
            yield error(
                "link-unsafe",
                f"A link leads to {address[:80]!r}.",
                "Only http and https may be used.",
            )
        elif address not in said and not any(address in word for word in said):
            yield warning(
                "link-not-in-text",
                f"The text part lacks the link {address}.",
                "Add it to body.txt.",
            )


#: What every message of an issue must have, once each (RFC 2369, 2919, 8058, 5322).
_FIELDS = (
    *("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "List-Id"),
    *("List-Unsubscribe", "List-Unsubscribe-Post"),
)


def message(content: bytes) -> Iterator[Finding]:
    """Yield what is wrong with a message as a reader's server would get it."""
    head = content.partition(b"\r\n\r\n")[0].decode("ascii", "replace")
    names = re.findall(r"^([A-Za-z-]+):", head, re.MULTILINE)
    for name in _FIELDS:
        if names.count(name) != 1:
            times = "is missing" if name not in names else f"stands there {names.count(name)} times"
            yield error("header-missing", f"The field {name} {times}.", "Please report it.")
    way_out = re.search(r"^List-Unsubscribe: <(http:[^>]*)>", head, re.MULTILINE)
    if way_out and not is_loopback(urlsplit(way_out[1]).hostname or ""):
        yield warning(
            "unsubscribe-http",
            "Unsubscribing with one click works over https only (RFC 8058, 3.1).",
            "Put a proxy with a certificate in front, and write https://… as `public_url`.",
        )
    longest = max(map(len, content.split(b"\r\n")))
    if longest > LINE_LIMIT:
        yield error(
            "line-too-long",
            f"A line has {longest} octets; SMTP carries {LINE_LIMIT} (RFC 5322, 2.1.1).",
            "Please report it.",
        )
