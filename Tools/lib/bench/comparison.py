"""What has become of figures since an earlier run."""

from bench.figures import SWIFTLET, shown
from bench.regions import SMALL_NAME
from bench.table import title

# Which share of the earlier median a change must exceed to count. A share only explains other figures.
THRESHOLDS = {"count": 0.02, "bytes": 0.05, "seconds": 0.15, "milliseconds": 0.15}
TIMES = ("seconds", "milliseconds")


def are_apart(before, after):
    """Whether each one's median is none of the values that the other was found to have."""
    old, new = before.values[SWIFTLET], after.values[SWIFTLET]
    return not (min(old) <= after.median(SWIFTLET) <= max(old) or min(new) <= before.median(SWIFTLET) <= max(new))


def yardstick(before, after):
    """Another program that both runs have measured: what becomes of its times is the machine's doing."""
    others = (name for name in after.values if name not in (SWIFTLET, SMALL_NAME))
    return next((name for name in others if before.median(name) and after.median(name)), None)


def change(before, after):
    """By which factor a figure has changed, and what to say about it; None where that is chance, or the machine's doing."""
    factor = after.median(SWIFTLET) / before.median(SWIFTLET)
    values = " → ".join(shown(one.median(SWIFTLET), one.unit) for one in (before, after))
    factors, text = [factor], f"{title(after)}: {values}, {(factor - 1) * 100:+.0f} %"
    other = yardstick(before, after) if after.unit in TIMES else None
    if other:
        factors.append(after.ratio(other) / before.ratio(other))
        text += f" ({(factors[1] - 1) * 100:+.0f} % beside {other})"
    least = THRESHOLDS[after.unit]
    is_other = all(one > 1 + least for one in factors) or all(one < 1 - least for one in factors)
    return (factor, text) if is_other and are_apart(before, after) else None


def compare(before, after):
    """Lines about what has changed, the worst first, and whether anything is worse."""
    earlier = {figure.key: figure for figure in before}
    compared, changes, new = 0, [], []
    for figure in after:
        old = earlier.pop(figure.key, None)
        if old is None:
            new.append(figure)
        elif figure.unit in THRESHOLDS and old.median(SWIFTLET) and figure.median(SWIFTLET) is not None:
            compared += 1
            changes.append(change(old, figure))
    changes = sorted(filter(None, changes), reverse=True)
    lines = [f"{len(changes)} of {compared} figures have changed", *(text for _, text in changes)]
    lines += [f"{title(figure)}: not measured then" for figure in new]
    lines += [f"{title(figure)}: not measured any more" for figure in earlier.values()]
    return lines, any(factor > 1 for factor, _ in changes)
