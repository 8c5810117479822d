"""What a sending domain has to say in DNS: SPF, DKIM, DMARC and MX, asked for and judged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from digest.errors import ConfigError

if TYPE_CHECKING:
    from dns.resolver import Resolver

#: For one question, with all name servers asked.
SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What stands at one name, as it should be and as it is."""

    kind: str
    #: As what it is published.
    type: str = "TXT"
    #: Where it stands.
    name: str
    #: What was found there; "" for nothing.
    found: str = ""
    #: What is wrong with it, as the end of a sentence; "" if nothing is.
    fault: str = ""
    #: What to publish, where that would mend it.
    wanted: str = ""


def resolver(server: str = "") -> Resolver:
    """
    Return who is asked: the system's name servers, or *server* (``ADDRESS`` or ``ADDRESS:PORT``).

    ConfigError if *server* is no address, or the system names none.
    """
    from dns.exception import DNSException
    from dns.resolver import Resolver

    address, port = _place(server)
    try:
        asked = Resolver(configure=not server)
        if server:
            asked.nameservers = [address]
            asked.port = port
    except (DNSException, ValueError, OSError) as e:
        why = f"{server!r} is no address of a name server" if server else str(e)
        raise ConfigError(why, remedy="Write it like 192.0.2.53 or 192.0.2.53:5353.") from e
    asked.lifetime = SECONDS
    return asked


def _place(server: str) -> tuple[str, int]:
    """Split an address from its port; an IPv6 address with a port stands in brackets."""
    told = re.fullmatch(r"(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})", server)
    if told:
        return told[1] or told[2], int(told[3])
    return server.strip("[]"), 53


def spf(domain: str, asked: Resolver) -> Record:
    """Return what *domain* says of who may send for it (RFC 7208)."""
    wanted = "v=spf1 include:YOUR-RELAY -all"
    said, unasked = _texts(domain, asked)
    found = [text for text in said if re.match(r"v=spf1( |$)", text, re.IGNORECASE)]
    return Record(
        kind="SPF",
        name=domain,
        found="; ".join(found),
        fault=unasked or _spf_fault(found),
        wanted="" if unasked else wanted,
    )


def _spf_fault(found: list[str]) -> str:
    if not found:
        return "there is none, so nobody knows who may send for the domain"
    if len(found) > 1:
        return "there is more than one, so none counts"  # RFC 7208, 4.5
    if re.search(r" \+?all( |$)", found[0], re.IGNORECASE):
        return "it lets everyone send for the domain"
    return ""


def dkim(domain: str, selector: str, wanted: str, asked: Resolver) -> Record:
    """Return what stands where verifiers look for the key; *wanted* is the record of our own."""
    name = f"{selector}._domainkey.{domain}"
    said, unasked = _texts(name, asked)
    return Record(
        kind="DKIM",
        name=name,
        found="; ".join(said),
        fault=unasked or _dkim_fault(said, wanted),
        wanted="" if unasked else wanted,
    )


def _dkim_fault(said: list[str], wanted: str) -> str:
    if not said:
        return "there is none, so every signature of ours fails"
    if len(said) > 1:
        return "there is more than one, so nobody knows which counts"  # RFC 6376, 3.6.2.2
    tags = _tags(said[0])
    if tags.get("v", "DKIM1") != "DKIM1" or "p" not in tags:
        return "it is no record of a key"
    if not tags["p"]:
        return "the key was withdrawn (its p= is empty)"
    if tags["p"] != _tags(wanted)["p"]:
        return "it holds another key than the one we sign with"
    if "y" in tags.get("t", "").split(":"):
        return "it says that signing is only being tried (t=y)"
    return ""


def dmarc(domain: str, report_to: str, asked: Resolver) -> Record:
    """Return the policy for *domain*: its own, else that of the domain it lies under (RFC 9989)."""
    wanted = f"v=DMARC1; p=none; rua=mailto:{report_to}"
    name = f"_dmarc.{domain}"
    for above in _and_above(domain):
        said, unasked = _texts(f"_dmarc.{above}", asked)
        found = [text for text in said if _tags(text).get("v") == "DMARC1"]
        if unasked:
            return Record(kind="DMARC", name=f"_dmarc.{above}", fault=unasked)
        if found:
            fault = _dmarc_fault(found)
            told = "; ".join(found)
            place = f"_dmarc.{above}"
            return Record(kind="DMARC", name=place, found=told, fault=fault, wanted=wanted)
    fault = "there is none, and large providers refuse bulk mail without one"
    return Record(kind="DMARC", name=name, fault=fault, wanted=wanted)


def _dmarc_fault(found: list[str]) -> str:
    if len(found) > 1:
        return "there is more than one, so none counts"
    if _tags(found[0]).get("p", "none").lower() not in ("none", "quarantine", "reject"):
        return "its p= is none of none, quarantine, reject"
    return ""


def mx(domain: str, asked: Resolver) -> Record:
    """
    Return where mail to *domain* goes: answers, requests to leave, bounces.

    A domain without MX takes mail at its own address (RFC 5321, 5.1), if it has one; a
    single ``0 .`` says that it takes none (RFC 7505).
    """
    found, unasked = _answers(domain, "MX", asked)
    hosts = [text.split()[-1] for text in found]
    return Record(
        kind="MX",
        type="MX",
        name=domain,
        found="; ".join(found),
        fault=unasked or _mx_fault(domain, hosts, asked),
        wanted="" if unasked else "10 YOUR-MAIL-SERVER",
    )


def _mx_fault(domain: str, hosts: list[str], asked: Resolver) -> str:
    if hosts == ["."]:
        return "it says that the domain takes no mail, so nobody can answer and no bounce returns"
    told = [_has_address(host, asked) for host in hosts or [domain]]
    if any(told):
        return ""
    if not hosts:
        return "there is none, and no address either, so nobody can answer and no bounce returns"
    return "no host that it names has an address, so nobody can answer and no bounce returns"


def _has_address(host: str, asked: Resolver) -> bool:
    """Tell whether *host* has an address; one that could not be asked for counts as there."""
    for kind in ("A", "AAAA"):
        found, unasked = _answers(host, kind, asked)
        if found or unasked:
            return True
    return False


def _and_above(domain: str) -> Iterator[str]:
    """Yield *domain* and those above it, up to two labels."""
    labels = domain.split(".")
    for start in range(max(1, len(labels) - 1)):
        yield ".".join(labels[start:])


def _tags(text: str) -> dict[str, str]:
    """Return the tags of ``a=b; c=d``; blanks within a value do not count (RFC 6376, 3.2)."""
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip(): "".join(value.split()) for name, equals, value in pairs if equals}


def _texts(name: str, asked: Resolver) -> tuple[list[str], str]:
    """Return the TXT records at *name*, each in one piece, or why they could not be asked for."""
    found, unasked = _found(name, "TXT", asked)
    return [b"".join(each.strings).decode("utf-8", "replace") for each in found], unasked


def _answers(name: str, kind: str, asked: Resolver) -> tuple[list[str], str]:
    """Return the records of *kind* at *name* as a zone file has them, or why not."""
    found, unasked = _found(name, kind, asked)
    return sorted(each.to_text() for each in found), unasked


def _found(name: str, kind: str, asked: Resolver) -> tuple[list[Any], str]:
    from dns.exception import DNSException
    from dns.resolver import NXDOMAIN, NoAnswer

    try:
        return list(asked.resolve(name, kind, search=False)), ""
    except (NXDOMAIN, NoAnswer):
        return [], ""
    except DNSException as e:
        return [], f"it could not be asked for ({type(e).__name__})"
