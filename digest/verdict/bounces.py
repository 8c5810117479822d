"""What a bounce means for the address that it is about."""

from __future__ import annotations

import re
from dataclasses import dataclass

from digest.verdict.rules import (
    AT_READER,
    BEFORE_READERS,
    EVERYWHERE,
    WITH_BYTES,
    Phase,
    Rule,
    Verdict,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounce:
    """What a mail server reports of one recipient, as plain words."""

    #: ``failed``, ``delayed``, ``delivered``, ``relayed``, ``expanded`` (RFC 3464 §2.3.3).
    action: str = "failed"
    #: The enhanced code that is nearest to the refusal; "" for none.
    status: str = ""
    #: The refusing server's reply code; 0 for none.
    code: int = 0
    #: Where it was said; None if the report does not tell.
    phase: Phase | None = None
    #: The refusing server's words, or what there is in their place.
    text: str = ""
    #: What the report says around it, to a person; it can raise a doubt, not prove a thing.
    around: str = ""
    #: A program on the reader's machine said it (``x-unix``), not a mail server.
    local: bool = False


#: Servers that name lists of senders; also within the address of a page that explains.
_LISTS = r"spamhaus|spamcop|sorbs|barracuda|dnsbl|\brbl\b|uribl|surbl|abuseat|blocklist"

_FULL = (
    r"quota|out of storage|storage (limit|space)|disk (is )?full|full disk"
    r"|(mail ?|in)?(box|folder)\b.{0,40}(exceed|full\b)|full (mail ?|in)box"
    r"|exceeds? (the )?(allowed|maximum) (size|storage)"
    r"|insufficient (disk|storage|system storage)|not enough (disk|storage|space)|no space left"
    r"|space (is )?not enough|too (many messages|much mail) (in|on|stored)"
    r"|(postfach|mailbox|konto) .{0,30}\bvoll\b|speicherplatz|zu ?viele mails"
    r"|bo[iî]te .{0,40}(pleine|satur)|buz[oó]n .{0,40}llen[oa]|casella .{0,30}piena"
    r"|caixa .{0,40}cheia|skrzynka .{0,30}(pełna|przepełn)|переполнен|容量"
    r"|(邮箱|信箱|郵箱).{0,10}[满滿]"
)
#: A filter that wants to know who writes, before it lets anything through.
_WHO_ARE_YOU = (
    r"pre-?approved|guest list|challenge.?response|whitelist|requires that you verify"
    r"|requires confirmation|allowed senders|accept(ing|s)? (mail|messages) only from"
    r"|only accept(ing|s)? (mail|e-?mail)"
)
_OURS = (
    rf"{_LISTS}|spam(?!cop)|blacklist|blackhole|block(ed|list)|banned|reputation|junk|bulk"
    r"|\b(spf|dkim|dmarc)\b|unauthenticat|authenti|not authori[sz]|unauthori[sz]"
    r"|relay(ing)?\b.{0,20}(denied|not|prohibited|disallow)|(no|unable to|cannot|not) relay"
    r"|polic(y|ies)|virus|malware|suspicious|phish|malicious|content\b.{0,20}(reject|error)"
    r"|(reverse|rdns|\bptr\b).{0,40}(fail|fix|record|not|dns|lookup)|fix reverse"
    r"|\bsender\b.{0,40}(reject|invalid|denied|unknown|not|domain|verif)"
    r"|(sender|your) (ip|address|domain|host)|unroutable sender|invalid sender"
    r"|(access|permission) denied|mismatches|client host|smtp server of your isp"
    r"|(helo|ehlo)\b.{0,40}(reject|invalid|not|fail)|call(out|back) verif"
    r"|(envelope.?)?from (address|domain)|envelope.?(from|sender)"
    r"|(return.?path|absender(adresse)?|exp[ée]diteur|remitente|remetente|mittente|отправител\w*"
    r"|送信者|发件人)\b(?! ?[:：])"
    r"|multiple .{0,20}addresses|duplicate header|header (is |are )?(missing|invalid)"
    r"|(message|mail) rejected|rejet|not allowed to (send|post)|responsible address"
)
_LARGE = (
    r"(message|mail) (is )?(too (big|large)|length|size)|size limit|too large"
    r"|exceeds administrative"
)
_CLOSED = (
    r"disabled|deaktiv|d[ée]sactiv|disat+ivat|bloquead|bloccat|zablokowan|gesperrt|заблокир"
    r"|suspend|inactive|deactivat|discontinued|not active|on.?hold|locked\b|expired account"
)
_LATER = (
    r"expired|time(d)?.?out|timeout|retr(y|ies)|attempts|too many (recipients|connections|mess)"
    r"|rate limit|frequency|try (again )?later|try again|tempor|greylist|graylist|deferred"
    r"|connect(ion)? (to|refused|reset|dropped|lost|timed)|lost connection"
    r"|unable to (connect|contact)"
    r"|\bloop\b|hop count|too many hops|forwarded more than|not available|unavailable due"
    r"|no route to host|network (is )?(error|unreachable)|last \d+ seconds|during the last"
    r"|aborted after|warning only|will be retried|been delayed|server (is )?(busy|down)"
)
#: Of the part before the @, by a server or a directory.
_WHO = (
    r"(user(id)?|recipient|rcpt|mail.?box|address(ee)?|account|customer|alias|name|person|id"
    r"|local ?part|destinataire|adresse|adressat|utilisateur|usuario|usuário|cuenta|buz[oó]n"
    r"|casilla|utente|destinatari[oa]|indirizzo|empfänger|empfaenger|benutzer|gebruiker|användare|bruker"
    r"|odbiorca|konto)"
)
_NOBODY = (
    rf"\b{_WHO}\b.{{0,60}}?"
    r"(unknown|not[ _]found|no longer|(does|did|do)( not|n.?t) exist|(?<!may )not exist|inexist"
    r"|invalide?\b|not (known|listed|recogni[sz]ed|valid|a valid|local|registered|there|on this)"
    r"|isn.t (known|valid)|is wrong|has moved|(is|was|been) (deleted|removed)"
    r"|unbekannt|inconnu|desconocid|sconosciut|desconhecid|existiert nicht"
    r"|n.existe pas|no existe|não existe|non esiste|nie istnieje|bestaat niet|finns inte"
    r"|findes ikke)"
    r"|(no such|unknown|invalid|non-?existent|bad|illegal|undefined|unbekannte[rsn]?|onbekende"
    r"|okänd|ukjent|unable to find)[ _-]"
    r"(or (illegal|invalid) )?(final |local |virtual |destination |delivery |e-?mail |mail ?){0,2}"
    rf"({_WHO}|addressee|drop|box)\b"
    r"|(no ?one|nobody) (with|by|here)|not found in (the )?(ldap|directory)|recip(ient)?notfound"
    r"|(not|no longer) an? (known|valid|registered|active|existing|local)"
    r" (user|recipient|mail.?box|address|account|customer)"
    r"|no (mail.?box|user|account|recipient)s? (here|by|with|found|named|matching|available for)"
    r"|n.t handle mail for (that|this)|not our customer"
    r"|nie ma takie(go|j) (konta|użytkownika|skrzynki)"
    r"|\bwasn.t found at|recipient address rejected\.?( \(.*)?$"
    r"|存在しません|宛先不明|(?<!可能)不存在|查无此人|не существует|не найден|неизвест"
)
#: The same, of a form that filters of several Japanese and American providers borrowed.
_NO_ACCOUNT = r"n.t have an? .{0,40}account"
#: Before such words it is advice to a person, and no finding.
_PERHAPS = r"(may|might|if|whether|perhaps|possibly|could be)"
#: What software says by default, and filters repeat to hide behind it.
_STOCK = r"user unknown|unknown user|no such user"
#: Of what only somebody who looked it up can say: a directory, or the DNS.
_LOOKED_UP = (
    r"not listed in|recipient name is not recogni[sz]ed|ディレクトリ.{0,10}見つかりません"
    r"|\b(host|domain)( or domain)?( name)?( \S+)? (is |was )?"
    r"(unknown|not found|(does|did)( not|n.t) exist|non.?exist|not reachable)"
    r"|(no such|unknown|invalid|bad)[ -](host|domain)"
    r"|unrout(e)?able (mail )?(address|domain)|name or service not known|nxdomain"
    r"|non-?existent (host|domain)|(?<![\w@.-])([\w-]{1,63}\.){1,9}[a-z]{2,20} does not exist"
    r"|name service error(?!.{0,80}malformed)"
    r"|(could|can)( not|n.t) find (any host|a mail exchanger)"
    r"|no smtp service|does not accept (any )?mail|null ?mx|no valid recipient"
    r"|bad-mailbox|bad-domain"
    # Barracuda's and IronPort's codes for an address that their directory lacks.
    r"|\bcuda_nsu\b|#5\.1\.0 address rejected"
)

#: The table. A cause that is not the address goes before everything that blames it.
BOUNCED = (
    Rule(
        EVERYWHERE,
        Verdict.DEAD,
        "Microsoft's refusal at the edge of an address that its directory does not have.",
        enhanced=r"5\.4\.1",
        words=r"recipient address rejected: access denied",
    ),
    Rule(
        EVERYWHERE,
        Verdict.FULL,
        "The mailbox is full, in words.",
        words=_FULL,
    ),
    Rule(
        EVERYWHERE,
        Verdict.REFUSED,
        "Larger than this mailbox or its system takes.",
        words=_LARGE,
    ),
    Rule(
        EVERYWHERE,
        Verdict.REFUSED,
        "The mailbox was closed or put on hold, and may be opened again; unless the refusing"
        " server itself says 5.1.x, for Sendmail says so for it of any 550.",
        words=rf"\A(?!.*\b5\.1\.\d).*({_CLOSED})",
    ),
    Rule(
        EVERYWHERE,
        Verdict.REFUSED,
        "A filter of this reader's takes mail only from whom they know.",
        words=_WHO_ARE_YOU,
    ),
    Rule(
        EVERYWHERE,
        Verdict.OURS,
        "Sender, reputation, signatures, rights, policy or content, in words.",
        words=_OURS,
    ),
    Rule(
        EVERYWHERE,
        Verdict.FULL,
        "The mailbox is full.",
        enhanced=r"[45]\.2\.2",
    ),
    Rule(
        EVERYWHERE,
        Verdict.LATER,
        "It passes by its class; `failed` then says that a queue gave up waiting.",
        enhanced=r"4\.\d+\.\d+",
    ),
    Rule(
        EVERYWHERE,
        Verdict.LATER,
        "The same, without an enhanced code.",
        codes=r"4\d\d",
    ),
    Rule(
        EVERYWHERE,
        Verdict.LATER,
        "The DNS did not answer; that passes.",
        words=r"not found, try again|(lookup|name service) .{0,40}(temporary|try again)",
    ),
    Rule(
        BEFORE_READERS,
        Verdict.OURS,
        "Nothing was said of a reader yet.",
    ),
    Rule(
        EVERYWHERE,
        Verdict.OURS,
        "Our own address is not one, or not of a system.",
        enhanced=r"5\.1\.[78]",
    ),
    Rule(
        EVERYWHERE,
        Verdict.DEAD,
        "No such mailbox or system, not an address, moved, a null MX.",
        enhanced=r"5\.1\.(1|2|3|6|10)",
    ),
    Rule(
        AT_READER,
        Verdict.DEAD,
        "No such reader, in words, when the reader was named.",
        words=f"{_NOBODY}|{_NO_ACCOUNT}",
    ),
    Rule(
        EVERYWHERE,
        Verdict.DEAD,
        "No such reader or system, in the words of a directory or of the DNS.",
        words=_LOOKED_UP,
    ),
    Rule(
        WITH_BYTES,
        Verdict.REFUSED,
        "The reader had been accepted by name: a filter spoke, whatever it says.",
    ),
    Rule(
        EVERYWHERE,
        Verdict.REFUSED,
        "Stock phrases prove nothing where they do not answer the reader's name; nor does the"
        " text of RFC 5321 for a 550, which means three things.",
        words=rf"{_STOCK}|mailbox unavailable",
    ),
    Rule(
        EVERYWHERE,
        Verdict.DEAD,
        "No such reader, in words of the refusing server's own.",
        words=rf"\A(?!.*\b{_PERHAPS}\b.{{0,40}}({_NOBODY})).*({_NOBODY})",
    ),
    Rule(
        EVERYWHERE,
        Verdict.DEAD,
        "The same, in words that prove something only beside a code.",
        codes=r"5\d\d",
        words=_NO_ACCOUNT,
    ),
    Rule(
        EVERYWHERE,
        Verdict.LATER,
        "Networks, loops, queues and rates, in words.",
        words=_LATER,
    ),
    Rule(
        EVERYWHERE,
        Verdict.OURS,
        "Our protocol, our content, our rights or our reputation.",
        enhanced=r"5\.[567]\.\d+",
    ),
    Rule(
        EVERYWHERE,
        Verdict.REFUSED,
        "Whatever else: this reader's, for a reason that may pass.",
    ),
)


def bounced(told: Bounce) -> Verdict:
    """
    Return what *told* means; LATER as well for a report that a message still waits.

    `failed` with a 4.y.z is a queue that gave up: the address may be good. DEAD takes
    words or a code that name the address, and no words that name another cause: a report that
    contradicts itself never ends a subscription.
    """
    if told.action in ("delivered", "relayed", "expanded", "deliverable"):
        return Verdict.ACCEPTED
    if told.action == "delayed":
        return Verdict.LATER
    found = judged(told).verdict
    doubtful = told.local or re.search(f"{_FULL}|{_CLOSED}", plain(told.around), re.IGNORECASE)
    return Verdict.REFUSED if found is Verdict.DEAD and doubtful else found


def judged(told: Bounce) -> Rule:
    """Return the row that decides of a failure."""
    words = plain(told.text)
    return next(rule for rule in BOUNCED if rule.fits(told.phase, told.code, told.status, words))


def plain(text: str) -> str:
    """
    Return the words of *text* in one line, without addresses and pages that it names.

    A mailbox called spam@ or a page about policies says nothing of the cause; the name of
    a list of senders does.
    """
    text = re.sub(r"https?://\S+", _page, text)
    text = _MENTIONED.sub(" @ ", text)
    return " ".join(text.split())


#: Its domain ends before Sendmail's "...".
_MENTIONED = re.compile(
    r"""<?[^\s<>,;:"'()@]{1,64}@[^\s<>,;:"'()@.]{1,63}(?:\.[^\s<>,;:"'()@.]{1,63}){0,20}>?"""
)


def _page(found: re.Match[str]) -> str:
    named = re.search(_LISTS, found[0], re.IGNORECASE)
    return f" {named[0]} " if named else " "
