"""One-offs: unrelated questions without a template behind them, without end.

A question is put together from a subject (aspect and thing), something asked about it, and up to three of: who asks, why, how
the answer should be. The order and the joints vary too. So two questions share a piece now and then, never their wording.
"""

import random
import re
from collections.abc import Iterator
from itertools import count

from benchmarks.crystal.items import Item

ALIKE = 0.45  # share of words in common above which two questions with one demand are too much alike


def _pieces(text: str) -> tuple[str, ...]:
    return tuple(text.split("; "))


THINGS = _pieces(
    "lighthouses; sourdough bread; tram timetables; beekeeping; chess openings; medieval bridges; community "
    "gardens; sign languages; jazz drumming; rain barrels; origami; night trains; stained glass; pocket "
    "calculators; pottery glazes; mountain huts; public libraries; shadow puppets; bicycle lanes; tide pools; "
    "crossword puzzles; radio plays; cable cars; fermented tea; folk dances; paper maps; wind instruments; "
    "street markets; moss lawns; typewriters; sailing knots; opera houses; dry-stone walls; kite festivals; "
    "bird migration; fountain pens; school canteens; roof tiles; amateur astronomy; hot-air balloons; cheese "
    "caves; botanical drawings; tug boats; wool dyeing; hedgehogs; board games; volunteer fire brigades; "
    "postage stamps; allotment sheds; mechanical clocks; salt marshes; choir rehearsals; ski jumping; old "
    "orchards; mosaic floors; weather diaries; door knockers; rowing clubs; silent films; peat bogs; lace "
    "making; canal locks; vegetable soups; tandem bikes; wild mushrooms; museum guards; ice hockey; accordion "
    "music; playground design; family recipes; telescope mirrors; reindeer herding; book binding; urban foxes; "
    "water mills; spice trading; marionettes; model railways; coral reefs; neighbourhood newsletters; thatched "
    "roofs; sundials; desert caravans; table tennis; harbour cranes; herb teas; comic strips; carnival masks; "
    "fog horns; bell ringing; seed banks; tree houses; sand castles; glass blowing; trail running; bamboo "
    "scaffolding; perfume; sheep dogs; whistled languages; subway art; honey cakes; barn owls"
)
ASPECTS = _pieces(
    "the slow decline of; the charm of; a beginner's view of; the economics behind; hidden dangers of; the "
    "sound of; myths about; children's love for; the future of; what tourists overlook in; the etiquette "
    "around; the smell and feel of; craftsmanship in; superstitions tied to; the politics of; winter and; "
    "loneliness and; the vocabulary of; rivalries among fans of; the revival of; mathematics inside; the ethics "
    "of; first memories of; grandparents and; museums devoted to; the poetry in; bad habits around; the "
    "maintenance of; women pioneers of; noise complaints over; the psychology of; photographs of; the patience "
    "needed for; small-town pride in; failed attempts at modernising; colours associated with; the design "
    "language of; weekend workshops on; insurance questions around; the humour in"
)
ASKS = _pieces(
    "how would you introduce {t} to a sceptical audience; what makes {t} worth an evening's discussion; draft "
    "an opening paragraph on {t}; which three arguments speak against romanticising {t}; invent a title for an "
    "exhibition about {t}; compare {t} with life at sea; write a limerick touching on {t}; why do people feel "
    "nostalgic about {t}; sketch a podcast episode devoted to {t}; name the questions a journalist should raise "
    "about {t}; turn {t} into a bedtime story; is {t} a suitable theme for a wedding speech; help me understand "
    "{t} through an everyday comparison; list objections one might hear to funding {t}; how has fiction treated "
    "{t}; suggest a walking tour built around {t}; what would a biologist notice about {t}; give a balanced "
    "opinion on {t}; imagine a letter from 1890 that mentions {t}; could {t} inspire a video game; describe {t} "
    "without using the letter Q; what mistakes do newcomers make with {t}; propose a debate motion on {t}; "
    "which emotions does {t} stir up; make {t} sound thrilling to a teenager; translate the idea of {t} into a "
    "simple drawing brief; how might {t} change if money vanished; what can managers learn from {t}; rank "
    "reasons to care about {t}; tell me something counter-intuitive regarding {t}; outline a lesson plan with "
    "{t} at its centre; coin a word for {t}; what would go wrong in a documentary on {t}; pretend you review a "
    "novel about {t}; do you consider {t} overrated; explore the link between {t} and sleep; prepare interview "
    "questions for an expert in {t}; what gift suits somebody obsessed with {t}; summarise the case for "
    "teaching {t}; where does the fascination with {t} come from; write a haiku sequence on {t}; suggest "
    "metaphors drawn from {t}; defend {t} in front of a grumpy neighbour; how should a city council talk about "
    "{t}; what might archaeologists conclude from {t}; brainstorm slogans for a campaign on {t}; if {t} were a "
    "person, how would they behave; find a gentle joke about {t}; which senses matter most for {t}; set out a "
    "reading list starting from {t}"
)
WHO = _pieces(
    "my aunt runs a guest house; I teach evening classes; our book club meets on Thursday; a pupil caught me "
    "off guard; I've just moved abroad; the editor wants something fresh; my co-founder hates small talk; I'm "
    "stuck on a long ferry; we are planning a reunion; my therapist suggested a hobby; a stranger on the bus "
    "raised it; I owe a friend a postcard; the local paper called; I'm preparing a toast; our choir needs a "
    "programme note; my son has a school project; I lost a bet; the village is turning 800; our office quiz was "
    "dull last time; I curate a tiny gallery; somebody left a strange voicemail; I'm writing under a pen name; "
    "the committee is split; my flatmate keeps bringing it up; I inherited a box of notebooks; a visitor from "
    "Japan is coming; we host a radio hour; I cannot sleep tonight; my translation is due; the landlord made an "
    "odd remark; I promised my niece; the jury asked afterwards; I used to work in shipping; a museum offered "
    "me a job; we're renovating the hall; I have an hour to kill; the mayor will attend; my old professor "
    "disagrees; I'm learning to paint; our startup pivoted"
)
HOW = _pieces(
    "plain words only; no more than a paragraph; with a wink; in the tone of a sea captain; leave out dates; "
    "start with a surprise; end on a question; as bullet points if you must; avoid clichés; quote nobody; as if "
    "we were old friends; formal register please; be brutally honest; one example is enough; mention a smell; "
    "skip the history; use the present tense; think of readers over seventy; rhyme where you can; something I "
    "can read aloud; half serious; without technical terms; the shorter the better; take your time; two "
    "viewpoints at least; focus on Northern Europe; keep animals out of it; as a dialogue; no moralising; make "
    "it warm; for a poster; in the second person; with one bold claim; suitable for ten-year-olds; a little "
    "melancholy is fine; as a recipe; nothing about the internet; like a weather report; admit what is "
    "uncertain; surprise me"
)
SHAPES = (
    "{W}. {A}{m} {H}.",
    "{A}{m} {H} - {w}.",
    "{W}, so {a}{m} {H}.",
    "{H}, {h2}: {a}{m}",
    "Since {w}, {a}{m}",
    "{A}{m} {W}. {H}.",
    "{T}: {a2}{m} {H}; {w}.",
    "I keep thinking about {t}. {W}. {A2}{m}",
    "{W} and now I wonder about {t}. {A2}, {h}{m}",
    "Quick one, {h}: {a}{m} {H2}.",
    "{T}... {w}, hence my question: {a2}{m}",
    "{A}, and also, {h}, {a3}{m}",
    "{H}. {H2}. {A}{m} {W}.",
    "Not sure whom else to bother, {w}: {a}{m}",
    "There is {t}, there is {t2}. {W}; {a2}{m}",
    "{A3} - or rather, {a}{m} {H}.",
    "Regarding {t} ({w}): {a2}, {h}{m}",
    "Humour me: {w}. {A}{m}",
    "What if {t} and {t2} belonged together? {W}. {H}.",
    "{T2} leaves me cold, unlike {t}. {A2}{m} {H}.",
    "{W}. Then somebody said: {t}. {H}, {a2}{m}",
    "Forget {t2}; {a}{m} {H}.",
)
PLEAS = ("on that", "in that light", "here", "from this angle", "with this in mind", "in my case")
QUESTIONS = frozenset(["how", "what", "which", "why", "is", "could", "do", "where", "if"])


def sequence(seed: int) -> Iterator[Item]:
    """One-offs without end, the same for the same seed, no two much alike."""
    earlier: dict[str, list[frozenset[str]]] = {}
    rng = random.Random(f"oneoff/{seed}")
    for index in count():
        for _ in range(100):
            thing, ask = rng.choice(THINGS), rng.choice(ASKS)
            text = _question(thing, ask, rng)
            words = frozenset(re.findall(r"\w+", text.lower()))
            if not any(len(words & other) > ALIKE * len(words | other) for other in earlier.get(ask, ())):
                break
        earlier.setdefault(ask, []).append(words)
        yield Item(text, _reply(thing, index, rng), "oneoff", 0, index, "oneoff")


def _question(thing: str, ask: str, rng: random.Random) -> str:
    subject = f"{rng.choice(ASPECTS)} {thing}"
    other = f"{rng.choice(ASPECTS)} {rng.choice(THINGS)}"
    how, how2 = rng.sample(HOW, 2)
    pieces = {
        "a": ask.format(t=subject),
        "a2": f"{ask.format(t='it')} {rng.choice(PLEAS)}",
        "a3": rng.choice(ASKS).format(t=other),
        "t": subject, "t2": other, "w": rng.choice(WHO), "h": how, "h2": how2,
        "m": "?" if ask.split(maxsplit=1)[0] in QUESTIONS else ".",
    }  # fmt: skip
    pieces |= {name.upper(): piece[0].upper() + piece[1:] for name, piece in pieces.items()}
    return rng.choice(SHAPES).format_map(pieces)


def _reply(thing: str, index: int, rng: random.Random) -> str:
    """Some reply that no other one-off has."""
    first, second = rng.sample(HOW, 2)
    return f"On {thing}: I would begin with {rng.choice(ASPECTS)} it ({first}), then {second}. [{index}]"
