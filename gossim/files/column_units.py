"""Units of time and of data rates, as the names of columns state them."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from pydantic import AfterValidator

from ..schema.violations import broken


class Unit(NamedTuple):
    """`factor` turns a number in this unit into seconds or bytes per second, by its `quantity`."""

    quantity: str
    factor: float
    words: str


TIME, RATE = "time", "rate"

_BYTE, _BIT = 1.0, 1 / 8
_PREFIXES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}

UNITS: dict[str, Unit] = {
    "ps": Unit(TIME, 1e-12, "picoseconds"),
    "ns": Unit(TIME, 1e-9, "nanoseconds"),
    "us": Unit(TIME, 1e-6, "microseconds"),
    "ms": Unit(TIME, 1e-3, "milliseconds"),
    "s": Unit(TIME, 1.0, "seconds"),
    "min": Unit(TIME, 60.0, "minutes"),
    "h": Unit(TIME, 3600.0, "hours"),
    "bit/s": Unit(RATE, _BIT, "bits per second"),
    "B/s": Unit(RATE, _BYTE, "bytes per second"),
    **{
        f"{prefix}{base}/s": Unit(RATE, size * factor, f"{prefix}{base}/s")
        for base, factor in (("bit", _BIT), ("B", _BYTE))
        for prefix, size in {**_PREFIXES, **_BINARY}.items()
        if prefix
    },
}
"""The units that are known, by the names that `unit` keys and messages use."""

_TIMES = {
    "ps": r"ps|psecs?|picos|picoseconds?",
    "ns": r"ns|nsecs?|nanos|nanosec(ond)?s?",
    "us": r"us|usecs?|micros|microsec(ond)?s?",
    "ms": r"ms|msecs?|millis?|millisec(ond)?s?",
    "s": r"s|secs?|seconds?",
    "min": r"mins?|minutes?",
    "h": r"h|hrs?|hours?",
}
_WRITTEN_OUT = ("kilo", "mega", "giga", "tera", "kibi", "mebi", "gibi", "tebi")
_RATE = re.compile(
    rf"""(?P<prefix>[kKMGTmgt]i?|(?i:{"|".join(_WRITTEN_OUT)}))?
    (?P<base>(?i:bits?|bytes?|octets?)|b|B)
    (?P<per>/(?i:s|secs?|seconds?)|ps)""",
    re.VERBOSE,
)


def named(text: str) -> str | None:
    """Return the unit, as in `UNITS`, that `text` names; None if it names none, or may name two.

    Letter case is taken seriously only where it tells bits from bytes: `Mbps` and `mbps` are Mbit/s and `MBps` is MB/s,
    while `mb/s` and `MBPS`, which people write for both, are neither.
    """
    text = _plain(text)
    return _time(text) or _rate(text)


def _time(text: str) -> str | None:
    return next((name for name, spelled in _TIMES.items() if re.fullmatch(spelled, text.lower())), None)


def _rate(text: str) -> str | None:
    match = _RATE.fullmatch(text)
    if match is None:
        return None
    prefix, base, per = match["prefix"] or "", match["base"], match["per"]
    one_letter = len(base) == 1
    if one_letter and prefix in ("m", "g", "t", "k", "mi", "gi", "ti", "ki") and base == "b" and per != "ps":
        return None
    if prefix.lower() in _WRITTEN_OUT:
        place = _WRITTEN_OUT.index(prefix.lower())
        prefix = "kMGT"[place] if place < 4 else "KMGT"[place - 4] + "i"
    elif prefix:
        binary = prefix.endswith("i")
        prefix = prefix[0].upper() + "i" if binary else prefix[0].upper().replace("K", "k")
    is_bit = base == "b" or base.lower().startswith("bit")
    return f"{prefix}{'bit' if is_bit else 'B'}/s"


SAMPLES = re.compile("samples?|images?|img|examples?|items?|inference|records?")
GRADIENTS = re.compile("gradients?|steps?|iterations?|iter|batch|minibatch")
"""What a time may be stated to be per."""

_AFTER = re.compile(
    r"mean|avg|average|median|std|max|p\d+|up|upload|uplink|down|download|downlink|tx|rx|samples?|worker|wifi|cellular"
)
"""What may follow a unit in the name of a column without being taken for a unit that is not known."""

_CHANGED = re.compile(
    r"log|log2|log10|ln|log1p|exp|sqrt|squared?|inv|inverse|reciprocal|relative|rel|norm|normalized|normalised|scaled|"
    r"zscore|standardized|standardised|percent|pct|percentage|ratio|share|cumulative|cum|cumsum"
)
"""Words that say, wherever they stand, that a column holds other numbers than those of its unit."""

_SCALES = re.compile(
    r"\d.*|x\d+|e\d+|[kmgt]|tens?|hundreds?|hundredths?|thousands?|thousandths?|millions?|millionths?|billions?|"
    r"kilo|mega|giga|tera|kibi|mebi|gibi|tebi|deci|centi|milli|micro|nano|per"
)
"""What right before a unit makes it another."""


class Stated(NamedTuple):
    """What the name of a column says: the known units in it, and what might be a unit and is not known."""

    units: tuple[str, ...]
    unknown: tuple[str, ...]


def stated(column: str, per: re.Pattern[str] = SAMPLES) -> Stated:
    """Return the units that a column's name states; a time may be one `per` any of these."""
    units: list[str] = []
    unknown: list[str] = []
    before = ""
    for word in _words(_plain(column)):
        unit = _one(word, per)
        if unit is not None:
            is_time = before.lower() == "t" and UNITS[unit].quantity == TIME  # as in `t_ms`; `t_bps` may be tera
            if _SCALES.fullmatch(before.lower()) and not is_time:
                unknown.append(before)
            if unit not in units:
                units.append(unit)
        elif _CHANGED.fullmatch(word.lower()) or "/" in word or (units and not _AFTER.fullmatch(word.lower())):
            unknown.append(word)
        before = word
    return Stated(tuple(units), tuple(unknown))


def _one(word: str, per: re.Pattern[str]) -> str | None:
    top, slash, bottom = word.partition("/")
    if slash and per.fullmatch(bottom.lower()):
        return _time(top)
    return named(word)


def _plain(text: str) -> str:
    """Normalise `text`: one way to write a micro sign, and `/` for `per`."""
    text = unicodedata.normalize("NFKC", text).replace("\u03bc", "u").strip()  # the micro sign becomes a mu
    text = re.sub(r"(?i:[\s_-]+per[\s_-]+)|(?<=[a-z])Per(?=[A-Z])", "/", text)
    return re.sub(r"\s*/\s*", "/", text)


_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[a-z0-9])(?<!lin)(?=k[A-Z])")
"""Between the words of `uploadMbps` and `uploadkBps`; `uplinkBps` is no kB/s."""


def _words(text: str) -> list[str]:
    """Split a column's name into words; `uploadMbps` and `latencyMs` are two each."""
    words: list[str] = []
    for word in re.split(r"[^A-Za-z0-9/]+", text):
        if word and named(word) is None and word.partition("/")[0] and named(word.partition("/")[0]) is None:
            words += [part for part in _CAMEL.split(word) if part]
        elif word:
            words.append(word)
    return words


_PLAIN = re.compile(
    "[^mgk]|times?|durations?|delays?|latency|latencies|jitter|values?|comput(e|ing|ation)|gradients?|steps?|iterations?|"
    "rates?|bandwidths?|speeds?|measured|elapsed|wall|runtime|up|down|upload|download|worker|mean|median"
)
"""Words that say nothing of a unit."""


def says_nothing(column: str) -> bool:
    """Return whether a column's name contains nothing that could be a unit, as `t`, `a` and `step_time` do not."""
    return not any(stated(column)) and all(_PLAIN.fullmatch(word.lower()) for word in _words(_plain(column)))


def refusal(
    column: str, file: str, wanted: str, unit: str | None, key: str, per: re.Pattern[str] = SAMPLES
) -> str | None:
    """Return why a column of `file` cannot be read in the unit `wanted`, as a phrase that follows its name, or None if
    it can.

    Args:
        unit: What the scenario says that the file is in, by a key written as `key`, which has `{}` in place of the
            unit; None if it says nothing.
    """
    says, words = stated(column, per), UNITS[wanted].words
    if unit is not None:
        contradicts = says.units and unit not in says.units
        return f"says {' and '.join(says.units)}, in {file}, and `{key.format(unit)}` another" if contradicts else None
    if says == Stated((wanted,), ()):
        return None
    others = [name for name in says.units if name != wanted]
    if says.unknown:
        rule = f"says no unit that is known, '{says.unknown[0]}', in {file}, and must be in {words}"
    elif others:
        rule = f"says another unit than {words}: {' and '.join(others)}, in {file}"
    else:
        rule = f"says no unit, in {file}, and must be in {words}"
    fitting = [name for name in others if UNITS[name].quantity == UNITS[wanted].quantity]
    if others and not fitting:
        return f"{rule}, and that is no {UNITS[wanted].quantity}"
    return f"{rule}; say which it is, as `{key.format(fitting[0] if fitting else wanted)}`, and it is converted"


def unit_of(*quantities: str) -> AfterValidator:
    """Return a validator that takes the name of a unit, of one of these quantities or of any, and returns the unit."""
    names = [name for name, unit in UNITS.items() if unit.quantity in quantities or not quantities]

    def check(text: str) -> str:
        name = named(text)
        if name not in names:
            raise broken(f"is not a unit that is known here; these are: {', '.join(names)}")
        return name

    return AfterValidator(check)
