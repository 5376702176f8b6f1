"""What the keys of attributes mean: one name for many spellings, and whether only one value can be true.

A key that is not listed here keeps its own name and may have many values, so nothing is lost by ignorance.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache

from scheduler_core.maintenance.language import fold, stem, tokens
from scheduler_core.maintenance.normalise import clean

_CAMEL = re.compile(r"(?<=[a-zäöüß])(?=[A-ZÄÖÜ])")
_NOT_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRule:
    """How to treat the attributes of one canonical key.

    Attributes:
        single: at most one value is true at a time.
        must_keep: a summary that does not say it is refused.
        event: the value is over once its date has passed.
        relations: stems of words a sentence may use for this key although the value lacks them.
        kin: for values that name somebody else, stems of which a sentence has to use one; else empty.
    """

    name: str
    single: bool = False
    must_keep: bool = False
    event: bool = False
    relations: frozenset[str] = field(default_factory=frozenset)
    kin: frozenset[str] = field(default_factory=frozenset)

    @property
    def label(self) -> str:
        return self.name.replace("_", " ")


_SPELLINGS: dict[str, KeyRule] = {}


def _stems(words: str) -> frozenset[str]:
    return frozenset(stem(word) for word in tokens(words.replace("_", " ")))


def _rule(
    name: str,
    spellings: str = "",
    *,
    says: str = "",
    kin: str = "",
    single: bool = False,
    must_keep: bool = False,
    event: bool = False,
) -> None:
    rule = KeyRule(
        name=name,
        single=single,
        must_keep=must_keep,
        event=event,
        relations=_stems(f"{says} {kin}"),
        kin=_stems(f"{kin} {name} {spellings}") if kin else frozenset(),
    )
    for spelling in (name, *spellings.split()):
        _SPELLINGS[spelling] = rule


_LIVES = "live lives living located resides home city town moved based wohnt lebt zuhause stadt gezogen"
_WORKS = "works working work job profession occupation employed earns arbeitet arbeit beruf tätig"
_LIKES = "like likes enjoys enjoy fond interested interests mag gern gerne interessiert"
_CALLED = "named called heißt name family familie"

_rule(
    "name",
    "full_name display_name real_name vollständiger_name",
    says="name named called heißt",
    single=True,
    must_keep=True,
)
_rule("first_name", "given_name vorname", says="name first called heißt", single=True, must_keep=True)
_rule(
    "last_name",
    "surname family_name nachname familienname",
    says="name last surname",
    single=True,
    must_keep=True,
)
_rule(
    "preferred_name", "rufname", says="name called prefers wants heißt genannt", single=True, must_keep=True
)
_rule("nickname", "nicknames spitzname spitznamen", says="called known nickname genannt", must_keep=True)
_rule(
    "location",
    "city home_city current_city current_location residence lives_in home town wohnort ort stadt "
    "wohnsitz standort",
    says=_LIVES,
    single=True,
    must_keep=True,
)
_rule("address", "home_address adresse anschrift", says=_LIVES, single=True, must_keep=True)
_rule("country", "land", says=_LIVES, single=True, must_keep=True)
_rule(
    "hometown",
    "birthplace place_of_birth geburtsort heimatort heimatstadt",
    says="was born from grew comes wurde geboren kommt",
    single=True,
)
_rule("occupation", "job job_title profession role beruf tätigkeit position", says=_WORKS, single=True)
_rule(
    "employer",
    "company workplace works_at arbeitgeber firma",
    says=_WORKS + " employer company firma arbeitgeber",
    single=True,
)
_rule(
    "birthday",
    "birth_date date_of_birth birthdate dob geburtstag geburtsdatum",
    says="was born birthday wurde geboren geburtstag",
    single=True,
)
_rule("age", "alter", says="age aged years year old jahre jahr alt", single=True)
_rule("gender", "geschlecht", says="gender", single=True)
_rule("pronouns", "pronomen", says="uses pronouns", single=True)
_rule(
    "marital_status",
    "relationship_status familienstand beziehungsstatus",
    says="status",
    single=True,
    must_keep=True,
)
_rule("timezone", "time_zone tz zeitzone", says="time zone lives in zeitzone", single=True)
_rule("language", "sprache", says="speaks language spricht sprache", single=True)
_rule("preferred_language", "bevorzugte_sprache", says="prefers language sprache", single=True)
_rule(
    "native_language",
    "mother_tongue muttersprache",
    says="speaks native language spricht muttersprache",
    single=True,
)
_rule("languages", "spoken_languages sprachen", says="speaks language languages spricht sprachen")
_rule("email", "e_mail mail email_address", says="email address reached", single=True)
_rule("phone", "phone_number telephone telefon handy telefonnummer", says="phone number reached", single=True)
_rule("height", "größe körpergröße", says="tall height groß", single=True)
_rule("weight", "gewicht", says="weighs weight wiegt", single=True)
_rule(
    "nationality",
    "citizenship staatsangehörigkeit nationalität",
    says="citizen nationality from",
    single=True,
)
_rule(
    "allergies",
    "allergy allergie allergien allergic_to food_allergy intolerance intolerances unverträglichkeit "
    "unverträglichkeiten",
    says="gegen to allergic allergy allergies intolerant allergisch allergie",
    must_keep=True,
)
_rule(
    "health",
    "health_condition health_conditions condition conditions medical diagnosis diagnoses illness disease "
    "disability gesundheit krankheit krankheiten erkrankung diagnose diagnosen behinderung",
    says="health condition diagnosed suffers lives diagnosis leidet erkrankt gesundheit",
    must_keep=True,
)
_rule(
    "medication",
    "medications medicine medikament medikamente",
    says="takes medication uses nimmt",
    must_keep=True,
)
_rule("blood_type", "blutgruppe", says="blood type", single=True, must_keep=True)
_rule(
    "pregnancy",
    "pregnant schwanger schwangerschaft",
    says="pregnant expecting schwanger",
    single=True,
    must_keep=True,
)
_rule("diet", "dietary_restrictions ernährung", says="eats diet follows isst ernährt", must_keep=True)
for _name, _others, _kin in (
    ("partner", "partnerin significant_other lebensgefährte lebensgefährtin", "partner"),
    ("spouse", "ehepartner", "spouse married verheiratet"),
    ("husband", "ehemann", "husband married ehemann verheiratet"),
    ("wife", "ehefrau", "wife married ehefrau verheiratet"),
    ("girlfriend", "feste_freundin", "girlfriend freundin"),
    ("boyfriend", "fester_freund", "boyfriend freund"),
    ("children", "child kids kid kinder kind", "child children kids kinder kind"),
    ("daughter", "daughters tochter töchter", "daughter tochter child"),
    ("son", "sons sohn söhne", "son sohn child"),
    ("parents", "eltern", "parent eltern"),
    ("mother", "mom mum mama mutter", "mother mutter"),
    ("father", "dad papa vater", "father vater"),
    ("siblings", "sibling geschwister", "sibling geschwister"),
    ("brother", "brothers bruder brüder", "brother bruder"),
    ("sister", "sisters schwester schwestern", "sister schwester"),
    ("grandmother", "oma großmutter", "grandmother oma"),
    ("grandfather", "opa großvater", "grandfather opa"),
    ("family", "relatives familie verwandte", "relatives verwandte"),
    ("relationship", "relationships beziehung", "relationship"),
    ("friends", "friend best_friend freunde", "friend friends freund"),
    ("freund", "", "freund"),
    ("freundin", "", "freundin"),
    ("pets", "pet haustier haustiere", "pet pets haustier"),
    ("dog", "dogs hund hunde", "dog hund pet"),
    ("cat", "cats katze katzen kater", "cat katze kater pet"),
    ("emergency_contact", "notfallkontakt", "contact emergency notfall"),
):
    _rule(_name, _others, says=_CALLED, kin=_kin, must_keep=True)
_rule("hobbies", "hobby freizeit", says=_LIKES + " hobby hobbies include")
_rule("interests", "interest interesse interessen", says=_LIKES + " include")
_rule("likes", "like loves enjoys mag gefällt", says=_LIKES)
_rule("dislikes", "dislike hates avoids mag_nicht abneigung abneigungen hasst")
_rule("favorites", "favourites favorite favourite lieblings", says=_LIKES + " favorite favourite")
_rule("skills", "skill fähigkeiten kenntnisse", says="knows able skill skills")
_rule(
    "education", "degree school university studium ausbildung schule", says="studied studies degree studierte"
)
for _name, _others in (
    ("event", "events upcoming_event upcoming_events veranstaltung"),
    ("appointment", "appointments termin termine"),
    ("meeting", "meetings treffen"),
    ("deadline", "deadlines frist abgabetermin"),
    ("trip", "trips travel_plan travel_plans reise reisen reisepläne"),
    ("exam", "exams prüfung prüfungen"),
    ("plan", "plans vorhaben pläne"),
    ("reminder", "reminders erinnerung erinnerungen"),
):
    _rule(_name, _others, event=True)

# Words for how somebody is related, whatever the key.
KIN = frozenset().union(*(rule.kin for rule in _SPELLINGS.values()))
_PINNED = frozenset({"pinned", "angepinnt"})


def normal_key(key: str) -> str:
    """`Home City`, `home-city` and `homeCity` are `home_city`."""
    text = _CAMEL.sub("_", unicodedata.normalize("NFKC", clean(key)))
    return _NOT_WORD.sub("_", fold(text)).strip("_")


@lru_cache(maxsize=4096)
def rule_for(key: str) -> KeyRule:
    """The rule of a key as it was written."""
    normal = normal_key(key)
    known = _SPELLINGS.get(normal)
    return (
        known
        if known is not None
        else KeyRule(name=normal or "other", must_keep=bool(_PINNED & set(normal.split("_"))))
    )


def own_words(key: str) -> str:
    """The key as words, for a line or a label."""
    return normal_key(key).replace("_", " ") or "other"


def is_pinned(category: str, value: object) -> bool:
    """Whether a person pinned it: the category says so, or the value is an object with `pinned: true`."""
    return fold(category) in _PINNED or (isinstance(value, dict) and value.get("pinned") is True)


def unpinned(value: object) -> object:
    """The value itself, without the mark of `is_pinned`: `{"text": "x", "pinned": true}` is `"x"`."""
    if not isinstance(value, dict) or "pinned" not in value:
        return value
    rest = {name: inner for name, inner in value.items() if name != "pinned"}
    return next(iter(rest.values())) if len(rest) == 1 else rest
