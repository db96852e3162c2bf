"""Words for scenes: a small caption grammar, its parser, and what to say when a word is not known.

Captions are partial on purpose ("a house", "a red house at night"): whatever a caption leaves out, a model
must invent, and that is where diversity lives. Every caption uses only words of `vocabulary()`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from studio.domains.pocket.scene import Scene

# Nouns and their synonyms; the first word is the plain one. Rarer words come up less often in captions.
SUBJECT_WORDS: dict[str, tuple[str, ...]] = {
    "house": ("house", "home", "cottage"),
    "tree": ("tree", "pine", "fir"),
    "balloon": ("balloon",),
    "boat": ("boat", "ship", "sailboat"),
    "star": ("star",),
    "heart": ("heart",),
    "mushroom": ("mushroom", "toadstool"),
    "rocket": ("rocket", "spaceship"),
    "car": ("car", "automobile"),
    "cat": ("cat", "kitten"),
}
COLOR_WORDS: dict[str, tuple[str, ...]] = {
    "red": ("red", "crimson", "scarlet"),
    "orange": ("orange", "tangerine"),
    "yellow": ("yellow", "golden"),
    "green": ("green", "emerald"),
    "blue": ("blue", "azure"),
    "purple": ("purple", "violet"),
    "pink": ("pink", "rosy"),
    "white": ("white", "ivory"),
}
# Whole phrases: the preposition belongs to the noun.
PLACE_PHRASES: dict[str, tuple[str, ...]] = {
    "meadow": ("in a meadow", "in the field", "on the grass", "in the countryside"),
    "sea": ("by the sea", "at sea", "on the ocean", "at the beach", "on the water"),
    "desert": ("in the desert", "on the dunes", "in the sand"),
    "snow": ("in the snow", "in winter", "on the ice"),
}
TIME_PHRASES: dict[str, tuple[str, ...]] = {
    "day": ("by day", "in the daytime", "at noon", "in the morning"),
    "sunset": ("at sunset", "at dusk", "in the evening", "at twilight"),
    "night": ("at night", "at midnight", "in the moonlight"),
}
SIZE_WORDS: dict[str, tuple[str, ...]] = {
    "small": ("small", "little", "tiny"),
    "medium": ("medium",),
    "large": ("large", "big", "huge"),
}
CLOUD_PHRASES: dict[str, tuple[str, ...]] = {
    "none": ("under a clear sky", "under a cloudless sky"),
    "one": ("under one cloud", "with a cloud"),
    "several": ("under a cloudy sky", "with clouds"),
}
# Understood and without meaning. The second line never occurs in captions, so `canonical` drops it.
STOP_WORDS = frozenset(
    {"a", "an", "the", "at", "in", "by", "on", "with", "under", "picture", "sky", "one"}
    | {"and", "of", "is", "near", "drawing", "image", "photo", "illustration", "color", "colour"}
)

# Words people type that no letter-distance would connect to the world, by what to suggest instead.
_NEAR_TABLE = {
    "cat": "dog puppy animal horse lion tiger rabbit bunny fox bear cow sheep pet bird duck",
    "cat house": "person man woman girl boy child people",
    "house": "building castle church barn cabin hut village",
    "house car": "city town street road",
    "tree": "palm oak plant bush leaf",
    "tree meadow": "forest wood woods jungle",
    "mushroom tree": "flower tulip sunflower",
    "pink mushroom": "rose",
    "car": "truck bus bike bicycle train taxi van vehicle",
    "boat": "yacht canoe submarine",
    "boat sea": "fish whale shark",
    "sea": "lake river waves island",
    "rocket balloon": "plane airplane aircraft ufo helicopter",
    "rocket star": "space planet mars robot astronaut alien",
    "balloon star": "kite",
    "heart": "love",
    "night star": "moon",
    "day sunset": "sun dawn sunrise",
    "night": "dark darkness",
    "day clear": "sunny bright",
    "cloudy": "rain rainy storm fog foggy",
    "snow": "arctic polar cold glacier",
    "snow meadow": "mountain mountains",
    "meadow": "hill hills park garden farm",
    "desert": "cactus pyramid camel",
    "blue purple": "black dark indigo",
    "white": "grey gray silver",
    "orange red": "brown",
    "green blue": "teal turquoise cyan",
    "pink purple": "magenta lavender",
    "large": "giant enormous gigantic tall",
    "small": "mini short",
}
_NEAR = {word: near.split() for near, words in _NEAR_TABLE.items() for word in words.split()}

# Other spellings that mean a known word exactly; understood, never written by `caption`.
_SPELLINGS = {"kitty": "kitten", "snowy": "snow", "dune": "dunes", "gold": "golden"}
_SPELLINGS.update({f"{w}s": w for words in SUBJECT_WORDS.values() for w in words})

MAX_SUGGESTED = 20  # unknown words that get suggestions; a notice shows four

EXAMPLES = [
    "a red house at night",
    "a boat by the sea at sunset",
    "a purple rocket in the snow",
    "a balloon in the desert",
    "a pink mushroom in a meadow",
    "a cat",
    "a white star at dusk",
    "a yellow car by day",
    "a large green tree by day",
    "a heart on the ocean under a cloudy sky",
]


TABLES: dict[str, dict[str, tuple[str, ...]]] = {
    "subject": SUBJECT_WORDS,
    "color": COLOR_WORDS,
    "place": PLACE_PHRASES,
    "time": TIME_PHRASES,
    "size": SIZE_WORDS,
    "clouds": CLOUD_PHRASES,
}
BEFORE, BEHIND = ("size", "color"), ("place", "time", "clouds")  # where a caption says what, of its noun


def _meanings() -> dict[str, tuple[str, str]]:
    """Known content word -> (factor, value)."""
    return {
        word: (factor, value)
        for factor, table in TABLES.items()
        for value, phrases in table.items()
        for phrase in phrases
        for word in phrase.split()
        if word not in STOP_WORDS
    }


MEANINGS = _meanings()


def vocabulary() -> list[str]:
    """Every word a caption can use, sorted: a word-level tokenizer of these never meets an unknown word."""
    words = {"a", "an", "picture"}
    for table in TABLES.values():
        words.update(word for phrases in table.values() for phrase in phrases for word in phrase.split())
    return sorted(words)


@dataclass(frozen=True)
class Parsed:
    """What a prompt says.

    `stated`: factor -> value. `unknown`: words not known, in order. `suggestions`: nearest known words, for
    the first `MAX_SUGGESTED` unknown ones. `conflicts`: factors stated more than once, with every value.
    """

    prompt: str
    stated: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    suggestions: dict[str, list[str]] = field(default_factory=dict)
    conflicts: dict[str, list[str]] = field(default_factory=dict)

    def notice(self) -> str | None:
        """One sentence for the page, or None when every word is understood and nothing contradicts."""
        if self.unknown:
            shown = self.unknown[:4]
            names = ", ".join(f"“{w[:40]}”" for w in shown)
            rest = len(self.unknown) - len(shown)
            names += f" and {rest} more" if rest else ""
            options = list(dict.fromkeys(w for u in shown for w in self.suggestions[u]))[:5]
            verb = "is not a word" if len(self.unknown) == 1 else "are not words"
            return f"{names} {verb} this model knows and will be ignored; try {_either(options)}."
        if self.conflicts:
            factor, values = next(iter(self.conflicts.items()))
            said = " and ".join(values)
            return f"The prompt asks for {said}, but there is one {factor}; {values[0]} counts."
        return None


def _either(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " or " + words[-1]


def parse(prompt: str, words: Sequence[str] = ()) -> Parsed:
    """Turn any text into stated factors; when a factor is stated twice the first value counts.

    words: new ones that an adapter brings, like "<my-cat>"; they state nothing, and are known.
    """
    stated: dict[str, str] = {}
    conflicts: dict[str, list[str]] = {}
    unknown: list[str] = []
    for raw in _words(" ".join(part for part, new in _parts(prompt, words) if not new)):
        word = _SPELLINGS.get(raw, raw)
        if word in MEANINGS:
            factor, value = MEANINGS[word]
            first = stated.setdefault(factor, value)
            if first != value:
                seen = conflicts.setdefault(factor, [first])
                if value not in seen:
                    seen.append(value)
        elif word not in STOP_WORDS and raw not in unknown:
            unknown.append(raw)
    # difflib takes about a millisecond a word: a pasted page must not stall the form it was pasted into.
    suggestions = {w: _suggest(w) for w in unknown[:MAX_SUGGESTED]}
    return Parsed(prompt, stated, unknown, suggestions, conflicts)


def canonical(prompt: str, words: Sequence[str] = ()) -> str:
    """The prompt as the tokenizer should see it: lower case, caption words only, spellings unified; new words as they are."""
    known = set(vocabulary())
    out: list[str] = []
    for part, new in _parts(prompt, words):
        out += [part] if new else [w for w in (_SPELLINGS.get(w, w) for w in _words(part)) if w in known]
    return " ".join(out)


def _parts(prompt: str, words: Sequence[str]) -> list[tuple[str, bool]]:
    """The prompt cut at new words: (part, whether it is one of them)."""
    if not words:
        return [(prompt, False)]
    pattern = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return [(part, number % 2 == 1) for number, part in enumerate(re.split(f"({pattern})", prompt)) if part]


def _words(prompt: str) -> list[str]:
    """Lower-case runs of letters and digits; "cat's" is "cat"."""
    return re.findall(r"[^\W_]+", re.sub("['\u2019]s\\b", "", prompt.lower()))


def _suggest(word: str) -> list[str]:
    """One to three known words nearest to `word`: by meaning, then by spelling, else a few of the world's."""
    word = word[:40]  # nobody's word is longer, and difflib is quadratic
    for form in (word, word.removesuffix("s")):
        if form in _NEAR:
            return list(_NEAR[form])
    near = difflib.get_close_matches(word, sorted(MEANINGS), n=2, cutoff=0.7)
    return near or ["house", "balloon", "rocket"]


def full_caption(scene: Scene) -> str:
    """Every stated factor in plain words: "a red house in a meadow at night"."""
    words = [scene.color, SUBJECT_WORDS[scene.subject][0]]
    place, time = PLACE_PHRASES[scene.place][0], TIME_PHRASES[scene.time][0]
    return _with_article(" ".join([*words, place, time]))


# How often a caption leaves each stated factor out (given `drop=None`), and states a free one.
DROP = {"subject": 0.03, "color": 0.30, "place": 0.35, "time": 0.35}
FREE_RATE = 0.12  # of captions; one free factor each
# Training captions state a free factor more often than the world's own, so that the rare words are seen often enough to be
# learned. Whether a factor is stated does not depend on its value, so nothing is biased. With 0.35 the shipped teacher follows a
# stated size in 70 % of pictures; the next teacher learns with 0.6.
TRAINING_FREE_RATE = 0.35
TEACHER_FREE_RATE = 0.6
SAID = 0.5  # share of prompts around a new word that state a factor which is not taught


def caption(scene: Scene, rng: np.random.Generator, drop: float | None = None, free_rate: float = FREE_RATE) -> str:
    """A random partial caption, lower case. `drop` in [0, 1] replaces the table's drop rates when given.

    `free_rate` in [0, 1]: share of captions that state one free factor.

    Whatever it says is true of the scene. Consumes a fixed number of random numbers.
    """
    u = rng.random(12)
    rates = {name: rate if drop is None else drop for name, rate in DROP.items()}
    say = {name: bool(draw >= rates[name]) for name, draw in zip(DROP, u[:4], strict=True)}
    free = ("size", "clouds")[int(u[5] * 2)] if u[4] < free_rate else ""
    noun = _choose(SUBJECT_WORDS[scene.subject], u[6])
    if not say["subject"]:
        # "a red picture" would be about the picture, so a caption without subject keeps place and time only.
        tail = [_choose(PLACE_PHRASES[scene.place], u[7])] if say["place"] else []
        tail += [_choose(TIME_PHRASES[scene.time], u[8])] if say["time"] else []
        return " ".join(["a picture", *tail])
    head = [_choose(SIZE_WORDS[scene.size], u[9])] if free == "size" else []
    head += [_choose(COLOR_WORDS[scene.color], u[10])] if say["color"] else []
    tail = [_choose(PLACE_PHRASES[scene.place], u[7])] if say["place"] else []
    tail += [_choose(TIME_PHRASES[scene.time], u[8])] if say["time"] else []
    tail += [_choose(CLOUD_PHRASES[scene.clouds], u[11])] if free == "clouds" else []
    return _with_article(" ".join([*head, noun, *tail]))


def written(stated: Mapping[str, str]) -> str:
    """A caption that states exactly these factors, in the order of the training captions. ValueError where no words say one."""
    for factor, value in stated.items():
        if value not in TABLES.get(factor, {}):
            raise ValueError(f"No words say that the {factor} is {value}; {', '.join(TABLES)} can be said.")
    said = {factor: TABLES[factor][value][0] for factor, value in stated.items()}
    head = [said[factor] for factor in BEFORE if factor in said]
    tail = [said[factor] for factor in BEHIND if factor in said]
    return _with_article(" ".join([*head, said.get("subject", "picture"), *tail]))


def line_with(scene: Scene, word: str, shows: Mapping[str, str], rng: np.random.Generator) -> str:
    """A prompt that is true of a scene: the word stands for what it `shows`, and known words state some of the rest."""
    say = dict(zip(("color", "place", "time"), rng.random(3) < SAID, strict=True))
    head = [COLOR_WORDS[scene.color][0]] if say["color"] and "color" not in shows else []
    head += [word] if "subject" in shows else [word, SUBJECT_WORDS[scene.subject][0]]
    tail = [PLACE_PHRASES[scene.place][0]] if say["place"] and "place" not in shows else []
    tail += [TIME_PHRASES[scene.time][0]] if say["time"] and "time" not in shows else []
    return _with_article(" ".join([*head, *tail]))


def _with_article(text: str) -> str:
    return ("an " if text[:1] in tuple("aeiou") else "a ") + text


def _choose(options: tuple[str, ...], u: float) -> str:
    """The plain phrase six times in ten, the others share the rest; `u` in [0, 1)."""
    if len(options) == 1 or u < 0.6:
        return options[0]
    return options[1 + int((u - 0.6) / 0.4 * (len(options) - 1))]
