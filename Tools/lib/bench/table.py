"""Figures as a table in Markdown."""

from bench.figures import SWIFTLET, shown


def spread(figure, program):
    """The median, with the least and the most behind it where they differ."""
    values = figure.values.get(program)
    if not values:
        return "–"
    text = shown(figure.median(program), figure.unit)
    least, most = (shown(value, figure.unit) for value in (min(values), max(values)))
    return text if least == most else f"{text} ({least} to {most})"


def title(figure):
    case = ", ".join(f"{name} {value}" for name, value in figure.case.items())
    return f"{figure.name}, {case}" if case else figure.name


def rows(figures):
    """The cells of each figure, the first row the titles, with columns for the programs that any was measured for."""
    programs = []
    for figure in figures:
        programs += [program for program in figure.values if program not in programs]
    others = [program for program in programs if program != SWIFTLET]
    yield ["figure", "Swiftlet", *(cell for name in others for cell in (name, f"of {name}")), "at most", ""]
    for figure in figures:
        cells = [title(figure), spread(figure, SWIFTLET)]
        for program in others:
            ratio = figure.ratio(program)
            cells += [spread(figure, program), "" if ratio is None else f"{ratio:.2f}"]
        yield [*cells, figure.demand or "", figure.verdict or ""]


def markdown(figures):
    lines = [f"| {' | '.join(cells)} |" for cells in rows(figures)]
    width = lines[0].count("|") - 1
    return "\n".join([lines[0], "|" + "---|" * width, *lines[1:]])
