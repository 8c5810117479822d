"""People who write to the mailbox of what comes back: let go, listed, or passed on."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from email.utils import parseaddr
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from digest import notices, tokens
from digest.bounces import Returned
from digest.bounces.words import unquoted
from digest.errors import BadToken, ReaderError
from digest.identity import address_key
from digest.readership.outcome import Outcome
from digest.readership.people import mailbox, token_key
from digest.readership.seats import PURPOSE, leave_within
from digest.store import Database, bounces, subscribers, subscriptions
from digest.store.bounces import Fact

if TYPE_CHECKING:
    from digest.config import Loaded

#: What our own List-Unsubscribe makes a mail program write.
_TOKEN = re.compile(r"\bunsubscribe[ :]+([A-Za-z0-9_-]{30,400})\s*$", re.IGNORECASE)
#: Asking to leave, in the languages of our readers: what mail programs and mailing lists call
#: it there, and what people write instead.
_LEAVING = re.compile(
    r"(?<!never )(?<!not )(?<!n't )(?<!n’t )(unsubscribe|remove (me|my)\b|take me off"
    r"|(stop|no more) (sending|mail|email|these))|\bopt(ing)? ?-?out\b|delete (me"
    r"|my (e-?mail|address))"
    r"|(cancel|end) (my|the|this) subscription|(no longer|don.?t|not) (wish|want) to (receive|get)"
    r"|\A\W*(re: [^\n]*)?\n?\W*(unsub|stop|remove|cancel|quit|leave|end)\W*\Z"
    r"|abmelde|abbestell|austragen|kein(e|en)? (mails?|e-?mails?|newsletter|post) mehr"
    r"|aus (dem|ihrem|eurem|der|ihrer) (verteiler|liste|mailingliste)"
    r"|d[ée]sinscri|d[ée]sabonn|(ne plus|plus) recevoir"
    r"|(retirez|enlevez|supprimez|rayez)[ -](moi|mon)"
    r"|de baja\b|cancelar (la |mi )?suscripci|no (quiero|deseo) (recibir|seguir)|no recibir m[aá]s"
    r"|(elim[ií]n|b[oó]rr|qu[ií]t)[ae]n?me|desuscri"
    r"|cancella(rmi|temi|re l.iscrizione)|disiscri|non (desidero|voglio) (pi[ùu] )?ricevere"
    r"|rimuov(etemi|imi|ere il mio)|tolga?(temi|limi)"
    r"|me remov|cancelar (a )?(minha )?(inscri|assinatura)|n[ãa]o (quero|desejo) (mais )?receber"
    r"|descadastr|desinscre"
    r"|uitschrijv|af ?(te )?meld|geen (e-?)?(mails?|nieuwsbrie\w+) meer"
    r"|avregistrera|avsluta prenumer|avprenumer|afmeld|meld (meg|mig) (av|fra)|peruuta tilau"
    r"|poista minut|wypisa[ćc]|usuni(ę|e)ci\w+ .{0,20}adres|nie chc[ęe] (otrzym|dosta)|rezygnuj"
    r"|odhl[aá]s|leiratkoz|dezabon|διαγραφ|κατάργηση εγγραφ"
    r"|отпи(с|ш)|удалите (меня|мой)|не присылайте|відпи(с|ш)|abonelik.{0,12}(çık|iptal)"
    r"|配信(を)?(停止|解除|中止)|配信を止|退会|購読(を)?(解除|停止|中止)|登録(を)?解除"
    r"|退[订訂]|取消[订訂][阅閱]|不要再发|구독 ?(취소|해지)|수신 ?거부"
    r"|إلغاء الاشتراك|ألغ اشتراك|הסי?רו? אותי|ביטול (מנוי|הרשמה)|hủy đăng ký|berhenti berlangganan",
    re.IGNORECASE,
)
#: A person who asks to leave says so at once, and not in the quoted newsletter below.
_FIRST_LETTERS = 400
#: So much of a person's mail is passed on.
_LONGEST = 10_000


def answered(
    conn: Connection,
    loaded: Loaded,
    mail: Returned,
    fact: Fact,
    *,
    newsletter: str,
    now: datetime,
) -> Outcome:
    """
    Do what a person's mail asks for, and keep *fact* of it; return what followed.

    With their link's token they leave at once. Who asks without one is listed for a
    person, since a sender's address can be forged. All else goes to the editors.
    """
    if (found := _TOKEN.search(mail.subject)) and _leaves(conn, loaded, found[1], fact, now):
        return Outcome.LEFT
    fact = replace(fact, address=mail.sender[:320], subscriber=_known(conn, mail.sender))
    own = unquoted(mail.text)[:_FIRST_LETTERS]
    if _LEAVING.search(f"{mail.subject}\n{own}"):
        outcome = Outcome.TASK
    else:
        outcome = _passed_on(conn, loaded, mail, newsletter, now)
    bounces.keep(conn, replace(fact, outcome=outcome))
    return outcome


def _leaves(conn: Connection, loaded: Loaded, token: str, fact: Fact, now: datetime) -> bool:
    with suppress(BadToken):
        subscriber, _ = tokens.opened(token_key(loaded), PURPOSE, token)
        if not subscribers.has(conn, int(subscriber)):
            return False
        leave_within(conn, loaded, token, now=now, via="mail")
        told = replace(fact, subscriber=int(subscriber), said="", outcome=Outcome.LEFT)
        bounces.keep(conn, told)
        return True
    return False


def _known(conn: Connection, sender: str) -> int | None:
    person = subscribers.by_address(conn, address_key(sender)) if sender else None
    return person.id if person else None


def _passed_on(
    conn: Connection, loaded: Loaded, mail: Returned, newsletter: str, now: datetime
) -> Outcome:
    """Put a person's words into the outbox for the editors; a task where nobody would get them."""
    key = newsletter or next(iter(loaded.settings.newsletters))
    settings = loaded.settings.newsletters.get(key)
    ours = loaded.settings.bounces
    if settings is None or not _is_answerable(mail.sender):
        return Outcome.TASK
    address = parseaddr(settings.reply_to or settings.from_)[1]
    if ours and address_key(address) == address_key(ours.address):
        # It would come back here, for ever.
        return Outcome.TASK
    notices.post(
        conn,
        loaded,
        newsletter_key=key,
        kind="passed-on",
        address=address,
        idempotency_key=f"passed-on:{mail.key}",
        values={
            "sender": mail.sender,
            "about": mail.subject,
            "words": [part for part in mail.text[:_LONGEST].split("\n\n") if part.strip()],
        },
        now=now,
    )
    return Outcome.FORWARDED


def _is_answerable(sender: str) -> bool:
    with suppress(ReaderError):
        mailbox(sender)
        return True
    return False


# --- tasks --------------------------------------------------------------------------------


def settle_task(
    database: Database, loaded: Loaded, number: int, *, leave: bool, now: datetime
) -> Fact:
    """
    Settle what waits for a person; with *leave* the reader it names leaves all newsletters.

    Returns it as it was. ReaderError if nothing of that number waits, or *leave* is asked
    for and it names nobody of ours. Calling twice is an error the second time.
    """
    with database.write() as conn:
        fact = bounces.by_id(conn, number)
        if fact is None or fact.outcome != Outcome.TASK or fact.done_at is not None:
            raise ReaderError(
                f"nothing with the number {number} waits for you",
                remedy="Run: digest bounces tasks",
            )
        if leave:
            _leave_all(conn, loaded, fact, now)
        bounces.settled(conn, number, at=now)
        return fact


def _leave_all(conn: Connection, loaded: Loaded, fact: Fact, now: datetime) -> None:
    whose = fact.subscriber or _known(conn, fact.address)
    consents = subscriptions.of_subscriber(conn, whose) if whose else []
    if not consents:
        raise ReaderError(
            f"{fact.address or 'the mail'}: nobody here has this address",
            remedy="Find them with `digest subscribers list`, then settle it without --leave.",
        )
    for one in consents:
        token = tokens.make(token_key(loaded), PURPOSE, one.subscriber, one.newsletter)
        leave_within(conn, loaded, token, now=now, via="asked by mail")
