"""Orphans in GitHub's Markdown: a table of what there is, and below it the way back for each, folded.

Rule 1: no text of a file or a label becomes markup; commands stand in code blocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dockstore.core.orphans import REASON_WORDS
from dockstore.reports import phrases
from dockstore.reports.markdown import code, escaped, table
from dockstore.reports.orphans_table import amount, contents, summary

if TYPE_CHECKING:
    from dockstore.core.orphans import Orphan, OrphansReport


def render(report: OrphansReport) -> str:
    """Render the report as Markdown."""
    full = [orphan for orphan in report.orphans if not orphan.empty]
    blocks = ["## dockstore orphans", escaped(summary(report))]
    if full:
        rows = [[_name(orphan), escaped(contents(orphan)), escaped(amount(orphan)), _whose(orphan)] for orphan in full]
        blocks.append(table(["where", "looks like", "how much", "whose"], rows))
        blocks += [_way_back(orphan) for orphan in full if orphan.steps]
    blocks += [f"- {escaped(line)}" for line in (*report.notes, *report.limits)]
    blocks.append(f"{escaped(phrases.engine_words(report.engine))}; dockstore {escaped(report.dockstore)}")
    return "\n\n".join(blocks) + "\n"


def _name(orphan: Orphan) -> str:
    noun = f"{'anonymous ' if orphan.anonymous else ''}volume" if orphan.kind == "volume" else "stopped container"
    return f"{noun} {code(phrases.short(orphan.name))}"


def _whose(orphan: Orphan) -> str:
    owner = orphan.owner
    return "no trace tells" if owner is None else f"{escaped(owner.said)} ({owner.confidence.value})"


def _way_back(orphan: Orphan) -> str:
    why = [REASON_WORDS[reason] for reason in orphan.reasons] + list(orphan.owner.why if orphan.owner is not None else ())
    why += [f"not seen: {orphan.unseen}"] if orphan.unseen else []
    reasons = "\n".join(f"- {escaped(phrases.shortened(line))}" for line in why)
    commands = "\n".join(f"# {phrases.shortened(step.says)}\n{phrases.line(step.command)}" for step in orphan.steps)
    return f"<details><summary>{_name(orphan).replace('`', '')}: the way back</summary>\n\n{reasons}\n\n```sh\n{commands}\n```\n\n</details>"
