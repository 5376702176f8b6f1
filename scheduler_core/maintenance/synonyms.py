"""Words that say the same, English and German, as far as code may rely on it without asking anybody.

It is short on purpose: a pair that is missing here costs two lines where one would do, a pair that does not
belong here costs a fact. Words that are broader, narrower or merely near ("dog" and "puppy") are not listed.
"""

from scheduler_core.maintenance.language import word_set

LIKE = "like"
LIVE = "live"

_CLASSES = {
    LIKE: "likes loves love enjoys enjoy mag liebt liebe",
    LIVE: "lives resides reside wohnt wohne lebt lebe",
    "work": "works arbeitet arbeite",
    "drink": "drinks trinkt trinke",
    "eat": "eats isst esse",
    "play": "plays spielt spiele",
    "speak": "speaks spricht spreche",
    "collect": "collects sammelt sammle",
    # "read" alone may be the past.
    "reads": "liest lese",
    "drive": "drives",
    "smoke": "smokes raucht rauche",
    "swim": "swims schwimmt schwimme",
    "run": "runs",
    "own": "owns besitzt besitze",
    "learn": "learns lernt lerne",
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
                "is based in": f"{LIVE} in",
                "based in": f"{LIVE} in",
                "moved to": f"{LIVE} in",
                "has moved to": f"{LIVE} in",
                "relocated to": f"{LIVE} in",
                "likes to drink": "like drinking",
                "loves to drink": "like drinking",
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
                "listens to": "listen",
                "listening to": "listen",
                "hört": "listen",
                "trinkt gern": "like drinking",
                "trinkt gerne": "like drinking",
                "isst gern": "like eating",
                "isst gerne": "like eating",
                "spielt gern": "like playing",
                "spielt gerne": "like playing",
                "liest gern": "like reading",
                "liest gerne": "like reading",
                "schwimmt gern": "like swimming",
                "schwimmt gerne": "like swimming",
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
    "gern gerne the der die das den dem i he she they user person ich er sie sich his her their my mein "
    "meine meinen sein seine seinen ihr ihre is are am be been it its"
)
INDEFINITE = word_set("a an ein eine einen einem einer")
# Where a line begins they are verbs; elsewhere "plays" and "runs" may be things.
VERBS = word_set(f"{LIKE} {LIVE} work drink eat play speak collect drive smoke swim run own learn reads")
# English and German have them both, with different meanings.
FALSE_FRIENDS = word_set(
    "gift chef rat kind art fast gymnasium handy brief wand see arm hut rock tag mist bad boot hell "
    "list stern fall become bekommt not mode rente billion"
)
# What is written with a capital in any case.
PROPER = word_set("german english french spanish italian germany austria france italy munich vienna cologne")

# What somebody does: "likes to run" is "likes running", but "likes boxes" is not "likes boxing".
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
            "learn:learning play:playing walk:walking act:acting juggle:juggling "
            "drink:drinking eat:eating read:reading work:working speak:speaking collect:collecting own:owning"
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
