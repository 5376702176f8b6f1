"""Pairs of memories that people wrote down as the same or as different, chosen to be hard.

Each line is one pair. `same` pairs may be merged, `different` ones never; of an `added` pair the second says
the first and more, so that merging is right as long as the second one stays.
"""

from typing import Literal, NamedTuple

Label = Literal["same", "different", "added"]


class Pair(NamedTuple):
    label: Label
    left: str
    right: str


_SAME = """
The user likes green tea. | User likes green tea
Likes hiking in the Alps | The user enjoys hiking in the Alps.
User works as a nurse in Oslo | The user is employed as a nurse in Oslo
User's favorite color is teal | The user's favourite colour is teal.
Allergic to peanuts | The user has a peanut allergy
User is learning Portuguese | The user is currently studying Portuguese
Has two cats | The user has 2 cats.
User plays the cello | Plays cello
The user lives in Lisbon | User resides in Lisbon.
User is vegetarian | The user follows a vegetarian diet
The user's sister Maya lives in Rome | User has a sister called Maya who lives in Rome
User drives an electric car | The user owns an electric car and drives it
Wants short answers | The user prefers brief answers
User dislikes loud restaurants | The user hates noisy restaurants
The user does not drink alcohol | User doesn't drink alcohol
User was born on 3 May 1990 | The user was born on May 3, 1990.
User is a software developer | The user works as a software engineer
The user collects vintage stamps | User has a collection of old stamps
User is afraid of spiders | The user has a fear of spiders
The user reads science fiction | User likes to read sci-fi
User goes jogging every morning | The user jogs each morning
The user has a dog named Bello | User's dog is called Bello
User prefers dark mode in every app | The user likes dark mode in all apps
The user's meeting is at 3 pm | User has a meeting at 3 pm
User weighs 72 kg | The user weighs 72kg.
The user never eats fish | User doesn't eat fish
User speaks fluent French | The user is fluent in French
The user's birthday is on 12 March | User's birthday: March 12
User studies medicine in Graz | The user is a medical student in Graz
The user suffers from migraines | User gets migraines
User is married to Tom | The user's husband is Tom
The user is building a cabin by a lake | User builds a lake cabin
Der Nutzer trinkt gern Tee | Nutzer trinkt gerne Tee.
Der Nutzer wohnt in Köln | Nutzer lebt in Köln
Die Nutzerin arbeitet als Ärztin | Nutzerin ist Ärztin von Beruf
Nutzer hat eine Erdnussallergie | Der Nutzer ist gegen Erdnüsse allergisch
Der Nutzer isst kein Fleisch | Nutzer ist Vegetarier und isst kein Fleisch
Der Nutzer lernt gerade Spanisch | Nutzer lernt Spanisch
User really likes jazz | The user likes jazz
user likes JAZZ | User likes jazz
Prefers trains over planes | The user prefers trains over planes.
User uses Vim as the main editor | The user's main editor is Vim
The user's car is a red Volvo | User drives a red Volvo
User quit smoking in 2019 | The user stopped smoking in 2019
The user has a meeting every Tuesday | User has meetings on Tuesdays
L'utilisateur aime le thé vert | L’utilisateur aime le thé vert.
Al usuario le gusta el café | al usuario le gusta el café
用户喜欢喝茶 | 用户 喜欢喝茶
User is writing a novel about whales | The user is working on a novel about whales
The user is left-handed | User is a left-hander
"""

_DIFFERENT = """
User likes tea | User likes coffee
User likes tea | User does not like tea
User likes green tea | User likes black tea
The user has two cats | The user has three cats
The user has two cats | The user has two dogs
User's sister lives in Rome | User's brother lives in Rome
User's sister lives in Rome | User lives in Rome
User lives in Rome | User lived in Rome
User lives in Rome | User used to live in Rome
User lives in Rome | User wants to live in Rome
User lives in Rome | User lives in Milan
Prefers trains over planes | Prefers planes over trains
Moved from Berlin to Rome | Moved from Rome to Berlin
User has a meeting on Monday | User has a meeting on Tuesday
User has a meeting at 3 pm | User has a meeting at 3 am
User has a meeting at 3 pm | User has a meeting at 4 pm
User was born on 3 May 1990 | User was born on 5 March 1990
User was born in 1990 | User was born in 1991
User weighs 72 kg | User weighs 72 lb
User runs 10 km a week | User runs 10 miles a week
User runs 10 km a week | User runs 10 km a day
User pays 20 € a month | User pays 20 $ a month
User is allergic to peanuts | User is allergic to walnuts
User is allergic to penicillin | User is allergic to ibuprofen
User is allergic to cats | User's daughter is allergic to cats
User is not allergic to nuts | User is allergic to nuts
User's mother is a nurse | User's father is a nurse
User is a nurse | User's boss is a nurse
Ada introduced Tom to Kim | Ada introduced Kim to Tom
Tom loves Ada | Ada loves Tom
Ada was hired by Bob | Ada hired Bob
User collects stamps | User collects coins
User collects vintage posters | User collects vintage teapots
User is reading a book about whales | User is reading a book about wolves
User repairs old radios | User repairs old clocks
User supports the local theatre | User supports the local orchestra
User's favourite colour is teal | User's favourite colour is green
User's favourite colour is teal | User's favourite car is teal
User enjoys the sunrise | User enjoys the sunset
User takes medicine before meals | User takes medicine after meals
User prefers the window seat | User prefers the aisle seat
User turned the heating on | User turned the heating off
User always eats breakfast | User sometimes eats breakfast
User eats all vegetables | User eats most vegetables
User might move to Canada | User will move to Canada
User can swim | User cannot swim
User trusts the police | User trusts the policy
User lives near the organ | User lives near the organization
User knows Java | User knows JavaScript
User writes C | User writes C++
User writes C# | User writes C++
User's password hint is rose | User's password hint is nose
User owns a boat | User rents a boat
User bought a house | User sold a house
User teaches piano | User learns piano
User lent Tom a book | User borrowed a book from Tom
User likes tea but not coffee | User likes coffee but not tea
User is taller than Tom | Tom is taller than the user
User is vegan | User is vegetarian
User is married | User is divorced
User wears a size 42 shoe | User wears a size 43 shoe
User's flight is LH123 | User's flight is LH132
User lives at 12 Elm Street | User lives at 12 Oak Street
User lives at Elm Street 12 | User lives at Elm Street 21
User's rent is 1,200 | User's rent is 1,300
User's doctor is Dr. Weber | User's dentist is Dr. Weber
User met Anna in 2019 | User met Anne in 2019
User works at Siemens | User works for SAP
User speaks French | User teaches French
User drinks coffee with milk | User drinks coffee without milk
User gave Ada a bicycle | Ada gave the user a bicycle
User believes in ghosts | User doubts that ghosts exist
User wants to quit smoking | User quit smoking
User agrees with the proposal | User disagrees with the proposal
User's temperature was 37.5 | User's temperature was 35.7
User goes to bed early | User goes to bed late
User's train leaves in the morning | User's train leaves in the evening
User prefers formal answers | User prefers informal answers
User is afraid of dogs | User is fond of dogs
User lost ten kilos | User gained ten kilos
User has one child | User has no children
User eats fish only on Fridays | User eats fish on Fridays
User likes all of his colleagues | User likes all of her colleagues
She lives in Rome | He lives in Rome
User's left knee hurts | User's right knee hurts
User is happy at work | User is unhappy at work
User said Tom likes jazz | User likes jazz
Tom says the user likes jazz | The user likes jazz
User is the father of Tom | Tom is the father of the user
User subscribed to the Guardian | User unsubscribed from the Guardian
User scored 👍 on the course | User scored 👎 on the course
User plans a trip to Japan | User returned from a trip to Japan
User visited Paris in spring | User visited Paris in autumn
User's cat is called Minka | User's dog is called Minka
User needs glasses for reading | User needs glasses for driving
User sleeps six hours | User sleeps sixteen hours
User's laptop runs Linux | User's laptop runs Windows
User's brother-in-law is a pilot | User's brother is a pilot
User cooks for Tom | User cooks with Tom
User hates waiting | User hates waitresses
User is a former teacher | User is a teacher
User is an ex-smoker | User is a smoker
User works as a baker | User works as a banker
User adopted a kitten | User adapted a kitchen
User's backup runs daily | User's backup runs weekly
Der Nutzer trinkt gern Tee | Der Nutzer trinkt gern Kaffee
Der Nutzer isst Fleisch | Der Nutzer isst kein Fleisch
Der Nutzer hat drei Kinder | Der Nutzer hat vier Kinder
Der Nutzer wohnt in Köln | Der Nutzer wohnte früher in Köln
Der Nutzer wohnt in Köln | Die Schwester des Nutzers wohnt in Köln
Der Nutzer sammelt Briefmarken | Der Nutzer sammelt Münzen
Der Nutzer fährt nie Auto | Der Nutzer fährt Auto
Der Nutzer hat am Montag Zeit | Der Nutzer hat am Dienstag Zeit
Der Nutzer fährt von Bonn nach Ulm | Der Nutzer fährt von Ulm nach Bonn
Der Nutzer mag Katzen lieber als Hunde | Der Nutzer mag Hunde lieber als Katzen
L'utilisateur aime le thé | L'utilisateur n'aime pas le thé
Al usuario le gusta el café | Al usuario no le gusta el café
Al usuario le gusta el café | Al usuario le gusta el té
用户喜欢喝茶 | 用户不喜欢喝茶
用户喜欢喝茶 | 用户喜欢喝咖啡
Gebruiker eet vlees | Gebruiker eet geen vlees
User finished the course | User has not finished the course
User will call Eva tomorrow | User called Eva yesterday
User owns the blue cup | User owns the blue cups of Eva
User never said he likes jazz | User said he never likes jazz
Only Tom likes jazz | Tom only likes jazz
User's wife is allergic to cats | User is allergic to cats
User likes tea if it is cold | User likes tea
User likes tea unless it is cold | User likes tea
User avoids gluten because of Tom | User avoids gluten because of celiac disease
User's budget is 5k | User's budget is 50k
User's budget is at least 500 | User's budget is at most 500
User's score was -5 | User's score was 5
User is 170 cm tall | User is 1.80 m tall
User's appointment is on 03/04/2026 | User's appointment is on 04/03/2026
User likes swimming in lakes | User likes swimming in pools
User is studying for the bar exam | User is working at the bar
User's favourite band is The Cure | User needs the cure
User roots for the home team | User coaches the home team
"""

_ADDED = """
User plays chess | User plays chess with friends from school
User has a vegetable garden | User has a vegetable garden, mostly tomatoes
User bakes bread | User bakes bread with sourdough
User works in a hospital | User works in a hospital near the harbour
User likes long walks | User likes long walks in the forest
User owns an old sailing boat | User owns an old sailing boat, which needs repairs
Der Nutzer spielt Schach | Der Nutzer spielt Schach mit Freunden
User rides a bicycle | User rides a bicycle for fun
"""


def hard_pairs() -> tuple[Pair, ...]:
    """All of them, in the order of the lists above."""
    tables: tuple[tuple[Label, str], ...] = (("same", _SAME), ("different", _DIFFERENT), ("added", _ADDED))
    return tuple(
        Pair(label, *(part.strip() for part in line.split(" | ")))
        for label, table in tables
        for line in table.strip().splitlines()
    )
