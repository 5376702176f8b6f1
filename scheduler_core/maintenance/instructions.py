"""Finds text that speaks to the model instead of about the person, in English and German.

A match only sets an attribute aside, visibly and reversibly; it deletes nothing. It errs towards missing a
clever disguise, since the verifier and the citation rule stand behind it, and towards leaving ordinary wishes
("wants reminders in the morning", "please answer in German") alone.
"""

import re
import unicodedata

from scheduler_core.maintenance.language import word_set
from scheduler_core.maintenance.normalise import clean

# Longer texts are examined at both ends, which keeps the cost of one value bounded.
_EXAMINED = 20_000

_RULES = (
    r"(?:instructions?|rules?|prompts?|guidelines?|directions|commands?|directives?|messages?|"
    r"restrictions?|context)"
)
_REGELN = (
    r"(?:anweisung|anweisungen|instruktion|instruktionen|regel|regeln|vorgabe|vorgaben|befehl|befehle|"
    r"prompt|prompts|systemprompt|nachrichten|anleitungen|beschränkungen)"
)
_WHICH = r"(?:previous|prior|above|preceding|earlier|all|any|your|system|these|those|other|the|my)"
_WELCHE = (
    r"(?:bisherig|vorherig|vorig|vorangegangen|obig|frühere?|all|deine|eure|system|diese|sämtlich|"
    r"die)\w{0,4}"
)

_PATTERNS = {
    "overrides instructions": (
        rf"\b(?:ignore|disregard|forget|override|bypass|neglect|"
        rf"skip)\b[^.\n]{{0,20}}\b{_WHICH}\b[^.\n]{{0,30}}\b{_RULES}\b",
        rf"\b(?:ignorier\w{{0,3}}|vergiss|vergesst|missachte\w?|überschreib\w{{0,3}}|"
        rf"umgeh\w{{0,3}})\b[^.\n]{{0,20}}"
        rf"\b{_WELCHE}\b[^.\n]{{0,30}}\b{_REGELN}\b",
        r"\b(?:ignore|forget|disregard)\b (?:everything|all) (?:above|before|you|that came)",
        r"\bvergiss alles\b",
        r"\bnew (?:system )?(?:instructions?|directives?|rules?)\s*:",
        r"\bneue (?:anweisung|anweisungen|regeln?|instruktion\w{0,3})\s*:",
        r"\b(?:instructions?|note|message) (?:for|to) (?:the )?(?:ai|assistant|language model|llm|"
        r"summari[sz]er|model)\b\s*:",
        r"\b(?:anweisung|hinweis|nachricht) (?:für|an) (?:die ki|den assistenten|das modell)\b\s*:",
    ),
    "asks for the prompt": (
        r"\b(?:reveal|print|show|repeat|output|leak|display|return|recite|expose|tell me|give me|"
        r"copy)\b[^.\n]{0,40}"
        r"\b(?:system\s?prompt|system message|hidden (?:prompt|instructions)|your (?:instructions|"
        r"prompt|rules))\b",
        r"\b(?:zeig\w?|verrate|nenn\w?|wiederhol\w?|gib|drucke|schreib\w?)\b[^.\n]{0,40}"
        r"\b(?:system-?\s?prompt|systemnachricht|systemanweisung\w{0,2}|deine (?:anweisungen|regeln))\b",
        r"\bsystem\s?prompt\s*[:=]",
    ),
    "takes over the role": (
        r"\byou are (?:now|no longer)\b",
        r"\bfrom now on,? (?:you|act|respond as)\b",
        r"\b(?:act|behave|respond) as (?:if you|though you|an? (?:unrestricted|different|evil|hacker|"
        r"admin))",
        r"\bpretend (?:to be|that you|you are)\b",
        r"\b(?:jailbreak|dan mode|developer mode enabled|god mode)\b",
        r"\bdu bist (?:jetzt|nun|ab (?:jetzt|sofort)|nicht (?:mehr|länger))\b",
        r"\bab (?:jetzt|sofort) (?:bist|musst|sollst|wirst) du\b",
        r"\btu so,? als\b",
    ),
    "gives orders": (
        r"\byou (?:must|shall|have to|are (?:required|instructed) to) (?:now |please )?"
        r"(?:always|never|not|only|obey|ignore|answer|say|write|output|reply|respond|tell|include|add|follow|act|"
        r"recommend|mention|call|forget|disregard|reveal|print|stop|do)\b",
        r"\bdu (?:musst|sollst) (?:jetzt|nun|immer|nie|niemals|nur|ab|folgen|gehorchen|alle|schreiben|"
        r"antworten)\b",
        r"\bdo not (?:tell|inform|mention (?:this|it) to) the (?:user|person|operator)\b",
        r"\b(?:sag|sage|verrate|erzähle?) (?:es |das |dies )?dem (?:nutzer|benutzer|anwender) nicht",
        r"\b(?:write|say|state|include|add|claim|mention|insert)\b[^.\n]{0,40}\bin (?:the|your|every|"
        r"each) (?:summary|answer|output)\b",
        r"\b(?:schreib\w?|füge|erwähn\w?|behaupte)\b[^.\n]{0,60}\b(?:zusammenfassung|ausgabe)\b",
        r"\b(?:delete|erase|wipe|remove|drop) (?:all|every|the user'?s?|any)\b[^.\n]{0,30}"
        r"\b(?:memor(?:y|ies)|facts?|attributes?|profiles?|data|records?)\b",
        r"\b(?:lösch\w{0,2}|entfern\w{0,2})\b (?:alle|sämtliche|jede)\w?\b[^.\n]{0,30}"
        r"\b(?:erinnerung|fakten|attribute|profil|daten|einträge)\w{0,3}\b",
        r"\bwhen (?:you )?(?:summari[sz]e|summari[sz]ing|writing the summary)\b",
        r"\b(?:end|stop|finish) (?:the|your) (?:summary|list|data)\b[^.\n]{0,20}\b(?:and|then)\b",
        r"\bdecode (?:this|the following)\b[^.\n]{0,30}\b(?:base64|rot13|hex)\b",
    ),
    "imitates a conversation": (
        r"<\|[^|>\n]{1,40}\|>",
        r"\[/?(?:inst|system|assistant)\]",
        r"<</?sys>>",
        r"</?(?:start_of_turn|end_of_turn|bos|eos|system|assistant|instructions?|prompt)>",
        r"(?:^|\s)</?s>(?:\s|<|$)",
        r"#{2,}\s*(?:instruction|system|response|assistant|human|user|anweisung|antwort)\b",
        r"\n\s*(?:system|assistant|user|human|developer)\s*:",
        r"(?:^|[.!?]\s+)(?:assistant|developer)\s*:\s*\S",
        r"(?:^|[.!?]\s+)system\s*:\s*(?:you|your|ignore|forget|please|do|the|override|always|never|"
        r"from|new|du|ab|vergiss)\b",
        r"\b(?:end|begin|ende|beginn) (?:of )?(?:system|data|prompt|instructions|der daten)\b\s*[-=*#>\]]",
    ),
    "sends data away": (
        r"!\[[^\]\n]{0,80}\]\(\s*(?:https?:)?//",
        r"\b(?:send|post|upload|forward|transmit|exfiltrate|append|fetch|call|visit|"
        r"open)\b[^\n]{0,80}\b(?:https?://|ftp://|www\.)",
        r"\b(?:schick\w{0,2}|sende\w?|lade|leite|rufe?|öffne)\b[^\n]{0,80}\b(?:https?://|ftp://|www\.)",
        r"https?://\S{0,200}[?&](?:q|d|data|leak|secret|token|prompt|history|payload|profile)=\s?[{<$\[]",
        r"\bjavascript:",
        r"<\s?(?:script|iframe|img|object|embed)\b",
    ),
}
_COMPILED = tuple(
    (reason, re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE))
    for reason, patterns in _PATTERNS.items()
)
# Whatever matches above has one of these characters, or a word that begins like one of these. Looking for
# them is many times cheaper, and nearly every text has neither.
_MARKS = re.compile(r"[<>\[\]#:=_\n]")
_WORD = re.compile(r"\w+")
_BEGINNINGS = word_set(
    "igno disr forg over bypa negl skip verg miss über umge reve prin show repe outp leak disp retu "
    "reci expo tell give copy zeig verr nenn wied gib druc schr you from act beha resp pret jail mode "
    "du ab tu do sag sage erzä writ say stat incl add clai ment inse füge erwä dele eras wipe remo drop "
    "lösc entf when end stop fini deco begi ende send post uplo forw tran exfi appe fetc call visi open "
    "schi lade leit ruf rufe öffn http www java ftp deve god dan neue new note mess anwe hinw nach inst"
)
_MOST_SINGLE_LETTERS = 4
# One letter at a time: "i g n o r e", "i.g.n.o.r.e".
_SPELLED = re.compile(r"(?<!\w)(?:\w[ ._*-]){5,}\w(?!\w)")
_LOOKALIKES = str.maketrans("аеорсухіјѕԁАВЕКМНОРСТХІ", "aeopcyxijsdABEKMHOPCTXI")


def instruction_in(*texts: str) -> str | None:
    """What makes one of the texts look like an instruction, in two or three words, or None.

    The words come from a fixed list and never quote the text.
    """
    for text in texts:
        reason = _reason(text)
        if reason is not None:
            return reason
    return None


def _reason(text: str) -> str | None:
    if len(text) > _EXAMINED:
        text = f"{text[: _EXAMINED // 2]} {text[-_EXAMINED // 2 :]}"
    plain = unicodedata.normalize("NFKC", "\n".join(clean(line) for line in text.splitlines()))
    if _is_harmless(plain):
        return None
    for form in _forms(plain):
        for reason, pattern in _COMPILED:
            if pattern.search(form):
                return reason
    return None


def _is_harmless(plain: str) -> bool:
    if _MARKS.search(plain) is not None:
        return False
    if not plain.isascii() and any("Ѐ" <= character <= "ԯ" for character in plain):
        return False
    words = _WORD.findall(plain.lower())
    return (
        _BEGINNINGS.isdisjoint([word[:4] for word in words])
        and len([word for word in words if len(word) == 1]) <= _MOST_SINGLE_LETTERS
    )


def _forms(plain: str) -> list[str]:
    forms = [plain]
    if any("Ѐ" <= character <= "ԯ" for character in plain):
        forms.append(plain.translate(_LOOKALIKES))
    if _SPELLED.search(plain):
        forms.append(
            _SPELLED.sub(lambda match: re.sub(r"[ ._*-]", "", match.group()), re.sub(r" {2,}", " ", plain))
        )
    return forms
