"""What has become of figures since an earlier run."""

import math
import statistics

from bench.figures import SWIFTLET, shown
from bench.regions import SMALL_NAME
from bench.table import title

# Which share of the earlier median a change must exceed to count. A share only explains other figures.
THRESHOLDS = {"count": 0.02, "bytes": 0.05, "seconds": 0.15, "milliseconds": 0.15}
TIMES = ("seconds", "milliseconds")
# So many values that quarters of them say something.
ENOUGH = 8


def middle(figure):
    """What half of the values lie between; of few values all of them."""
    values = figure.values[SWIFTLET]
    if len(values) < ENOUGH:
        return min(values), max(values)
    quarters = statistics.quantiles(values, n=4, method="inclusive")
    return quarters[0], quarters[2]


def are_apart(before, after):
    """Whether each one's median is outside of what the other was found to be."""
    (old_low, old_high), (new_low, new_high) = middle(before), middle(after)
    return not (old_low <= after.median(SWIFTLET) <= old_high or new_low <= before.median(SWIFTLET) <= new_high)


def yardstick(before, after):
    """Another program that both runs have measured: what becomes of its times is the machine's doing."""
    others = (name for name in after.values if name not in (SWIFTLET, SMALL_NAME))
    return next((name for name in others if before.median(name) and after.median(name)), None)


def change(before, after):
    """By which factor a figure has changed, and what to say about it; None where that is chance, or the machine's doing."""
    values = " → ".join(shown(one.median(SWIFTLET), one.unit) for one in (before, after))
    if before.median(SWIFTLET) == 0:
        return (math.inf, f"{title(after)}: {values}") if after.median(SWIFTLET) > 0 else None
    factor = after.median(SWIFTLET) / before.median(SWIFTLET)
    factors, text = [factor], f"{title(after)}: {values}, {(factor - 1) * 100:+.0f} %"
    other = yardstick(before, after) if after.unit in TIMES else None
    if other:
        factors.append(after.ratio(other) / before.ratio(other))
        text += f" ({(factors[1] - 1) * 100:+.0f} % beside {other})"
    least = THRESHOLDS[after.unit]
    is_other = all(one > 1 + least for one in factors) or all(one < 1 - least for one in factors)
    return (factor, text) if is_other and are_apart(before, after) else None


def compare(before, after, has_same_host=True):
    """Lines about what has changed, the worst first, and whether anything is worse. Times say nothing of another host's."""
    units = [unit for unit in THRESHOLDS if has_same_host or unit not in TIMES]
    earlier = {figure.key: figure for figure in before}
    compared, changes, new = 0, [], []
    for figure in after:
        old = earlier.pop(figure.key, None)
        if old is None:
            new.append(figure)
        elif figure.unit in units and None not in (old.median(SWIFTLET), figure.median(SWIFTLET)):
            compared += 1
            changes.append(change(old, figure))
    changes = sorted(filter(None, changes), reverse=True)
    lines = [f"{len(changes)} of {compared} figures have changed", *(text for _, text in changes)]
    lines += [f"{title(figure)}: not measured then" for figure in new]
    lines += [f"{title(figure)}: not measured any more" for figure in earlier.values()]
    return lines, any(factor > 1 for factor, _ in changes)
