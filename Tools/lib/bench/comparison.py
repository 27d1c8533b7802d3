"""What has become of figures since an earlier run."""

from bench.figures import SWIFTLET, shown
from bench.table import title

# Which share a median must exceed the other's by to count; counts are the same in each run, times are not.
THRESHOLDS = {"count": 0.02, "share": 0.1, "bytes": 0.05, "seconds": 0.15, "milliseconds": 0.15}


def change(before, after):
    """By which factor a figure has changed. Where both runs had the same other program beside Swiftlet, its changes are
    those of the machine, and left out for times."""
    own = after.median(SWIFTLET) / before.median(SWIFTLET)
    if after.unit not in ("seconds", "milliseconds"):
        return own
    for program in after.values:
        if program != SWIFTLET and before.median(program) and after.median(program):
            return own * before.median(program) / after.median(program)
    return own


def compare(before, after):
    """Lines about each figure that has changed, the worst first, and whether any is worse."""
    earlier = {figure.key: figure for figure in before}
    found = []
    for figure in after:
        old = earlier.pop(figure.key, None)
        if old is None or not old.median(SWIFTLET) or figure.median(SWIFTLET) is None:
            continue
        factor = change(old, figure)
        if abs(factor - 1) > THRESHOLDS[figure.unit]:
            values = " → ".join(shown(one.median(SWIFTLET), figure.unit) for one in (old, figure))
            found.append((factor, f"{title(figure)}: {values}, {(factor - 1) * 100:+.0f} %"))
    lines = [text for _, text in sorted(found, reverse=True)]
    lines += [f"{title(figure)}: not measured any more" for figure in earlier.values()]
    return lines, any(factor > 1 for factor, _ in found)
