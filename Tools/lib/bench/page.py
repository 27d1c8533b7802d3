"""Figures as a page that needs nothing else: bars of medians with their spread."""

import html

from bench.figures import SWIFTLET, shown
from bench.table import title

COLORS = {SWIFTLET: "#2563eb"}
OTHERS = ["#d97706", "#64748b", "#0f766e", "#9333ea"]
WIDTH, BAR, GAP, LABEL, ROOM = 760, 16, 6, 150, 150
STYLE = """
:root { color-scheme: light dark; --text: #1f2937; --edge: #e5e7eb; --back: #fff; }
@media (prefers-color-scheme: dark) { :root { --text: #e5e7eb; --edge: #374151; --back: #111827; } }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--text); background: var(--back); max-width: 800px;
  margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--edge); }
figure { margin: 1.2rem 0; } figcaption { margin-bottom: .3rem; }
svg { width: 100%; height: auto; } text { fill: var(--text); font-size: 12px; }
.missed { color: #dc2626; font-weight: 600; } .met { color: #15803d; } .range { stroke: var(--text); }
"""


def color(program, programs):
    others = [name for name in programs if name != SWIFTLET]
    return COLORS.get(program) or OTHERS[others.index(program) % len(OTHERS)]


def bars(figure):
    programs = list(figure.values)
    most = max(max(values) for values in figure.values.values()) or 1
    scale = (WIDTH - LABEL - ROOM) / most
    height = len(programs) * (BAR + GAP)
    parts = [f'<svg viewBox="0 0 {WIDTH} {height}" role="img">']
    for index, program in enumerate(programs):
        values, top = figure.values[program], index * (BAR + GAP)
        middle, length = top + BAR / 2, max(figure.median(program) * scale, 1)
        value = html.escape(shown(figure.median(program), figure.unit))
        low, high = (LABEL + value * scale for value in (min(values), max(values)))
        parts.append(
            f'<text x="0" y="{middle + 4}">{html.escape(program)}</text>'
            f'<rect x="{LABEL}" y="{top}" width="{length:.1f}" height="{BAR}" fill="{color(program, programs)}"/>'
            f'<path class="range" d="M{low:.1f} {middle}H{high:.1f}"/>'
            f'<text x="{high + 8:.1f}" y="{middle + 4}">{value}</text>')
    return "".join([*parts, "</svg>"])


def curves(figure):
    """Lines of values over time, from nothing to the most."""
    if not figure.curves:
        return ""
    points = [point for line in figure.curves.values() for point in line]
    end, most = (max(values) or 1 for values in zip(*points))
    height, base = 150, 130
    parts = [f'<svg viewBox="0 0 {WIDTH} {height}" role="img">']
    for program, line in figure.curves.items():
        path = " ".join(
            f"{LABEL + moment / end * (WIDTH - LABEL - ROOM):.1f},{base - value / most * (base - 10):.1f}"
            for moment, value in line)
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{color(program, list(figure.values))}" stroke-width="2"/>')
    parts.append(
        f'<text x="0" y="14">{html.escape(shown(most, figure.unit))}</text>'
        f'<path class="range" d="M{LABEL} {base}H{WIDTH - ROOM}"/>'
        f'<text x="{WIDTH - ROOM}" y="{height - 4}" text-anchor="end">{shown(end, "seconds")}</text></svg>')
    return "".join(parts)


def section(figure):
    kind = "met" if figure.verdict == "met" else "missed"
    judged = f' <span class="{kind}">at most {html.escape(figure.demand)}: {figure.verdict}</span>' if figure.demand else ""
    return f"<figure><figcaption>{html.escape(title(figure))}{judged}</figcaption>{bars(figure)}{curves(figure)}</figure>"


def page(figures, about):
    parts = []
    for figure in figures:
        if figure.part not in parts:
            parts.append(figure.part)
    body = "".join(
        f"<h2>{html.escape(part)}</h2>" + "".join(section(one) for one in figures if one.part == part and one.values)
        for part in parts)
    words = html.escape(", ".join(f"{name}: {value}" for name, value in about.items() if name != "format"))
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Swiftlet: what it costs</title>'
        f"<style>{STYLE}</style></head><body><h1>What Swiftlet costs</h1><p>{words}</p>"
        f"<p>Medians; lines are from the least to the most. Less is better, but of shares.</p>{body}</body></html>\n")
