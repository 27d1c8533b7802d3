"""What was measured: figures, their files, and what is demanded of them."""

import json
import statistics


class BenchError(Exception):
    """Something could not be measured."""


class Figure:
    """One measure of one case: values by program, the same number of each, taken in turns."""

    def __init__(self, part, name, unit, case=None, limit=None, ratios=None, aims=None):
        """
        unit: seconds, milliseconds, bytes, count or share; less is better in any.
        case: what else was chosen, such as {"kernel": "6.1"}.
        limit: the most that Swiftlet's median may be.
        ratios: the most that Swiftlet's median may be of another program's, by that one's name.
        aims: what it is to be of another program's, and is known not to be yet: told, and no failure.
        """
        self.part, self.name, self.unit, self.case = part, name, unit, case or {}
        self.limit, self.ratios, self.aims = limit, ratios or {}, aims or {}
        self.values = {}
        # How the value came about in one measurement, by program: pairs of seconds and values.
        self.curves = {}

    def add(self, program, value):
        self.values.setdefault(program, []).append(value)

    @property
    def key(self):
        return (self.part, self.name, *sorted(self.case.items()))

    def median(self, program):
        """None where it was not measured."""
        values = self.values.get(program)
        return statistics.median(values) if values else None

    def ratio(self, program):
        """What Swiftlet's median is of another program's; None where one of them was not measured, or is nothing."""
        own, other = self.median(SWIFTLET), self.median(program)
        return None if own is None or not other else own / other

    @property
    def demands(self):
        """The most that it may or is to be of other programs: pairs of program and ratio."""
        return [*self.ratios.items(), *self.aims.items()]

    @property
    def misses(self):
        """What is demanded and not met, in words."""
        return self._missed(self.demands)

    @property
    def has_failed(self):
        """Whether something that has to be met is not."""
        return bool(self._missed(self.ratios.items()))

    def _missed(self, demands):
        own = self.median(SWIFTLET)
        misses = []
        if self.limit is not None and own is not None and own > self.limit:
            misses.append(f"at most {shown(self.limit, self.unit)}")
        for program, most in demands:
            ratio = self.ratio(program)
            if ratio is not None and ratio > most:
                misses.append(f"at most {most:g} of {program}")
        return misses

    def to_json(self):
        return {
            "part": self.part, "name": self.name, "unit": self.unit, "case": self.case, "limit": self.limit,
            "ratios": self.ratios, "aims": self.aims, "values": self.values, "curves": self.curves}

    @classmethod
    def from_json(cls, value):
        figure = cls(
            *(value[name] for name in ("part", "name", "unit", "case", "limit", "ratios", "aims")))
        figure.values, figure.curves = value["values"], value["curves"]
        return figure


SWIFTLET = "swiftlet"
FORMAT = 2


def in_turn(programs, number):
    """The programs in the order of a round: by turns the first and the last begins, since who is first may find other
    caches, and memory in other pieces."""
    programs = list(programs)
    return programs if number % 2 == 0 else programs[::-1]


def shown(value, unit):
    """A value as people read it."""
    if value is None:
        return "–"
    if unit == "bytes":
        return f"{value / (1 << 20):.2f} MiB" if abs(value) >= 1 << 20 else f"{value / 1024:.0f} KiB"
    if unit == "seconds":
        return f"{value:.2f} s"
    if unit == "milliseconds":
        return f"{value:.2f} ms"
    if unit == "share":
        return f"{value * 100:.1f} %"
    return f"{value:.0f}" if abs(value) >= 10 or value == int(value) else f"{value:.2f}"


def write(path, figures, about):
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"format": FORMAT, **about, "figures": [figure.to_json() for figure in figures]}, file, indent=1)


def read(path):
    """The figures of a file, and what it says about their run."""
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
        if content["format"] != FORMAT:
            raise BenchError(f"{path}: format {content['format']}, not {FORMAT}")
        return [Figure.from_json(value) for value in content.pop("figures")], content
    except OSError as error:
        raise BenchError(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise BenchError(f"{path} is no file of Tools/bench: {error!r}") from error
