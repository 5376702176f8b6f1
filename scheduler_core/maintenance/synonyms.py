"""Words that say the same, English and German, as far as code may rely on it without asking anybody.

It is short on purpose: a pair that is missing here costs two lines where one would do, a pair that does not
belong here costs a fact. Words that are broader, narrower or merely near ("dog" and "puppy") are not listed.
"""

from scheduler_core.maintenance.language import word_set

LIKE = "like"
LIVE = "live"

_CLASSES = {
    LIKE: "likes loves love enjoys enjoy liking enjoying loving mag möge mögen magst liebt liebe lieben",
    LIVE: "lives living resides reside residing wohnt wohne wohnen lebt lebe leben",
    "work": "works working arbeitet arbeite arbeiten",
    "drink": "drinks drinking trinkt trinke trinken",
    "eat": "eats eating isst esse essen",
    "play": "plays playing spielt spiele spielen",
    "speak": "speaks speaking spricht spreche sprechen",
    "collect": "collects collecting sammelt sammle sammeln",
    "read": "reads reading liest lese lesen",
    "drive": "drives driving",
    "smoke": "smokes smoking raucht rauche rauchen",
    "swim": "swims swimming schwimmt schwimme schwimmen",
    "run": "runs running",
    "own": "owns owning besitzt besitze besitzen",
    "learn": "learns learning lernt lerne lernen",
    "bike": "bikes bicycle bicycles fahrrad fahrräder",
    "film": "films movie movies filme filmen",
    "coffee": "kaffee",
    "tea": "tee",
    "milk": "milch",
    "water": "wasser",
    "beer": "bier",
    "wine": "wein",
    "bread": "brot",
    "cheese": "käse",
    "chocolate": "schokolade",
    "meat": "fleisch",
    "fish": "fisch",
    "apple": "apfel",
    "dog": "hund",
    "dogs": "hunde hunden",
    "cat": "katze",
    "cats": "katzen",
    "horse": "pferd",
    "horses": "pferde pferden",
    "book": "buch",
    "books": "bücher büchern",
    "stamps": "briefmarken",
    "music": "musik",
    "piano": "klavier",
    "guitar": "gitarre",
    "violin": "geige violine",
    "chess": "schach",
    "football": "soccer fußball",
    "garden": "garten",
    "gardening": "gartenarbeit",
    "photography": "fotografie",
    "summer": "sommer",
    "nurse": "krankenschwester",
    "teacher": "lehrer lehrerin",
    "physician": "doctor doctors arzt ärztin",
    "lawyer": "attorney anwalt anwältin rechtsanwalt rechtsanwältin",
    "car": "auto automobile",
    "german": "deutsch",
    "english": "englisch",
    "french": "französisch",
    "spanish": "spanisch",
    "italian": "italienisch",
    "germany": "deutschland",
    "austria": "österreich",
    "france": "frankreich",
    "italy": "italien",
    "munich": "münchen",
    "vienna": "wien",
    "cologne": "köln",
    "morning": "mornings morgen",
    "evening": "evenings abend",
    "mother": "mom mum mutter",
    "father": "dad vater",
    "sister": "schwester",
    "brother": "bruder",
    "with": "mit",
    "without": "ohne",
    "from": "aus",
    "for": "für",
    "about": "über",
    "to": "nach",
    "by": "durch",
    "red": "rot",
    "blue": "blau",
    "green": "grün",
    "yellow": "gelb",
    "black": "schwarz",
    "white": "weiß",
    "km": "kilometer kilometers kilometre kilometres",
    "tired": "müde",
    "vegetarian": "vegetarisch vegetarier vegetarierin",
    "vegan": "veganer veganerin",
}
# The form that stands for a word.
CANONICAL = {word: name for name, words in _CLASSES.items() for word in (name, *words.split())}

# Several words that mean one; longer ones first.
PHRASES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = tuple(
    sorted(
        (
            (tuple(phrase.split()), tuple(said.split()))
            for phrase, said in {
                "is fond of": LIKE,
                "fond of": LIKE,
                "is a fan of": LIKE,
                "is a big fan of": LIKE,
                "fan of": LIKE,
                "is into": LIKE,
                "is interested in": "interested",
                "is keen on": LIKE,
                "keen on": LIKE,
                "is based in": LIVE,
                "based in": LIVE,
                "moved to": LIVE,
                "has moved to": LIVE,
                "relocated to": LIVE,
                "likes to drink": "like drink",
                "loves to drink": "like drink",
                "is employed as": "work as",
                "works as": "work as",
                "rides a bike": "ride bike",
                "riding a bike": "ride bike",
                "to ride a bike": "ride bike",
                "riding bikes": "ride bike",
                "cycling": "ride bike",
                "fährt rad": "ride bike",
                "radfahren": "ride bike",
                "fahrradfahren": "ride bike",
                "hört gern": "like listen",
                "hört gerne": "like listen",
                "listens to": "listen",
                "listening to": "listen",
                "hört": "listen",
                "trinkt gern": "like drink",
                "trinkt gerne": "like drink",
                "isst gern": "like eat",
                "isst gerne": "like eat",
                "spielt gern": "like play",
                "spielt gerne": "like play",
                "liest gern": "like read",
                "liest gerne": "like read",
                "schwimmt gern": "like swim",
                "schwimmt gerne": "like swim",
            }.items()
        ),
        key=lambda item: (-len(item[0]), item[0]),
    )
)

# They state a degree; a line says the same without them.
DEGREES = word_set(
    "really very much lot lots absolutely truly quite just simply totally definitely honestly sehr "
    "wirklich total echt einfach"
)
# They state nothing by themselves.
FILLERS = DEGREES | word_set(
    "gern gerne a an the ein eine einen einem einer der die das den dem i he she they user person ich "
    "er sie sich his her their my mein meine meinen sein seine seinen ihr ihre is are am be been it "
    "its in at on im am an "
)
# English and German have them both, with different meanings.
FALSE_FRIENDS = word_set(
    "gift chef rat kind art fast gymnasium handy brief wand see arm hut rock tag mist bad boot hell "
    "list stern fall become bekommt not mode rente billion"
)
# What is written with a capital in any case.
PROPER = word_set("german english french spanish italian germany austria france italy munich vienna cologne")

GERUNDS = {
    gerund: base
    for base, gerund in (
        pair.split(":")
        for pair in word_set(
            "bake:baking hike:hiking dance:dancing write:writing make:making smoke:smoking dive:diving "
            "skate:skating bike:biking cycle:cycling drive:driving ride:riding live:living race:racing "
            "jog:jogging box:boxing knit:knitting sew:sewing ski:skiing fly:flying sail:sailing "
            "run:running swim:swimming shop:shopping cook:cooking draw:drawing sing:singing fish:fishing "
            "hunt:hunting camp:camping climb:climbing surf:surfing travel:traveling travel:travelling "
            "garden:gardening bowl:bowling row:rowing code:coding program:programming teach:teaching "
            "learn:learning play:playing walk:walking act:acting juggle:juggling"
        )
    )
}

# Places that hold others: a town in one of them does not contradict it. No list of towns is needed for that.
COUNTRIES = word_set(
    "germany austria france italy switzerland schweiz spain spanien portugal poland polen england "
    "scotland wales ireland irland uk usa america amerika canada kanada mexico mexiko brazil "
    "brasilien india indien china japan australia australien netherlands niederlande belgium belgien "
    "denmark dänemark sweden schweden norway norwegen finland finnland greece griechenland turkey "
    "türkei europe europa asia asien africa afrika"
)
REGIONS = COUNTRIES | word_set(
    "saxony sachsen bavaria bayern hesse hessen thuringia thüringen brandenburg tyrol tirol tuscany "
    "toskana california texas florida ohio oregon catalonia katalonien yorkshire cornwall brittany "
    "bretagne"
)
