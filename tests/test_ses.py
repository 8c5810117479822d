"""What Amazon SES reports through SNS: believed with its signature, from our topic alone."""

from __future__ import annotations

import json
from base64 import b64encode
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from digest import readership
from digest.bounces import Kind, ses
from digest.errors import BadToken
from digest.model import SubscriptionState
from digest.readership import Outcome
from digest.verdict import Verdict
from tests.audience import NOW
from tests.test_returned import Desk, loaded

x509 = pytest.importorskip("cryptography.x509", reason="the extra `sign` is not installed")
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import padding, rsa  # noqa: E402

TOPIC = "arn:aws:sns:eu-west-1:123456789012:recap-bounces"
CERTIFICATE = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem"
CONFIRM = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=x"

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@dataclass
class Sns:
    """A topic with a key of its own; it signs as SNS does, and notes what was opened."""

    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    opened: list[str] = field(default_factory=list)

    def open(self, url: str) -> bytes:
        self.opened.append(url)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .sign(self.key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM)

    def message(self, content: object, **changed: str) -> bytes:
        """A signed notification; *changed* is changed before it is signed."""
        told = {
            "Type": "Notification",
            "MessageId": "m-1",
            "TopicArn": TOPIC,
            "Message": json.dumps(content),
            "Timestamp": "2023-09-22T13:00:00.000Z",
            "SignatureVersion": "2",
            "SigningCertURL": CERTIFICATE,
        } | changed
        names = sorted({*told} - {"SignatureVersion", "SigningCertURL"})
        signed = "".join(f"{name}\n{told[name]}\n" for name in names)
        digest = hashes.SHA1() if told["SignatureVersion"] == "1" else hashes.SHA256()
        signature = self.key.sign(signed.encode(), padding.PKCS1v15(), digest)
        return json.dumps(told | {"Signature": b64encode(signature).decode()}).encode()


@pytest.fixture(scope="module")
def keeper() -> Sns:
    return Sns()


@pytest.fixture
def sns(keeper: Sns) -> Sns:
    return Sns(key=keeper.key)


@pytest.fixture
def desk(database) -> Desk:
    return Desk(database)


def bounce(desk: Desk, **told: object) -> dict[str, object]:
    recipient = {
        "emailAddress": desk.address,
        "status": "5.1.1",
        "action": "failed",
        "diagnosticCode": "smtp; 550 5.1.1 user unknown",
    }
    usual = {"bounceType": "Permanent", "bounceSubType": "General"}
    return {
        "notificationType": "Bounce",
        "bounce": usual | {"bouncedRecipients": [recipient]} | told,
        "mail": {"source": desk.back_to(), "headers": []},
    }


def take(desk: Desk, sns: Sns, body: bytes) -> Counter[Outcome]:
    settings = loaded(sns_topic=TOPIC)
    return readership.take_sns(desk.database, settings, body, now=NOW, opened=sns.open)


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_signed_bounce_suppresses_a_dead_address_once(desk, sns, version):
    """Both of SNS's signatures count; a repeated delivery does nothing."""
    body = sns.message(bounce(desk), SignatureVersion=version)
    assert take(desk, sns, body) == Counter({Outcome.SUPPRESSED: 1})
    assert desk.state is SubscriptionState.SUPPRESSED
    assert take(desk, sns, body) == Counter()


def test_a_complaint_suppresses(desk, sns):
    """SES's complaint is a reader's “this is spam”."""
    told = {
        "notificationType": "Complaint",
        "complaint": {"complainedRecipients": [{"emailAddress": desk.address}]},
        "mail": {"source": desk.back_to()},
    }
    assert take(desk, sns, sns.message(told)) == Counter({Outcome.SUPPRESSED: 1})


@pytest.mark.parametrize(
    "told",
    [
        {"bounceType": "Transient", "bounceSubType": "General"},
        {"bounceSubType": "OnAccountSuppressionList"},
        {"bounceSubType": "Suppressed"},
    ],
)
def test_what_ses_calls_passing_or_did_not_try_is_soft(desk, sns, told):
    """A list of SES's own, or a transient bounce, is no proof that a mailbox is gone."""
    assert take(desk, sns, sns.message(bounce(desk, **told))) == Counter({Outcome.COUNTED: 1})


def test_forged_messages_do_nothing(desk, sns):
    """Changed words, another key, topic, certificate's place or no topic at all: no such page."""
    genuine = json.loads(sns.message(bounce(desk)))
    stranger = Sns()
    forged = [
        json.dumps(genuine | {"Message": json.dumps(bounce(desk)) + " "}).encode(),
        json.dumps(genuine | {"Signature": "AAAA"}).encode(),
        json.dumps(genuine | {"Signature": "no base64!"}).encode(),
        stranger.message(bounce(desk)),
        sns.message(bounce(desk), TopicArn=TOPIC + "-of-somebody-else"),
        sns.message(bounce(desk), SigningCertURL="https://sns.evil.test/x.pem"),
        sns.message(bounce(desk), SigningCertURL="http://sns.eu-west-1.amazonaws.com/x.pem"),
        sns.message(bounce(desk), SigningCertURL="https://sns.eu-west-1.amazonaws.com.evil.test/"),
        sns.message(bounce(desk), SigningCertURL="https://a@sns.eu-west-1.amazonaws.com:81/x"),
        sns.message(bounce(desk), SignatureVersion="3"),
        sns.message(bounce(desk), Type="Nonsense"),
        b"[]",
        b"\xff",
        b"[" * 100_000,
    ]
    for body in forged:
        with pytest.raises(BadToken):
            take(desk, sns, body)
    with pytest.raises(BadToken):
        readership.take_sns(
            desk.database, loaded(), sns.message(bounce(desk)), now=NOW, opened=sns.open
        )
    assert desk.state is SubscriptionState.ACTIVE
    assert set(sns.opened) == {CERTIFICATE}


def test_our_topics_subscription_is_confirmed(desk, sns):
    """The page that SNS names is opened, and no other."""
    usual = {"Type": "SubscriptionConfirmation", "Token": "x"}
    assert take(desk, sns, sns.message({}, **usual, SubscribeURL=CONFIRM)) == Counter()
    assert sns.opened[-1] == CONFIRM
    with pytest.raises(BadToken):
        take(desk, sns, sns.message({}, **usual, SubscribeURL="https://evil.test/"))
    assert "https://evil.test/" not in sns.opened


@pytest.mark.parametrize("content", ["{}", "null", '{"mail": 1}', "no json", "[" * 100_000])
def test_other_words_are_nothing_of_ours(database, content):
    """What is not SES's report is not taken for one."""
    assert ses.told(content, "k") is None


def test_a_delivery_is_good_news(desk):
    """SES's own report that a server took a mail is a bounce of which nobody was refused."""
    told = {
        "eventType": "Delivery",
        "delivery": {"recipients": [desk.address], "smtpResponse": "250 ok"},
        "mail": {"source": desk.back_to()},
    }
    found = ses.told(json.dumps(told), "k")
    assert found is not None
    assert (found.kind, found.refusals[0].verdict) == (Kind.BOUNCE, Verdict.ACCEPTED)
