"""Reading config.yaml: what is accepted, and what exactly is said of what is not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.config import Loaded, Watched, load
from digest.config.document import read
from digest.errors import ConfigError
from digest.model.settings import WebSettings

Write = Callable[..., Path]

GOOD = """\
public_url: https://recap.example.org
newsletters:
  weekly:
    title: Weekly
    from: Weekly <weekly@example.org>
    postal_address: 12 Harbour Road, Springfield
"""
KEY = {"TOKEN_KEY": "k" * 64}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str | bytes, name: str = "config.yaml", mode: int = 0o600) -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)
        return path

    return write


def refused(path: Path, environ: dict[str, str] | None = None) -> list[ConfigError]:
    with pytest.raises(ConfigError) as caught:
        load(path, environ or {})
    return [caught.value, *caught.value.also]


def newsletter(*lines: str) -> str:
    return GOOD + "".join(f"    {line}\n" for line in lines)


def test_the_least_configuration_is_enough(write: Write) -> None:
    """Address, title, sender and postal address are all that a newsletter must tell."""
    loaded = load(write(GOOD), KEY)

    assert isinstance(loaded, Loaded)
    assert loaded.settings.newsletters["weekly"].look_back == timedelta(days=10)
    assert loaded.settings.token_key == KEY["TOKEN_KEY"]
    assert loaded.warnings == ()


def test_the_sample_has_no_fault_but_its_key(tmp_path: Path) -> None:
    """The repository's own config.yaml loads; only the secret that it must not hold is missing."""
    # Copied: beside the original, the demo may have left a key.
    sample = tmp_path / "config.yaml"
    sample.write_text((Path(__file__).parents[1] / "config.yaml").read_text())

    loaded = load(sample, {})

    assert list(loaded.settings.newsletters) == ["weekly-recap"]
    assert [warning.about for warning in loaded.warnings] == ["TOKEN_KEY"]


def test_the_designs_sample_is_accepted_whole(shared: Path, write: Write) -> None:
    """Every key that the design shows is known."""
    design = (shared / "DESIGN.md").read_text()
    text = design[design.index("```yaml") :].split("```")[1].removeprefix("yaml\n")

    settings = load(write(text), KEY).settings

    recap = settings.newsletters["weekly-recap"]
    assert recap.first_to is not None
    assert recap.first_to.list == "staff"
    assert [feed.kind for feed in recap.feeds] == ["auto", "event"]
    assert recap.sections[-1] == {"block": "sponsor"}


@pytest.mark.parametrize(
    ("line", "key", "says"),
    [
        ("feed: [x]", "feed", "unknown key; did you mean `feeds`?"),
        ("zzzzz: 1", "zzzzz", "unknown key; allowed: title, from, reply_to"),
        ("timezone: America/New_Yorck", "timezone", "did you mean `America/New_York`?"),
        ("timezone: ../../etc/passwd", "timezone", "no time zone is called"),
        ("reply_to: nobody", "reply_to", "'nobody' is no mail address"),
        ("reply_to: Recap <a@b@example.org>", "reply_to", "is no mail address"),
        ("editors: [a@example.org, b]", "editors[1]", "'b' is no mail address"),
        ("editors: a@example.org", "editors", "must be a list, each item after a dash"),
        ("closes: firday 06:00", "closes", "did you mean `friday`?"),
        ("closes: 06:00", "closes", 'write a weekday and a time, like "friday 06:00"'),
        ("closes: friday 24:00", "closes", 'write a weekday and a time, like "friday 06:00"'),
        ("look_back: 10", "look_back", "write a number and a unit"),
        ("look_back: 9999w", "look_back", "longer than ten years"),
        ("approval: auto-if-clean", "approval", "did you mean `auto_if_clean`?"),
        ("items: {min: few}", "items.min", "must be a whole number, not 'few'"),
        ("items: {min: -1}", "items.min", "must be at least 0, not '-1'"),
        ("items: {min: 5, max: 4}", "items", "min (5) is more than max (4)"),
        ("items: [3]", "items", "must be keys with values, not a list"),
        ("look: {accent: purple}", "look.accent", 'like "#6b2c91"'),
        ("look: {accnt: x}", "look.accnt", "did you mean `accent`?"),
        ("language: english", "language", 'write a language tag, like "en"'),
        ("sections: [intro, footer]", "sections[1]", "a section is one of intro, themes"),
        ("feeds: ['ftp://example.org/x']", "feeds[0]", "ftp: is not read"),
        ("feeds: ['javascript:alert(1)']", "feeds[0]", "javascript: is not read"),
        ("feeds: ['https://']", "feeds[0]", "names no host"),
        ("feeds: [{url: x, kind: evnt}]", "feeds[0].kind", "did you mean `event`?"),
        ("feeds: [{url: x, kind: listing}]", "feeds[0]", "needs `listing`"),
        ("feeds: [{kind: event}]", "feeds[0].url", "is missing"),
        (
            "feeds: [{url: x, listing: {item: 'a >', title: h2}}]",
            "feeds[0].listing.item",
            "'a >' is no CSS selector",
        ),
        ("weights: {Ukraine: .inf}", "weights.Ukraine", "must be a number"),
        ('notice: "a\\r\\nBcc: x"', "notice", "character U+000D is not allowed"),
    ],
)
def test_a_wrong_line_is_named(write: Write, line: str, key: str, says: str) -> None:
    """File, line, key, what is allowed and the nearest match: nobody has to search."""
    path = write(newsletter("language: en" if "language" not in line else "timezone: UTC", line))

    (fault,) = refused(path)

    assert (fault.file, fault.line) == (str(path), 8)
    assert fault.key == f"newsletters.weekly.{key}"
    assert says in str(fault)


@pytest.mark.parametrize(
    ("text", "line", "key", "says"),
    [
        (GOOD.replace("    postal_address: 12 Harbour Road, Springfield\n", ""), 3,
         "newsletters.weekly.postal_address", "is missing"),
        (GOOD.replace("12 Harbour Road, Springfield", ""), 6,
         "newsletters.weekly.postal_address", "has no value (a # begins a comment"),
        (GOOD.replace("12 Harbour Road, Springfield", "here"), 6,
         "newsletters.weekly.postal_address", "must have at least 8 letters"),
        (GOOD.replace("weekly:\n", "Weekly News:\n"), 3,
         "newsletters.Weekly News", "write small letters, digits and hyphens"),
        (GOOD.replace("https:", "gopher:"), 1, "public_url", "like https://recap.example.org"),
        (GOOD.replace(".org\n", ".org/?a=b\n", 1), 1, "public_url", "must end before any ?"),
        (GOOD + "smtp: {port: 99999}\n", 7, "smtp.port", "must be at most 65535, not '99999'"),
        (GOOD + "smtp: {tls: starttsl}\n", 7, "smtp.tls", "did you mean `starttls`?"),
        (GOOD + "smtp: {limit: fast}\n", 7, "smtp.limit", '"14/s, 50000/day"'),
        (GOOD + "smtp: {host: smtp://x}\n", 7, "smtp.host", "write a host's name"),
        (GOOD + "smtp: {password: x}\n", 7, "smtp.password", "a secret does not belong"),
        (GOOD + "token_key: x\n", 7, "token_key", "a secret does not belong in this file"),
        (GOOD + "metrics_token: pw\n", 7, "metrics_token", "a secret does not belong"),
        (GOOD + "bounces: {address: b@x.org, password: pw}\n", 7, "bounces.password",
         "a secret does not belong"),
        (GOOD + "database: mysql://x:pw@y/z\n", 7, "database", "postgresql://user@host/name"),
        ("public_url: http://localhost\nnewsletters: {}\n", 2, "newsletters", "at least one"),
        ("public_url: http://localhost\nnewsletters: x\n", 2, "newsletters", "keys with values"),
        (GOOD + "public_url: x\n", 7, "public_url", "written twice; first in line 1"),
    ],
)  # fmt: skip
def test_a_wrong_value_outside_a_newsletter_is_named(
    write: Write, text: str, line: int, key: str, says: str
) -> None:
    """What is missing is told at the line of the mapping it is missing from."""
    (fault,) = refused(write(text))

    assert (fault.line, fault.key) == (line, key)
    assert says in str(fault)
    assert "pw" not in str(fault)


@pytest.mark.parametrize(
    ("data", "line", "says"),
    [
        (b"", None, "the file is empty"),
        (b"# only a comment\n", None, "the file is empty"),
        (b"a:\n\tb: 1\n", 2, "a tab; YAML is indented with spaces"),
        (b"a: 1\nb: \xff\n", 2, "byte 0xff is not UTF-8"),
        (b"\xff\xfea\x00", 1, "byte 0xff is not UTF-8"),
        (b"a: 1\nb: \x07\n", 2, "character U+0007 is not allowed"),
        (b"- a\n", 1, "the file must begin with keys"),
        (b"words\n", 1, "the file must begin with keys"),
        (b"a: b: c\n", 1, "a colon where none can be"),
        (b"a: 'b\n", 2, "a quote or bracket that was opened is never closed"),
        (b"a: *b\n", 1, "undefined alias 'b'"),
        (b"a: 1\n---\nb: 2\n", 2, "a second document"),
        (b"a: @b\n", 1, "character '@'"),
        (b"[" * 5000, None, "nested too deep"),
        (b"a: &a\n  b: *a\n", 1, "the aliases in this file stand for more values"),
        (b"#" * 1_000_001, None, "at most 1,000,000 are read"),
    ],
)
def test_what_is_no_yaml_is_explained(
    write: Write, data: bytes, line: int | None, says: str
) -> None:
    """A file that cannot be read at all says where and why, in the writer's words."""
    (fault,) = refused(write(data))

    assert fault.line == line
    assert says in str(fault)


def test_a_billion_laughs_are_cut_short(write: Write) -> None:
    """Aliases of aliases stop at a bound, long before memory does."""
    lines = ["l0: &l0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]" for i in range(1, 12)]

    (fault,) = refused(write("\n".join(lines)))

    assert "stand for more values" in str(fault)


def test_a_tag_makes_no_object(write: Write) -> None:
    """A YAML tag that would build a Python object is refused by name."""
    faults = refused(write(GOOD + "x: !!python/object/apply:os.system [true]\ny: !z 1\n"))

    assert any("!z" in str(fault) for fault in faults)
    assert {fault.line for fault in faults} == {7, 8}


def test_everything_wrong_is_told_at_once(write: Write) -> None:
    """Several faults come together, in the order of the lines, with those of the environment."""
    path = write(newsletter("feed: []", "closes: never", "items: {max: 0}", "items: {}"))

    faults = refused(path, {"SMTP_PORT": "many"})

    assert [(fault.line, fault.key.rpartition(".")[2]) for fault in faults] == [
        (7, "feed"),
        (8, "closes"),
        (9, "max"),
        (10, "items"),
        (None, "SMTP_PORT"),
    ]
    assert str(faults[-1]) == "environment: SMTP_PORT: must be a whole number, not 'many'"


def test_scalars_are_what_their_key_says(write: Write) -> None:
    """Norway's language stays text, a year may be a title, and a port is a number."""
    text = GOOD.replace("title: Weekly", "title: 1984") + "    language: no\nsmtp: {port: '25'}\n"

    settings = load(write(text), KEY).settings

    assert settings.newsletters["weekly"].title == "1984"
    assert settings.newsletters["weekly"].language == "no"
    assert settings.smtp.port == 25


def test_newsletters_may_share_settings(write: Write) -> None:
    """An anchor and `<<` bring another newsletter's keys; a newsletter's own keys win."""
    text = GOOD.replace("weekly:\n", "weekly: &w\n") + "  other:\n    <<: *w\n    title: Other\n"

    newsletters = load(write(text), KEY).settings.newsletters

    assert newsletters["other"].title == "Other"
    assert newsletters["other"].from_ == newsletters["weekly"].from_


def test_the_environment_goes_before_dotenv_and_both_before_the_file(write: Write) -> None:
    """SMTP_HOST set in the shell wins over .env, which wins over config.yaml."""
    path = write(GOOD + "smtp: {host: file.example.org, port: 1}\n")
    write(
        "# ours\n\nexport SMTP_HOST=dotenv.example.org\nSMTP_PORT = '2'\nSMTP_USER=\"a $b\"\n"
        "SMTP_PASSWORD=p#q\nTOKEN_KEY=short\nOTHER=x\nSMTP_TLS=\n",
        ".env",
    )

    settings = load(path, {"SMTP_HOST": "shell.example.org", "SMTP_PORT": ""}).settings

    assert settings.smtp.host == "shell.example.org"
    assert settings.smtp.port == 2
    assert (settings.smtp.user, settings.smtp.password) == ("a $b", "p#q")
    assert settings.smtp.tls == "starttls"


def test_every_variable_reaches_its_setting(write: Write) -> None:
    """All eight variables are laid over the file, whether or not it has their keys."""
    settings = load(
        write(GOOD.replace("public_url", "# public_url")),
        {
            "SMTP_HOST": "smtp.example.org",
            "SMTP_PORT": "465",
            "SMTP_TLS": "implicit",
            "SMTP_USER": "u",
            "SMTP_PASSWORD": "p",
            "TOKEN_KEY": "t",
            "DATABASE_URL": "postgres://u:p@db.example.org/recap",
            "PUBLIC_URL": "https://recap.example.org/",
        },
    ).settings

    assert settings.smtp.model_dump(include={"host", "port", "tls"}) == {
        "host": "smtp.example.org",
        "port": 465,
        "tls": "implicit",
    }
    assert (settings.smtp.user, settings.smtp.password, settings.token_key) == ("u", "p", "t")
    assert settings.database == "postgresql://u:p@db.example.org/recap"
    assert settings.public_url == "https://recap.example.org"


@pytest.mark.parametrize(
    ("text", "line", "key", "says"),
    [
        ("TOKEN_KEY=a\nTOKEN_KEY=b\n", 2, "TOKEN_KEY", "written twice; first in line 1"),
        ("\nSMTP_HOST\n", 2, "", "not a line like NAME=value"),
        ("SMTP_HOST='x\n", 1, "SMTP_HOST", "the quote is never closed"),
        ("# port\nSMTP_PORT=x\n", 2, "SMTP_PORT", "must be a whole number"),
        ("DATABASE_URL=mysql://u:hidden@h/n\n", 1, "DATABASE_URL", "write sqlite:///"),
    ],
)
def test_a_wrong_line_of_dotenv_is_named(
    write: Write, text: str, line: int, key: str, says: str
) -> None:
    """`.env` gets the same care, and no error repeats a secret."""
    dotenv = write(text, ".env")

    (fault,) = refused(write(GOOD))

    assert (fault.file, fault.line, fault.key) == (str(dotenv), line, key)
    assert says in str(fault)
    assert "hidden" not in str(fault)


def test_a_dotenv_that_others_may_read_is_told(write: Write) -> None:
    """An open .env and a mistyped name are warnings: the newsletter still goes out."""
    dotenv = write("TOKENKEY=x\n", ".env", 0o644)

    told = load(write(GOOD), KEY).warnings

    assert [str(warning) for warning in told] == [
        f"{dotenv}: others may read your secrets. Run: chmod 600 {dotenv}",
        f"{dotenv}:1: TOKENKEY is not read. Did you mean TOKEN_KEY?",
    ]


def test_a_password_does_not_travel_in_the_open(write: Write) -> None:
    """AUTH without TLS is refused beyond this machine; half a login is refused anywhere."""
    path = write(GOOD + "smtp: {host: smtp.example.org, tls: none}\n")

    (fault,) = refused(path, {"SMTP_USER": "u", "SMTP_PASSWORD": "p"})
    assert "would show the password" in str(fault)

    (fault,) = refused(path, {"SMTP_USER": "u"})
    assert "go together" in str(fault)


def test_what_works_but_should_not_stay_is_told(write: Write) -> None:
    """No key, plain http, plain SMTP, a placeholder and a doubled feed are warnings."""
    text = (
        GOOD.replace("https:", "http:").replace("12 Harbour Road", "Your postal address")
        + "    feeds: [https://example.org/a, https://example.org/a]\n"
        + "smtp: {host: smtp.example.org, tls: none}\n"
    )

    told = load(write(text), {}).warnings

    assert [(warning.about, warning.blocks) for warning in told] == [
        ("TOKEN_KEY", True),
        ("newsletters.weekly.postal_address", True),
        ("public_url", False),
        ("smtp.tls", False),
        ("newsletters.weekly.feeds", False),
    ]


@pytest.mark.parametrize(
    ("text", "about", "says"),
    [
        (GOOD.replace("12 Harbour Road", "1 Sample Street"), "postal_address", "the sample's"),
        (GOOD.replace("https://recap.example.org", "http://127.0.0.1:8000"), "public_url",
         "leads readers to their own machine"),
    ],
)  # fmt: skip
def test_the_samples_values_are_not_for_the_world(
    write: Write, text: str, about: str, says: str
) -> None:
    """With a real mail server, the sample's postal address and link are remarked on."""
    (remark,) = load(write(text + "smtp: {host: smtp.example.org}\n"), KEY).warnings
    assert remark.about.endswith(about)
    assert says in remark.sentence

    assert load(write(text + "smtp: {host: 127.0.0.1}\n"), KEY).warnings == ()


def test_a_condition_that_cannot_be_read_is_shown(write: Write) -> None:
    """Segments and `only` are read with the file: line, key, column, and a caret."""
    first, second = refused(
        write(newsletter("only: germans and editor", "segments:", "  germans: country = DE"))
    )
    assert (first.line, first.key) == (7, "newsletters.weekly.only")
    assert (second.line, second.key) == (9, "newsletters.weekly.segments.germans")
    assert 'column 11: write "DE" in quotes\ncountry = DE\n          ^' in str(second)
    (named,) = refused(write(newsletter("segments: {Big-Ones: a = 1}")))
    assert "small letters, digits and _" in str(named)
    assert load(write(newsletter("only: germans", "segments:", "  germans: country = 'DE'")), KEY)


def test_a_block_that_is_not_there_is_told(write: Write) -> None:
    """The mail goes without it, and the remark names the file to write."""
    (remark,) = load(write(newsletter("sections: [intro, {block: sponsor}]")), KEY).warnings

    assert not remark.blocks
    assert "templates/blocks/sponsor.md" in remark.sentence


def test_a_short_key_is_told(write: Write) -> None:
    """A token key that can be guessed blocks sending as a missing one does."""
    (remark,) = load(write(GOOD), {"TOKEN_KEY": "secret"}).warnings

    assert remark.blocks
    assert "shorter than 32 letters" in str(remark)


def test_the_file_is_looked_for_in_three_places(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A named path goes before DIGEST_CONFIG, and that before config.yaml in this folder."""
    here = write(GOOD)
    other = write(GOOD.replace("title: Weekly", "title: Other"), "other.yaml")
    monkeypatch.chdir(tmp_path)

    def title(path: Path | None, environ: dict[str, str]) -> str:
        return load(path, environ).settings.newsletters["weekly"].title

    assert title(None, {}) == "Weekly"
    assert title(None, {"DIGEST_CONFIG": str(other)}) == "Other"
    assert title(here, {"DIGEST_CONFIG": str(other)}) == "Weekly"
    assert title(tmp_path, {}) == "Weekly", "a folder stands for the config.yaml in it"


def test_no_file_at_all_says_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is found, the error tells how to name or make one."""
    monkeypatch.chdir(tmp_path)

    for path in (None, tmp_path / "missing.yaml"):
        with pytest.raises(ConfigError) as caught:
            load(path, {})
        assert "digest init" in caught.value.remedy


def test_a_changed_file_comes_into_force(write: Write) -> None:
    """A long-running process takes up a new title at its next look, and only then."""
    path = write(GOOD)
    watched = Watched(load(path, KEY), KEY)
    assert watched.refresh() is False

    write(GOOD.replace("title: Weekly", "title: Monthly"))

    assert watched.settings.newsletters["weekly"].title == "Weekly"
    assert watched.refresh() is True
    assert watched.settings.newsletters["weekly"].title == "Monthly"


def test_a_broken_file_leaves_the_old_one_in_force(write: Write) -> None:
    """An invalid file changes nothing but the error, which goes when the file is mended."""
    path = write(GOOD)
    told: list[ConfigError] = []
    watched = Watched(load(path, KEY), KEY, tell=told.append)

    write(GOOD + "    feed: []\n")
    assert watched.refresh() is False
    assert watched.refresh() is False
    assert told == [watched.error], "told once, not at every look"
    assert watched.error is not None
    assert (watched.error.line, watched.settings.newsletters["weekly"].title) == (7, "Weekly")

    path.unlink()
    assert watched.refresh() is False
    assert watched.error is not None

    write(GOOD + "    language: de\n")
    assert watched.refresh() is True
    assert watched.error is None


def test_what_is_read_only_at_the_start_is_named(write: Write) -> None:
    """Another database or port needs a restart; the process can say so."""
    watched = Watched(load(write(GOOD), KEY), KEY)
    assert watched.restart_for == ()

    write(GOOD + "web: {port: 9000}\n")
    watched.refresh()

    assert watched.restart_for == ("web",)


@pytest.mark.parametrize(("host", "place"), [("::1", "[::1]:8000"), ("web.test", "web.test:8000")])
def test_where_it_listens_stands_in_a_url(host: str, place: str) -> None:
    """An IPv6 address has brackets there."""
    assert WebSettings(host=host).place == place


def test_a_new_dotenv_comes_into_force(write: Write) -> None:
    """Secrets are reloaded as settings are."""
    watched = Watched(load(write(GOOD), {}), {})

    write("TOKEN_KEY=fresh\n", ".env")

    assert watched.refresh() is True
    assert watched.settings.token_key == "fresh"


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    """Whatever the bytes, the answer is a document or a ConfigError."""
    try:
        document = read(data, "config.yaml")
    except ConfigError:
        return
    assert isinstance(document.values, dict)


@given(st.text(alphabet="ab:-[]{}&*!<'\"# \n\t|>%@?,", max_size=80))
def test_no_yaml_breaks_the_reader(text: str) -> None:
    """Nor does any arrangement of the signs that YAML is made of."""
    try:
        document = read(text.encode(), "config.yaml")
    except ConfigError:
        return
    assert isinstance(document.values, dict)
