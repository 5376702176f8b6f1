"""Words of one kind of which only one can be meant: Monday or Tuesday, sister or brother, tea or coffee.

It is a lexicon of everyday English and German, as `language` is. A word that is not here proves nothing; a
pair of words of one kind, one on each side, proves that two statements differ.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache

from scheduler_core.maintenance.language import stem

# A slash joins words of a kind that say the same.
_KINDS: Mapping[str, str] = {
    "weekday": "monday tuesday wednesday thursday friday saturday sunday weekend weekday montag dienstag "
    "mittwoch donnerstag freitag samstag sonnabend sonntag wochenende mondays tuesdays wednesdays thursdays "
    "fridays saturdays sundays weekends weekdays",
    "month": "january february march april june july august september october november december januar "
    "februar märz mai juni juli oktober dezember",
    "season": "spring summer autumn fall winter frühling frühjahr sommer herbst",
    "time of day": "morning noon afternoon evening night midnight dawn dusk breakfast lunch dinner supper "
    "morgens mittags nachmittags abends nachts vormittags frühstück mittagessen abendessen",
    "relative day": "today tomorrow yesterday heute morgen gestern",
    "period": "second minute hour day week month quarter year decade century daily hourly weekly monthly "
    "yearly annually sekunde minute stunde tag woche monat jahr jahrzehnt täglich wöchentlich monatlich "
    "jährlich stündlich",
    "order": "first second third fourth fifth last next previous former latter erste zweite dritte vierte "
    "letzte nächste vorige",
    "kin": "mother/mom/mum father/dad sister brother son daughter wife husband spouse/partner girlfriend "
    "boyfriend aunt uncle niece nephew cousin grandmother grandfather grandma grandpa granddaughter "
    "grandson stepmother stepfather stepson stepdaughter twin fiancé fiancée mutter vater schwester bruder "
    "sohn tochter frau mann ehefrau ehemann freund freundin tante onkel nichte neffe oma opa großmutter "
    "großvater enkel enkelin",
    "role": "boss manager colleague coworker neighbour neighbor friend roommate flatmate landlord tenant "
    "teacher student doctor patient client customer employee employer coach mentor therapist kollege "
    "kollegin nachbar nachbarin chef chefin lehrer lehrerin ärztin arzt mitbewohner vermieter",
    "profession": "nurse doctor/physician surgeon teacher lawyer engineer/developer/programmer designer "
    "architect carpenter electrician plumber painter pilot chef cook baker farmer accountant journalist "
    "writer editor photographer musician actor dentist pharmacist scientist biologist chemist physicist "
    "librarian librarian mechanic waiter barista driver police firefighter paramedic therapist translator",
    "usage": "speak teach learn read write translate",
    "sky": "sunrise sunset dawn dusk noon",
    "colour": "red orange yellow green blue purple violet pink brown black white grey gray teal turquoise "
    "beige navy silver gold rot gelb grün blau lila schwarz weiß grau braun rosa türkis",
    "drink": "tea coffee espresso cappuccino latte water milk juice beer wine whisky whiskey vodka rum gin "
    "soda cola lemonade cocoa tee kaffee wasser milch saft bier wein",
    "food": "beef pork chicken fish lamb turkey tofu rice pasta bread cheese butter egg eggs chocolate "
    "honey soup salad pizza sushi burger burgers tacos curry rindfleisch schwein huhn fisch reis nudeln "
    "brot käse honig",
    "allergen": "peanut peanuts nut nuts hazelnut hazelnuts walnut walnuts almond almonds gluten lactose "
    "wheat soy shellfish shrimp pollen penicillin ibuprofen aspirin latex dust wasp bee erdnüsse nüsse "
    "haselnüsse laktose weizen soja pollen penicillin",
    "fruit": "apple apples banana bananas cherry cherries grape grapes lemon lemons lime mango mangoes melon "
    "orange oranges peach pear pears plum strawberry strawberries raspberry blueberry apfel birne kirsche "
    "banane erdbeere",
    "animal": "dog dogs cat cats horse horses bird birds parrot hamster rabbit rabbits turtle snake goldfish "
    "hund hunde katze katzen pferd vogel hase kaninchen hamster",
    "diet": "vegan vegetarian pescatarian omnivore carnivore keto paleo kosher halal veganer vegetarier",
    "belief": "christian muslim jewish hindu buddhist atheist catholic protestant orthodox agnostic",
    "instrument": "guitar piano violin cello drums flute trumpet saxophone bass ukulele harp clarinet organ "
    "gitarre klavier geige schlagzeug flöte trompete",
    "sport": "football/soccer tennis basketball volleyball hockey golf rugby cricket badminton swimming "
    "running cycling rowing skiing snowboarding climbing bouldering hiking surfing sailing boxing yoga "
    "pilates fußball schwimmen laufen radfahren klettern wandern segeln",
    "vehicle": "car bike bicycle motorcycle scooter bus train tram subway plane boat truck van auto fahrrad "
    "motorrad zug straßenbahn flugzeug",
    "disease": "diabetes asthma epilepsy migraine migraines cancer arthritis depression anxiety hypertension "
    "anemia eczema celiac insomnia asthma epilepsie migräne krebs",
    "direction": "north south east west left right up down inside outside upstairs downstairs above below "
    "norden süden osten westen links rechts oben unten",
    "moment": "before after during since until vor nach während seit bis",
    "size": "big/large small/little tiny huge short long tall groß klein kurz lang",
    "degree": "all every most some few many several none half both only more less fewer alle jede jeder "
    "viele wenige einige mehr weniger nur beide",
    "frequency": "always usually often sometimes occasionally rarely seldom never once twice immer meistens "
    "oft manchmal selten nie",
    "taste": "sweet sour salty bitter spicy mild süß sauer salzig bitter scharf mild",
    "heat": "hot cold warm cool iced heiß kalt warm kühl",
    "light": "dark bright light dunkel hell",
    "pace": "early late fast slow quick früh spät schnell langsam",
    "state": "married divorced single engaged widowed separated verheiratet geschieden ledig verlobt "
    "verwitwet",
    "trade": "own/owns buy/bought sell/sold rent/rented lease lend/lent borrow/borrowed kaufen verkaufen "
    "mieten vermieten",
    "course": "start/begin/started/began stop/finish/quit/end/stopped/finished/ended continue",
    "coming": "arrive leave arrives leaves arrived left come go enter exit join joined ankommen abreisen",
    "change": "increase decrease gain lose gained lost raise lower win won lose add remove zunehmen abnehmen",
    "hand": "give receive gives receives gave received take took takes send sent sends lend teach learn "
    "teaches learns taught learned",
    "stance": "like/love/prefer/enjoy fear want need believe/trust doubt/distrust/question fond "
    "afraid/scared",
    "opinion": "agree disagree accept reject approve disapprove allow forbid support oppose trust distrust",
    "room": "kitchen bedroom bathroom garage garden basement attic office balcony küche bad schlafzimmer "
    "garten keller büro balkon",
    "medium": "email phone text call letter chat video audio book books podcast podcasts film films movie "
    "movies series novel novels poem poems",
    "theme": "light dark mode",
    "screen": "desktop laptop tablet smartphone phone watch",
    "system": "windows linux macos android ios ubuntu",
    "code": "python java javascript typescript rust ruby golang kotlin swift php scala haskell perl",
    "editor": "vim emacs vscode nano pycharm",
    "school": "kindergarten school university college bachelor master phd",
    "subject": "math maths mathematics physics chemistry biology history geography law medicine economics "
    "psychology philosophy literature",
    "genre": "jazz rock pop metal techno classical blues folk hiphop reggae country opera punk",
    "place": "village town city suburb countryside island mountain mountains beach lake forest desert dorf "
    "stadt berge strand see wald",
    "body": "knee knees shoulder back hip ankle wrist elbow neck head foot hand eye ear tooth stomach heart "
    "lung knie schulter rücken hüfte kopf fuß",
    "formality": "formal informal/casual polite direct brief/concise/short detailed/lengthy/long",
    "safety": "public private open closed locked unlocked on off enabled disabled",
    "sense": "able unable possible impossible happy unhappy legal illegal safe unsafe healthy unhealthy "
    "lucky unlucky well sick",
    "length": "centimetre centimeter metre meter kilometre kilometer mile miles foot feet inch inches yard "
    "km cm mm m mi ft",
    "weight": "gram kilogram kilo pound pounds ounce ounces stone kg g mg lb lbs oz",
    "money": "dollar dollars euro euros pound pounds franc francs yen cent cents usd eur gbp chf",
    "temperature": "celsius fahrenheit kelvin",
    "volume": "litre liter gallon pint ml l cup cups",
    "data": "kilobyte megabyte gigabyte terabyte kb mb gb tb",
}

# Numbers written out that `language` leaves alone.
_MORE_NUMBERS = (
    "one eins thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty "
    "seventy eighty ninety hundred thousand million billion dozen half double twice triple dreizehn vierzehn "
    "fünfzehn sechzehn siebzehn achtzehn neunzehn zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig "
    "neunzig hundert tausend million dutzend halb doppelt"
)
COUNTING = frozenset(_MORE_NUMBERS.split())
_MEASURED = ("period", "length", "weight", "money", "temperature", "volume", "data")
PEOPLE = frozenset(f"{_KINDS['kin']} {_KINDS['role']}".replace("/", " ").split())


@lru_cache(maxsize=1)
def _kinds() -> Mapping[str, Mapping[str, str]]:
    """For each stem the kinds it belongs to, each with the word it stands for there."""
    table: dict[str, dict[str, str]] = {}
    for kind, words in _KINDS.items():
        for same in words.split():
            meaning, *_ = same.split("/")
            for word in same.split("/"):
                table.setdefault(stem(word), {})[kind] = meaning
    return table


def contrast(ours: Iterable[str], theirs: Iterable[str]) -> str | None:
    """The kind of which each side says something that the other does not; None if there is none.

    Args:
        ours, theirs: stems that only one side has.
    """
    known = _kinds()
    here = {meant for root in ours for meant in known.get(root, {}).items()}
    there = {meant for root in theirs for meant in known.get(root, {}).items()}
    return min({kind for kind, _ in here - there} & {kind for kind, _ in there - here}, default=None)


def is_unit(root: str) -> bool:
    """Whether a stem names what a number counts: time, length, weight, money, heat, volume or data."""
    return not _kinds().get(root, {}).keys().isdisjoint(_MEASURED)
