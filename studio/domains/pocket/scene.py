"""What a Pocket World picture is made of, and how often each thing happens.

A scene has *stated* factors (subject, colour, place, time: captions name them, frequencies are uniform)
and *free* factors (captions name size and clouds now and then, the others never). Free factors
have deliberately unequal frequencies: a mode-seeking student has rare values to lose, and because this
table is the truth, the loss can be counted.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from studio.core.domain import Factor as Factor
from studio.core.explain import did_you_mean
from studio.core.files import Json

SUBJECTS = ("house", "tree", "balloon", "boat", "star", "heart", "mushroom", "rocket", "car", "cat")
COLORS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "white")
PLACES = ("meadow", "sea", "desert", "snow")
TIMES = ("day", "sunset", "night")
LAYOUT = ("position", "size", "horizon", "companion")  # factors that a layout of the picture decides
IDENTITY = ("subject", "color", "place", "time")  # factors that say what a picture is of
ONE = "exactly one subject"  # what every scene has, whatever is asked for
COUNT = "count"  # how many subjects a picture has: one in every scene, and what a reader says first of spoilt ones


def _uniform(
    name: str,
    values: tuple[str, ...],
    *,
    title: str = "",
    goes_with: tuple[str, ...] = (),
    things: tuple[str, ...] = (),
    relation: bool = False,
) -> Factor:
    each = (1.0 / len(values),) * len(values)
    return Factor(name, values, each, stated=True, title=title, goes_with=goes_with, things=things, relation=relation)


# P(stars | night). By day and at sunset there are none, hence the marginal in the table below.
_STARS_AT_NIGHT = {"few": 0.7, "many": 0.3}

# The frequency table of the world. Order matters to nothing but `labels()` and the oracle's heads.
FACTORS: dict[str, Factor] = {
    f.name: f
    for f in (
        _uniform("subject", SUBJECTS, things=tuple(f"a {subject}" for subject in SUBJECTS)),
        _uniform("color", COLORS, title="colour"),
        _uniform("place", PLACES, relation=True),
        _uniform("time", TIMES, title="time of day", goes_with=("stars",)),
        Factor("position", ("left", "centre", "right"), (0.55, 0.30, 0.15), False, reading="x", relation=True),
        Factor("size", ("small", "medium", "large"), (0.25, 0.60, 0.15), False, reading="size", goes_with=("position",)),
        Factor("horizon", ("low", "middle", "high"), (0.25, 0.60, 0.15), False, reading="horizon"),
        Factor("ground", ("flat", "rolling", "peaked"), (0.60, 0.30, 0.10), False),
        Factor(
            "clouds", ("none", "one", "several"), (0.20, 0.55, 0.25), False, things=("nothing", "one cloud", "several clouds")
        ),
        Factor("light", ("left", "right", "hidden"), (0.25, 0.60, 0.15), False),
        Factor("stars", ("none", "few", "many"), (2 / 3, 0.7 / 3, 0.3 / 3), False, things=("nothing", "few stars", "many stars")),
        Factor(
            "companion",
            ("none", "bird", "bush", "rock"),
            (0.60, 0.22, 0.12, 0.06),
            False,
            things=("nothing", "a bird", "a bush", "a rock"),
        ),
    )
}

# Centre of each class and half-width of its uniform jitter, in fractions of the image side. Classes never
# touch, so an oracle can tell them apart; the continuous value is what it regresses.
X_OF = {"left": 0.28, "centre": 0.50, "right": 0.72}
X_JITTER = 0.045
SCALE_OF = {"small": 0.28, "medium": 0.39, "large": 0.51}
SCALE_JITTER = 0.022
HORIZON_OF = {"low": 0.77, "middle": 0.66, "high": 0.55}
HORIZON_JITTER = 0.022

CONTINUOUS = ("x", "scale", "horizon_y", "phase", "sky_phase", "side")


@dataclass(frozen=True)
class Scene:
    """Everything needed to draw one picture, deterministically, at any size.

    Categorical fields hold a value of the factor of the same name. Continuous fields, all fractions of the
    image side or of a period: `x` subject centre; `scale` side of the square box the subject fills;
    `horizon_y` horizon, 0 = top; `phase` ground details and hills in [0, 1); `sky_phase` layout of clouds
    and stars in [0, 1); `side` in [0, 1), where the companion goes when both sides are free.
    """

    subject: str
    color: str
    place: str
    time: str
    position: str
    size: str
    horizon: str
    ground: str
    clouds: str
    light: str
    stars: str
    companion: str
    x: float
    scale: float
    horizon_y: float
    phase: float
    sky_phase: float
    side: float

    def __post_init__(self) -> None:
        for name, factor in FACTORS.items():
            factor.index(getattr(self, name))
        if (self.stars != "none") != (self.time == "night"):
            raise ValueError(f"stars={self.stars!r} does not fit time={self.time!r}; stars shine at night only.")

    def labels(self) -> dict[str, int]:
        """Class index of every factor, in the order of `FACTORS`."""
        return {name: f.values.index(getattr(self, name)) for name, f in FACTORS.items()}

    def to_dict(self) -> Json:
        """Plain JSON-ready fields; `from_dict` is the exact inverse."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Json) -> Scene:
        """A scene from `to_dict`'s output; names what is missing or unknown."""
        names = {f.name for f in dataclasses.fields(cls)}
        missing, extra = sorted(names - set(data)), sorted(set(data) - names)
        if missing or extra:
            raise ValueError(f"A scene needs exactly its {len(names)} fields; missing {missing}, unknown {extra}.")
        fields: Json = {k: float(v) if k in CONTINUOUS else str(v) for k, v in data.items()}
        return cls(**fields)


def frequencies(name: str, *, time: str | None = None) -> dict[str, float]:
    """World frequencies of a factor; with `time`, given that time of day (matters to stars only)."""
    factor = _factor(name)
    if name == "stars" and time is not None:
        FACTORS["time"].index(time)
        return {v: _STARS_AT_NIGHT.get(v, 0.0) if time == "night" else float(v == "none") for v in factor.values}
    return dict(zip(factor.values, factor.probabilities, strict=True))


def sample_scene(rng: np.random.Generator, **fixed: str) -> Scene:
    """Draw a scene from the world; `fixed` pins factors by name, e.g. `subject="house", position="left"`.

    Every call consumes the same number of random numbers whatever is fixed, so that scenes drawn from equal
    generators differ only in what was pinned.
    """
    for name, value in fixed.items():
        _factor(name).index(value)
    if fixed.get("stars") in ("few", "many"):
        fixed.setdefault("time", "night")
    u = rng.random(len(FACTORS))
    jitter = 2.0 * rng.random(3) - 1.0
    phase, sky_phase, side = (float(v) for v in rng.random(3))
    values: dict[str, str] = {}
    for name, draw in zip(FACTORS, u, strict=True):
        table = frequencies(name, time=values.get("time"))
        if name == "time" and fixed.get("stars") == "none":
            table = {value: 0.5 for value in TIMES if value != "night"}  # night always has stars
        values[name] = fixed.get(name) or _pick(table, float(draw))
    scale = SCALE_OF[values["size"]] + SCALE_JITTER * float(jitter[1])
    x = X_OF[values["position"]] + X_JITTER * float(jitter[0])
    margin = 0.5 * scale + 0.01  # keep large subjects whole: a cut-off subject would make its size unreadable
    x = min(max(x, margin), 1.0 - margin)
    horizon_y = HORIZON_OF[values["horizon"]] + HORIZON_JITTER * float(jitter[2])
    return Scene(**values, x=x, scale=scale, horizon_y=horizon_y, phase=phase, sky_phase=sky_phase, side=side)


def _factor(name: str) -> Factor:
    if name not in FACTORS:
        raise ValueError(f"There is no factor {name!r}; factors are {', '.join(FACTORS)}.{did_you_mean(name, FACTORS)}")
    return FACTORS[name]


def _pick(table: Mapping[str, float], u: float) -> str:
    """Inverse-CDF choice; `u` uniform in [0, 1)."""
    total, last = 0.0, ""
    for value, p in table.items():
        if p > 0.0:
            total, last = total + p, value
            if u < total:
                return value
    return last  # rounding of the last cumulative sum
