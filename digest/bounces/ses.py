"""
What Amazon SES tells through SNS: bounces and complaints as JSON, signed.

By its web door the message is believed only with SNS's signature under a certificate of
SNS's own, and only from the one topic that the configuration names: anybody may have a
topic, and its messages are just as genuine. The same JSON by mail is read like any mail.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from digest.bounces.refusals import Refusal, judged
from digest.bounces.returned import Kind, Returned
from digest.errors import BadToken, ConfigError
from digest.verdict import Bounce, Verdict

#: Of SNS's, in any region; nothing else may name a certificate or a page to be opened.
_HOST = re.compile(r"sns\.[a-z0-9-]{3,30}\.amazonaws\.com(\.cn)?")

#: What is signed, in this order (Amazon SNS, "Verifying the signatures").
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": (
        *("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    ),
}
_MOST = 50


def genuine(body: bytes, *, topic: str, certificate: Callable[[str], bytes]) -> dict[str, str]:
    """
    Return SNS's message of *body*, if it is signed and from *topic*.

    *certificate* returns what stands at an address of SNS's; nothing else is asked for.
    BadToken, without a word about which, for what is forged or from elsewhere. ConfigError
    without the package that checks signatures.
    """
    message = _message(body)
    told = _SIGNED.get(message.get("Type", ""), ())
    url = message.get("SigningCertURL", "")
    if not topic or message.get("TopicArn") != topic or not told or not is_theirs(url):
        raise _refusal()
    # Subject is signed where there is one.
    lines = "".join(f"{name}\n{message[name]}\n" for name in told if name in message)
    _check(message, lines.encode(), certificate(url))
    return message


def _message(body: bytes) -> dict[str, str]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        raise _refusal() from None
    if not isinstance(told, dict):
        raise _refusal()
    return {str(name): value for name, value in told.items() if isinstance(value, str)}


def is_theirs(url: str) -> bool:
    """Tell whether *url* is a page of SNS's own, over TLS."""
    try:
        place = urlsplit(url)
        port = place.port
    except ValueError:
        return False
    return bool(
        place.scheme == "https"
        and _HOST.fullmatch(place.hostname or "")
        and port in (None, 443)
        and not place.username
    )


def _check(message: Mapping[str, str], signed: bytes, pem: bytes) -> None:
    try:
        from cryptography import x509
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding, rsa
    except ImportError as e:
        raise ConfigError(
            "messages of Amazon SNS cannot be checked without the package cryptography",
            remedy="Run: pip install 'weekly-recap[sign]'",
        ) from e
    digests = {"1": hashes.SHA1, "2": hashes.SHA256}
    digest = digests.get(message.get("SignatureVersion", ""))
    try:
        key = x509.load_pem_x509_certificate(pem).public_key()
        signature = b64decode(message.get("Signature", ""), validate=True)
        if digest is None or not isinstance(key, rsa.RSAPublicKey):
            raise _refusal()
        key.verify(signature, signed, padding.PKCS1v15(), digest())
    except (InvalidSignature, NotBase64, ValueError):
        raise _refusal() from None


def _refusal() -> BadToken:
    return BadToken("this message does not come from the topic that we listen to")


# --- what it says -------------------------------------------------------------------------


def told(notification: str, key: str) -> Returned | None:
    """
    Return what SES's *notification* (JSON) reports; None if it is none of SES's.

    *key* is SNS's id of the message. A delivery is a bounce of which every recipient was
    accepted.
    """
    # By mail, Sendmail breaks lines that are too long for SMTP with a mark of its own.
    whole = notification.lstrip().replace("!\n ", "")
    try:
        said, _ = json.JSONDecoder(strict=False).raw_decode(whole)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or not isinstance(said.get("mail"), dict):
        return None
    kind = said.get("notificationType") or said.get("eventType")
    fields = {**_copy(said["mail"]), "key": key}
    if kind == "Complaint":
        return _complaint(_dict(said, "complaint"), fields)
    if kind in ("Bounce", "Delivery", "DeliveryDelay"):
        refusals = _refusals(said, str(kind))
        return Returned(kind=Kind.BOUNCE, refusals=refusals, **fields)
    return Returned(kind=Kind.AUTOMATIC, **fields)


def _copy(mail: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the report tells of our mail: its envelope sender, and headers of it."""
    headers = [each for each in _list(mail, "headers") if isinstance(each, dict)]
    values = {str(h.get("name", "")).lower(): str(h.get("value", "")) for h in headers}
    links = re.findall(r"<([^<>\s]{1,500})>", values.get("list-unsubscribe", ""))
    return {
        "sent_to": (str(mail.get("source", ""))[:320],),
        "message_id": values.get("message-id", "")[:255],
        "links": tuple(links[:5]),
    }


def _complaint(complaint: Mapping[str, Any], fields: dict[str, Any]) -> Returned:
    named = (each.get("emailAddress") for each in _dicts(complaint, "complainedRecipients"))
    return Returned(
        kind=Kind.COMPLAINT,
        feedback=str(complaint.get("complaintFeedbackType") or "abuse")[:40],
        complained=tuple(str(address) for address in named if address)[:_MOST],
        **fields,
    )


def _refusals(said: Mapping[str, Any], kind: str) -> tuple[Refusal, ...]:
    if kind == "Delivery":
        delivery = _dict(said, "delivery")
        answer = str(delivery.get("smtpResponse", ""))
        return tuple(
            judged(str(address), Bounce(action="delivered", text=answer), answer)
            for address in _list(delivery, "recipients")[:_MOST]
        )
    report = _dict(said, "bounce" if kind == "Bounce" else "deliveryDelay")
    named = "bouncedRecipients" if kind == "Bounce" else "delayedRecipients"
    return tuple(_refusal_of(report, each, kind) for each in _dicts(report, named)[:_MOST])


def _refusal_of(report: Mapping[str, Any], recipient: Mapping[str, Any], kind: str) -> Refusal:
    diagnostic = str(recipient.get("diagnosticCode", "")).partition(";")[2].strip()
    subtype = str(report.get("bounceSubType") or report.get("delayType") or "")
    status = str(recipient.get("status", ""))
    found = Bounce(
        action="failed" if kind == "Bounce" else "delayed",
        status=status if re.fullmatch(r"[245]\.\d{1,3}\.\d{1,3}", status) else "",
        # SES names the cause; where a server spoke, its words say more.
        text=diagnostic or _CAUSES.get(subtype, subtype),
    )
    refusal = judged(str(recipient.get("emailAddress", ""))[:320], found, diagnostic or subtype)
    passing = report.get("bounceType") != "Permanent" or subtype in _SUPPRESSED
    if refusal.verdict is Verdict.DEAD and passing:
        return refusal.as_soft()
    return refusal


#: SES would not even try: its own list, which may be older than the mailbox.
_SUPPRESSED = ("Suppressed", "OnAccountSuppressionList")
_CAUSES = {
    "NoEmail": "no such recipient",
    "MailboxFull": "mailbox full",
    "MessageTooLarge": "message too large",
    "ContentRejected": "content rejected",
    "AttachmentRejected": "content rejected",
}


def _dict(said: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = said.get(name)
    return found if isinstance(found, dict) else {}


def _list(said: Mapping[str, Any], name: str) -> list[Any]:
    found = said.get(name)
    return found if isinstance(found, list) else []


def _dicts(said: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    return [each for each in _list(said, name) if isinstance(each, dict)]
