"""A story as SVG: no script, no font, no request; colours are the page's, and every sign has its word.

Rule 1: geometry only; what is drawn was decided by `story`.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from dockstore.core.model import Completion
from dockstore.reports.story import STORE_CLASSES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dockstore.reports.story import Column, Lane, Link, Mark, Story

_LEFT: Final = 190
_WIDE: Final = 108
_HEAD: Final = 46
_TALL: Final = 50
_BOX: Final = 34
_SIGNS: Final = {"same": "same", "other": "other", "absent": "absent", "unseen": "unseen", "not-applicable": "n.a."}


def draw(story: Story) -> str:
    """Return a story as one `<svg>` element."""
    lanes = [*story.containers, *story.stores]
    width = _LEFT + _WIDE * len(story.columns) + 10
    height = _HEAD + _TALL * len(lanes) + 10
    size = f"min-width:{round(width * 0.82)}px;max-width:{width}px"
    parts = [f'<svg viewBox="0 0 {width} {height}" style="{size}" role="img" aria-label="{escape(story.words)}">']
    parts += _columns(story.columns, height)
    for index, lane in enumerate(lanes):
        parts += _lane(lane, _HEAD + _TALL * index, container=index < len(story.containers))
    for link in story.links:
        parts += _link(link, len(story.containers))
    for index, lane in enumerate(lanes):
        for mark in lane.marks:
            parts += _mark(mark, _HEAD + _TALL * index)
    parts.append("</svg>")
    return "\n".join(parts)


def _columns(columns: tuple[Column, ...], height: int) -> Iterator[str]:
    for index, column in enumerate(columns):
        x = _LEFT + _WIDE * index
        full = f"{column.verb} {column.subject}".strip()
        refused = {Completion.FAIL: " — refused", Completion.UNSURE: " — unsure"}.get(column.completion, "")
        yield f"<g><title>{escape(full + refused)}</title>"
        yield f'<line x1="{x}" y1="6" x2="{x}" y2="{height - 6}" class="rule"/>'
        yield f'<text x="{x + 6}" y="18" class="verb">{escape(_cut(column.verb + refused, 15))}</text>'
        yield f'<text x="{x + 6}" y="34" class="s">{escape(_cut(column.subject, 15))}</text></g>'


def _lane(lane: Lane, top: int, *, container: bool) -> Iterator[str]:
    y = top + (_TALL - _BOX) // 2
    kind, name = ("container", lane.name) if container else _two_lines(lane.name)
    yield f'<text x="2" y="{top + 22}" class="s">{escape(_cut(kind, 28))}</text>'
    yield f'<text x="2" y="{top + 38}">{escape(_cut(name, 26))}</text>'
    fill = "box" if container else STORE_CLASSES.get(lane.kind, "disk")
    for stretch in lane.stretches:
        x, width = _LEFT + _WIDE * stretch.start, _WIDE * (stretch.end - stretch.start)
        where = f'x="{x:.0f}" y="{y}" width="{max(width, 2):.0f}" height="{_BOX}" rx="6"'
        yield f'<rect {where} class="{fill} {stretch.look}"><title>{escape(_tip(lane, stretch.look))}</title></rect>'
        room = int(width / 7.2) - 1
        label = {"stopped": "stopped", "unknown": "not looked at"}.get(stretch.look, stretch.label)
        if label and room >= 5:
            yield f'<text x="{x + 6:.0f}" y="{y + 13}" class="s">{escape(_cut(label, room))}</text>'
    for end in lane.ends:
        x = _LEFT + _WIDE * end
        middle = y + _BOX // 2
        yield f'<path d="M{x - 5:.0f} {middle - 5}l10 10m0-10l-10 10" class="cross"><title>removed</title></path>'
        yield f'<text x="{x + 9:.0f}" y="{middle + 4}" class="s">removed</text>'


def _tip(lane: Lane, look: str) -> str:
    return f"{lane.name}: " + {"solid": "there", "stopped": "there, not running", "unknown": "nobody looked in between"}[look]


def _link(link: Link, containers: int) -> Iterator[str]:
    x = _LEFT + _WIDE * link.column + (20 if link.sort == "write" else 64)
    top = _HEAD + _TALL * link.container + (_TALL + _BOX) // 2
    bottom = _HEAD + _TALL * (containers + link.store) + (_TALL - _BOX) // 2
    if link.sort == "write":
        yield f'<path d="M{x} {top}V{bottom - 2}m-4 -7l4 7l4 -7" class="arrow"><title>through {escape(link.label)}</title></path>'
    else:
        yield f'<path d="M{x} {top}V{bottom}" class="mounted"><title>{escape(link.label)} is this store now</title></path>'
    room = 13 if link.sort == "write" else 6
    yield f'<text x="{x + 5}" y="{top + 12}" class="s halo">{escape(_cut(link.label, room))}</text>'


def _mark(mark: Mark, top: int) -> Iterator[str]:
    x = _LEFT + _WIDE * mark.column + 20
    y = top + _TALL // 2 + 5
    yield f"<g><title>{escape(mark.title)}</title>"
    match mark.kind:
        case "write":
            yield f'<circle cx="{x}" cy="{y}" r="6" class="m-same"/>'
        case "same":
            yield f'<circle cx="{x}" cy="{y}" r="6" class="m-same"/>'
        case "absent":
            yield f'<circle cx="{x}" cy="{y}" r="5.5" class="m-absent"/>'
        case "other":
            yield f'<path d="M{x - 6} {y + 6}h12v-12h-12z" class="m-other"/>'
        case _:
            yield f'<circle cx="{x}" cy="{y}" r="5.5" class="m-unseen"/>'
    word = mark.label if mark.kind == "write" else _SIGNS.get(mark.kind, mark.kind)
    yield f'<text x="{x + 10}" y="{y + 4}" class="halo b">{escape(_cut(word, 11))}</text></g>'


def _two_lines(name: str) -> tuple[str, str]:
    """Split `anonymous volume 9c1f4e0ab3d2` into kind and name."""
    for kind in ("anonymous volume", "writable layer of", "bind mount of", "tmpfs at", "image layer of", "mount of image", "volume"):
        if name.startswith(kind + " "):
            return kind.removesuffix(" of").removesuffix(" at"), name[len(kind) + 1 :]
    return "", name


def _cut(text: str, most: int) -> str:
    """Return at most *most* characters, of a path the end."""
    if len(text) <= most:
        return text
    return f"…{text[-most + 1 :]}" if text.startswith("/") else f"{text[: most - 1]}…"
