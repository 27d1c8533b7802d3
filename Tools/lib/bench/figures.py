"""What was measured: figures, their files, and what is demanded of them."""

import contextlib
import json
import os
import stat
import statistics
import tempfile


class BenchError(Exception):
    """Something could not be measured."""


class Figure:
    """One measure of one case: values by program, the same number of each, taken in turns."""

    def __init__(self, part, name, unit, case=None, limit=None, ratios=None, aims=None):
        """
        unit: seconds, milliseconds, bytes, count or share. Less is better, but of a share, which only explains.
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
    def failures(self):
        """What has to be met and is not, in words."""
        own = self.median(SWIFTLET)
        is_above = self.limit is not None and own is not None and own > self.limit
        return [f"at most {shown(self.limit, self.unit)}"] * is_above + self._missed(self.ratios)

    @property
    def missed_aims(self):
        return self._missed(self.aims)

    def _missed(self, ratios):
        return [
            f"at most {most:g} of {program}" for program, most in ratios.items()
            if self.ratio(program) is not None and self.ratio(program) > most]

    @property
    def demand(self):
        """What is wanted of it, in words; None if nothing is."""
        parts = [] if self.limit is None else [shown(self.limit, self.unit)]
        parts += [f"{most:g} of {program}" for program, most in self.ratios.items()]
        parts += [f"aim {most:g} of {program}" for program, most in self.aims.items()]
        return ", ".join(parts) or None

    @property
    def verdict(self):
        """How it stands with what is wanted of it; None if nothing is."""
        if self.demand is None:
            return None
        return "missed" if self.failures else "aim missed" if self.missed_aims else "met"

    def to_json(self):
        return {
            "part": self.part, "name": self.name, "unit": self.unit, "case": self.case, "limit": self.limit,
            "ratios": self.ratios, "aims": self.aims, "values": self.values, "curves": self.curves}

    @classmethod
    def from_json(cls, value):
        figure = cls(
            *(value[name] for name in ("part", "name", "unit", "case", "limit", "ratios", "aims")))
        figure.values, figure.curves = value["values"], value["curves"]
        numbers = [number for values in figure.values.values() for number in values]
        are_numbers = all(isinstance(number, (int, float)) for number in numbers)
        if figure.unit not in UNITS or not isinstance(figure.case, dict) or not are_numbers:
            raise ValueError("a figure that is none")
        return figure


SWIFTLET = "swiftlet"
UNITS = ("seconds", "milliseconds", "bytes", "count", "share")
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
    """Makes a file of figures."""
    content = {"format": FORMAT, **about, "figures": [figure.to_json() for figure in figures]}
    replace(path, json.dumps(content, indent=1) + "\n")


def replace(path, text):
    """Writes a file; one that was there stays as it was until all of it is written."""
    with new_file_beside(path) as (file, target):
        file.write(text)
        file.flush()
        os.replace(file.name, target)


def check_writable(path):
    """Raises an error where `replace` would, as far as that can be known before."""
    with new_file_beside(path):
        pass


@contextlib.contextmanager
def new_file_beside(path):
    """Yields a new file in the same directory, which is gone afterwards unless it got another name, and the path without
    symbolic links."""
    target = os.path.realpath(path)
    if os.path.exists(target) and not os.path.isfile(target):
        raise BenchError(f"{path} is no regular file")
    try:
        directory, name = os.path.split(target)
        with tempfile.NamedTemporaryFile("w", dir=directory, prefix=f".{name}-", encoding="utf-8", delete=False) as file:
            try:
                os.fchmod(file.fileno(), mode_of(target))
                yield file, target
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(file.name)
    except OSError as error:
        raise BenchError(f"{path}: {error.strerror}") from error


def mode_of(path):
    """The permissions of a file, or those that it will be made with."""
    if os.path.exists(path):
        return stat.S_IMODE(os.stat(path).st_mode)
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask


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
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BenchError(f"{path} was not made by Tools/bench") from error
