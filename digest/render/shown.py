"""A recap as the templates see it: cleaned, cut to length, dated in the newsletter's zone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from digest.model import Block, Image, Item, Recap, Section
from digest.model.settings import NewsletterSettings, Utm
from digest.render import dates, languages, markdown
from digest.render.fit import Fit
from digest.render.plain import link, plain, shortened, summarised, tagged

#: Between these, words of another direction do not turn the order of what is around them
#: (Unicode's UAX 9, FSI and PDI).
_ISOLATE, _END_OF_ISOLATE = "\u2068", "\u2069"
#: How wide the text is, in pixels, where a screen has room for all of it.
TEXT_WIDTH = 552
TITLE_LIMIT = 240
LABEL_LIMIT = 120
LEAD_LIMIT = 600
SUBJECT_LIMIT = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownImage:
    url: str
    alt: str
    credit: str
    #: How wide it is shown: as wide as the text, and never wider than it is.
    width: int = TEXT_WIDTH


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownItem:
    """An item in its place."""

    id: int
    title: str
    #: "" where the place shows none.
    summary: str
    #: None: the title stands without a link.
    link: str | None
    image: ShownImage | None
    #: ``Commentary · Sep 19 · Author``
    meta: str
    #: A BCP 47 tag where it differs from the newsletter's.
    language: str | None
    #: ``ltr`` or ``rtl``, the way its own words are read.
    direction: str
    #: True where only the page in the browser shows it.
    folded: bool = False
    #: Of an event: the tile's two lines and the moment in words; "" elsewhere.
    month: str = ""
    day: str = ""
    moment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownTheme:
    number: int
    label: str
    lead: ShownItem
    further: tuple[ShownItem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownBlock:
    title: str
    html: str
    #: Paragraphs, unwrapped.
    text: tuple[str, ...]
    link: str | None
    image: ShownImage | None
    sponsor: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSection:
    """One section; *shape* says which template shows it."""

    #: ``themes``, ``more``, ``upcoming`` or ``block``.
    shape: str
    key: str
    title: str
    themes: tuple[ShownTheme, ...] = ()
    items: tuple[ShownItem, ...] = ()
    block: ShownBlock | None = None

    @property
    def folded(self) -> bool:
        """True where the mail shows nothing of it."""
        return bool(self.items) and all(item.folded for item in self.items)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """All that a recap's templates can say."""

    title: str
    dates: str
    number: int
    subject: str
    preheader: str
    headline: str
    lead: str
    sections: tuple[ShownSection, ...]
    #: How many items only the page in the browser shows.
    folded: int
    #: What was shortened, as sentences for the editor.
    notes: tuple[str, ...]


def shown(
    recap: Recap, newsletter: NewsletterSettings, number: int, fit: Fit, *, issue_key: str
) -> Shown:
    """Return *recap* as its templates see it. Items that no section names are left out."""
    page = _Page(recap, newsletter, fit, issue_key)
    headline, lead = plain(recap.headline), plain(recap.lead)
    return Shown(
        title=plain(recap.title),
        dates=dates.span(recap.window, newsletter.zone, newsletter.language),
        number=number,
        subject=page.cut(plain(recap.subject) or headline or plain(recap.title), SUBJECT_LIMIT),
        preheader=page.cut(plain(recap.preheader) or lead, LEAD_LIMIT),
        headline=page.cut(headline, SUBJECT_LIMIT),
        lead=page.cut(lead, LEAD_LIMIT),
        sections=tuple(page.sections()),
        folded=len(fit.folded),
        notes=tuple(page.notes),
    )


class _Page:
    """One walk through a recap; gathers the notes on the way."""

    def __init__(
        self, recap: Recap, newsletter: NewsletterSettings, fit: Fit, issue_key: str
    ) -> None:
        self.recap = recap
        self.newsletter = newsletter
        self.fit = fit
        self.limits = fit.limits
        self.pictures = 0
        self.tags = _tags(newsletter.utm, issue_key)
        self.words = languages.words(newsletter.language)
        self.items = {item.publication: item for item in recap.items}
        self.notes: list[str] = []

    def sections(self) -> Iterable[ShownSection]:
        for section in self.recap.sections:
            shape = _shape(section)
            if shape == "themes":
                yield from self._themes(section)
            elif shape == "block" and section.block:
                yield self._block(section, section.block)
            elif items := self._known(section.items):
                show = self.event if shape == "upcoming" else self.brief
                yield ShownSection(
                    shape=shape,
                    key=section.key,
                    title=plain(section.title)
                    or (self.words.gettext("Upcoming") if shape == "upcoming" else ""),
                    items=tuple(show(item) for item in items),
                )

    def _themes(self, section: Section) -> Iterable[ShownSection]:
        """The themes over this section's items; items without a theme follow as `more`."""
        left = dict.fromkeys(item.publication for item in self._known(section.items))
        themes: list[ShownTheme] = []
        for theme in self.recap.themes:
            own = [self.items[each] for each in theme.publications if each in left]
            if not own:
                continue
            for item in own:
                left.pop(item.publication, None)
            themes.append(
                ShownTheme(
                    number=len(themes) + 1,
                    label=self.cut(plain(theme.label), LABEL_LIMIT),
                    lead=self.lead(own[0]),
                    further=tuple(self.further(item) for item in own[1:]),
                )
            )
        if themes:
            title = plain(section.title)
            yield ShownSection(shape="themes", key=section.key, title=title, themes=tuple(themes))
        if left:
            rest = tuple(self.brief(self.items[each]) for each in left)
            title = self.words.gettext("Also in this issue") if themes else plain(section.title)
            yield ShownSection(shape="more", key=f"{section.key}-rest", title=title, items=rest)

    def _known(self, ids: Iterable[int]) -> list[Item]:
        return [self.items[each] for each in dict.fromkeys(ids) if each in self.items]

    def _block(self, section: Section, block: Block) -> ShownSection:
        return ShownSection(
            shape="block",
            key=section.key,
            title=plain(section.title),
            block=ShownBlock(
                title=plain(block.title),
                html=markdown.to_html(block.markdown),
                text=tuple(markdown.to_text(block.markdown)),
                link=tagged(link(block.link), self.tags),
                image=_image(block.image),
                sponsor=block.sponsor,
            ),
        )

    def lead(self, item: Item) -> ShownItem:
        return self._item(item, self.limits.lead)

    def further(self, item: Item) -> ShownItem:
        return self._item(item, self.limits.further)

    def brief(self, item: Item) -> ShownItem:
        return self._item(item, self.limits.brief)

    def event(self, item: Item) -> ShownItem:
        if item.starts_at is None:
            return self.brief(item)
        zone, language = self.newsletter.zone, self.newsletter.language
        day = item.starts_at.astimezone(zone)
        return self._item(
            item,
            self.limits.brief,
            month=dates.month(day, language),
            day=str(day.day),
            moment=dates.moment(item.starts_at, zone, language),
        )

    def _item(self, item: Item, limit: int, **event: str) -> ShownItem:
        human = "summary" in item.edited
        summary = plain(item.summary)
        title = plain(item.title)
        language = plain(item.language or "")
        return ShownItem(
            id=item.publication,
            title=title if "title" in item.edited else self.cut(title, TITLE_LIMIT),
            # An editor's words are never cut: whoever wrote them saw the preview.
            summary=summary if human else summarised(summary, limit) if limit else "",
            link=tagged(link(item.link), self.tags),
            image=self._picture(item),
            folded=item.publication in self.fit.folded,
            meta=self._meta(item, event.get("moment", "")),
            language=language if _differs(language, self.newsletter.language) else None,
            direction=languages.direction(language or self.newsletter.language),
            **event,
        )

    def _picture(self, item: Item) -> ShownImage | None:
        """The item's picture, as long as the mail has room for one more."""
        image = _image(item.image) if self.newsletter.look.pictures != "never" else None
        if image is None or self.pictures == self.fit.pictures:
            return None
        self.pictures += 1
        return image

    def _meta(self, item: Item, moment: str) -> str:
        authors = [plain(author) for author in item.authors]
        named = ", ".join(authors[:3])
        if len(authors) > 3:
            named = self.words.gettext("%(authors)s and others", authors=named)
        day = moment or dates.short(item.published_on, self.newsletter.language)
        updated = self.words.gettext("updated") if item.updated else ""
        said = [each for each in (plain(item.kind), day, named, updated) if each]
        if languages.direction(self.newsletter.language) == "rtl":
            said = [f"{_ISOLATE}{each}{_END_OF_ISOLATE}" for each in said]
        return " · ".join(said)

    def cut(self, text: str, limit: int) -> str:
        if len(text) > limit:
            self.notes.append(f"“{text[:40].rstrip()}…” was cut to {limit} characters.")
        return shortened(text, limit)


def _tags(utm: Utm | None, issue_key: str) -> dict[str, str]:
    if utm is None:
        return {}
    campaign = utm.campaign or issue_key
    return {"utm_source": utm.source, "utm_medium": utm.medium, "utm_campaign": campaign}


def _shape(section: Section) -> str:
    if section.block:
        return "block"
    return section.key if section.key in ("themes", "upcoming") else "more"


def _differs(tag: str, from_: str) -> bool:
    """Tell whether a tag names another language; another region's needs no other voice."""
    return bool(tag) and tag.lower().split("-")[0] != from_.lower().split("-")[0]


def _image(image: Image | None) -> ShownImage | None:
    """Return the picture to show; caption and credit alone show nothing."""
    url = link(image.url) if image else None
    if image is None or url is None:
        return None
    width = min(TEXT_WIDTH, image.width or TEXT_WIDTH)
    return ShownImage(url=url, alt=plain(image.alt), credit=plain(image.credit), width=width)
