"""
Which mails a program wrote: absences, receipts, ticket systems, filters that ask who we are.

Sources: RFC 3834 (Auto-Submitted, and what answered before it), RFC 8098 (receipts), RFC 2919
and 2369 (lists), Microsoft's [MS-OXCMAIL] (X-Auto-Response-Suppress), and the words in which
mail programs announce an absence in the languages that they are translated to.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from email.message import Message
from email.utils import parseaddr

from digest.bounces import words

#: In any subject: what programs call their own answers.
_ANSWERED = (
    r"out of (the )?office|^auto:|^ooo\b|\boof:|^(not )?read:|(delivery|read) receipt"
    r"|^(nicht )?gelesen:"
    r"|auto(matic|mated)?[ -]?(reply|response|responder|antwort)"
    r"|automatische (antwort|e-?mail)|r[ée]ponse auto|^lu ?:|^leído:|^letto:|^lida:|^gelezen:"
    r"|message d.absence|respuesta auto"
    r"|resposta auto|risposta auto|automatisch antwoord|automati(sk)?t? svar|autosvar"
    r"|automaattinen vastaus|automatyczna odpowied|odpowied. automatyczna|automatick[áé] odpov"
    r"|automatikus válasz"
    r"|răspuns automat|αυτόματη απάντηση|otomatik (yanıt|cevap)|автоответ|автоматическ\w+ ответ"
    r"|автоматична відповідь|automaatvastus|(תשובה|מענה) אוטומטי|رد تلقائي|رد آلي"
    r"|自動(返信|応答|回覆)|自动(回复|答复)|자동 ?(응답|회신)|trả lời tự động|balasan otomatis"
)
#: In subjects that are no answers to ours: there a person may speak of somebody's holidays.
_AWAY = (
    r"\bvacation\b|(on|annual|parental|maternity|sick) leave\b"
    r"|away from (my|the) (mail|office|desk)"
    r"|abwesen|nicht im (büro|haus)|eingangsbestätigung|absence|absente? du|fuera de (la )?oficina"
    r"|aus[eê]ncia|ausente|fora do escrit[óo]rio|fuori (ufficio|sede)|assente|afwezig|frånvar"
    r"|fravær"
    r"|\bpoissa\b|poza biurem|nieobecno|nepřítomn|mimo kancelář|házon kívül|ofis dışı|отсутств"
    r"|вне офиса|خارج المكتب|不在(通知|のお知らせ|連絡)|休假|부재"
)
_ANSWER = re.compile(
    r"\s*(re|aw|antw|sv|vs|fwd?|wg|rv|tr|r|odp|ynt|回复|答复)(\[\d+\])?[:：]",
    re.IGNORECASE,
)
#: At the beginning of a text without such a subject; so only what nobody says in passing.
_SAYS_ABSENT = re.compile(
    r"\b(i am|i.m|i will be|i.ll be) (currently |now |presently )?(away|out of (the |my )?office"
    r"|on (annual|maternity|paternity|parental|sick|vacation|holiday|study) ?(leave)?\b"
    r"|on (leave|vacation|holidays?))\b.{0,120}\b(until|till|from|return|back|access|respond|reply)"
    r"|this is an auto(matic|mated|-?)\w* (e-?mail |mail )?(reply|response|answer|message)"
    r"|(this|the) (mailbox|inbox|e-?mail address|address|account) is (not|no longer|un)"
    r" ?(being )?(actively )?(monitored|read|checked|attended|in use)"
    r"|(your|the) (ticket|case|request|reference) (number|id|no\.?) (is|has been)"
    r"|(someone|we|a member) .{0,30}(will|shall) (get back|respond|reply|be in touch) .{0,40}"
    r"(within|hours|days|shortly|as soon as)"
    r"|we (have )?received your (request|e-?mail|message|mail)"
    r"|please do not (reply|respond) to this (e-?mail|message|mail)"
    r"|(ich bin|bin ich) .{0,60}(nicht im (büro|haus)|im urlaub|nicht erreichbar|abwesend)"
    r"|diese (e-?mail|nachricht|antwort) (wurde|wird|ist) automatisch"
    r"|je suis (actuellement )?(absente?|en (congé|vacances|déplacement))"
    r"|(estoy|estaré|me encuentro) (actualmente )?(ausente|fuera de|de vacaciones)"
    r"|(estou|estarei) (ausente|fora do|de férias)|sono (attualmente )?(assente|fuori|in ferie)"
    r"|ik ben .{0,40}(afwezig|niet aanwezig|op vakantie|met vakantie|niet op kantoor)"
    r"|jag är .{0,40}(borta|ledig|på semester|inte på kontoret)"
    r"|jestem .{0,30}(nieobecn|na urlopie|poza biurem)|я .{0,30}(в отпуске|отсутству)"
    r"|ich bin .{0,30}wieder (erreichbar|im büro|da)\b"
    r"|(i|he|she|they) (am |is |are )?no longer (work|employed|with)|has left the (company|organi)"
    r"|arbeitet nicht mehr|ne travaille plus|ya no trabaja"
    r"|休暇(中|を)|不在(に|と|で)|休假|不在办公室",
    re.IGNORECASE | re.DOTALL,
)
#: A filter that lets a mail through once its writer has clicked or answered.
_WHO_ARE_YOU = re.compile(
    r"(protected|guarded|screened) by .{0,60}(spam|filter|verif|click|link|guest list)"
    r"|(click|follow|visit) .{0,80}(link|below|url|page) .{0,80}(verify|confirm|prove|approved?"
    r"|allowed|added|deliver|release|human)"
    r"|(verify|confirm|prove) that you (are|'re) (a )?(human|real|person|not a)"
    r"|(your|the) (message|mail|e-?mail) (is|has been) (being )?(held|waitlisted|quarantined)"
    r"|challenge.?response|one.?time (verification|confirmation|automated)|sender verification",
    re.IGNORECASE | re.DOTALL,
)
#: A person who is away and wants something all the same.
_WANTS = re.compile(
    r"[?？]|unsubscri|remove me|take me off|abmeld|d[ée]sinscri|de baja", re.IGNORECASE
)
#: So much of a text is looked at: a program comes to the point.
_BEGINNING = 600

#: Headers that only programs write, whatever their value.
_MARKS = (
    "X-Autoreply",
    "X-Auto-Reply",
    "X-Auto-Reply-From",
    "X-AutoReply-From",
    "X-Autorespond",
    "X-Autoresponse",
    "X-Autoresponder",
    "X-Mail-Autoreply",
    "X-Autogenerated",
    "X-Apple-Action",
    "X-Vacation",
    "X-FC-MachineGenerated",
    "X-MS-Exchange-Inbox-Rules-Loop",
)
_LISTS = ("List-Id", "List-Unsubscribe")
_NOBODYS = re.compile(r"(no|do|don.?t|not)[-_.]?(not)?[-_.]?reply([-_.+].*)?@", re.IGNORECASE)


def is_answer(subject: str) -> bool:
    """Tell whether *subject* answers or passes on another mail, in the usual languages."""
    return bool(_ANSWER.match(subject))


def is_absence(subject: str) -> bool:
    """Tell whether *subject* is one that a program writes for somebody who is away."""
    told = _ANSWERED if is_answer(subject) else f"{_ANSWERED}|{_AWAY}"
    return bool(re.search(told, subject, re.IGNORECASE))


def is_marked(mail: Message) -> bool:
    """Tell whether its headers or its subject say that a program wrote *mail*."""
    submitted = words.header(mail, "Auto-Submitted").lower()
    precedence = words.header(mail, "Precedence").lower()
    return (
        submitted not in ("", "no")
        or any(mail.get(name) for name in (*_MARKS, *_LISTS))
        or words.header(mail, "X-Auto-Response-Suppress").lower() == "all"
        or "auto" in precedence
        or precedence in ("bulk", "junk", "list")
        or is_absence(words.header(mail, "Subject"))
        or words.header(mail, "Return-Path") == "<>"
        or bool(_NOBODYS.match(parseaddr(words.header(mail, "From"))[1]))
    )


def is_automatic(mail: Message, leaves: Sequence[Message], notice: str) -> bool:
    """Tell the same, also by what *mail* says: a receipt, an absence, a filter that asks."""
    receipt = "message/disposition-notification"
    if is_marked(mail) or any(part.get_content_type() == receipt for part in leaves):
        return True
    beginning = " ".join(words.unquoted(notice)[: 2 * _BEGINNING].split())[:_BEGINNING]
    if _WHO_ARE_YOU.search(beginning):
        return True
    return bool(_SAYS_ABSENT.search(beginning)) and not _WANTS.search(beginning)


def answers(mail: Message) -> bool:
    """Tell whether a program answered with *mail*, as it does for a person (RFC 3834 §5)."""
    submitted = words.header(mail, "Auto-Submitted").lower()
    return submitted.startswith("auto-replied") or any(mail.get(name) for name in _MARKS)
