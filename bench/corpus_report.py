"""The counts as tables for a person and as plain values for a program. Neither holds text of a match."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from bench.budget import Judgement, per_million
from bench.detection import Found, Labelled, Ordinary, RuleCount, Work
from bench.named_text import HARMLESS
from bench.ordinary_text import Kind

Cells = Sequence[str]

_OK: Final = {True: "yes", False: "NO"}
_RIGHT: Final = frozenset("0123456789.,-<=% ")


def table(rows: Sequence[Cells]) -> str:
    """Columns as wide as their widest cell, figures to the right; the first row is the head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    right = [all(set(row[column]) <= _RIGHT for row in rows[1:]) for column in range(len(rows[0]))]
    return "\n".join(
        "  " + "  ".join(_padded(*cell) for cell in zip(row, widths, right, strict=True)).rstrip() for row in rows
    )


def _padded(cell: str, width: int, right: bool) -> str:
    return cell.rjust(width) if right else cell.ljust(width)


def render_ordinary(ordinary: Ordinary, judgements: Sequence[Judgement], everything: bool) -> str:
    """Per rule and pack: findings, their rate, texts hit, findings by kind of text, budget. Without `everything` a
    rule that found nothing is only counted.
    """
    kinds = [kind for kind in Kind if ordinary.characters[kind]]
    total = ordinary.characters.total()
    parts = ", ".join(f"{kind} {_millions(ordinary.characters[kind])}" for kind in kinds)
    rows: list[Cells] = [("rule", "findings", "per M", "texts", *kinds, "budget", "ok")]
    quiet = 0
    for judgement in judgements:
        count = _count_of(judgement.name, ordinary.rules)
        if judgement.name in ordinary.rules and not judgement.findings and not everything:
            quiet += 1
            continue
        by_kind = (f"{count.findings[kind]:,}" for kind in kinds)
        rows.append((judgement.name, *_figures(judgement), f"{count.texts.total():,}", *by_kind, *_held(judgement)))
    head = f"ordinary text: {_millions(total)} characters in {ordinary.work.texts:,} texts ({parts})"
    left_out = [f"  {quiet} rules that found nothing are not listed; --all lists them"] if quiet else []
    return "\n".join([head, table(rows), *left_out, _effort(ordinary.work)])


def _count_of(name: str, rules: Mapping[str, RuleCount]) -> RuleCount:
    """A rule's own count, or for a pack the sum of its rules (a text that two rules hit counts for each)."""
    if name in rules:
        return rules[name]
    total = RuleCount()
    for rule, count in rules.items():
        if rule.startswith(f"{name}."):
            total.findings += count.findings
            total.texts += count.texts
    return total


def _figures(judgement: Judgement) -> tuple[str, str]:
    return f"{judgement.findings:,}", f"{judgement.rate:.2f}"


def _held(judgement: Judgement) -> tuple[str, str]:
    if judgement.allowed is None:
        return "none", ""
    return f"<= {judgement.allowed:g}", _OK[judgement.ok]


def _millions(characters: int) -> str:
    return f"{characters / 1e6:.2f} M"


def _effort(work: Work) -> str:
    return f"  {work.bytes / 1e6:.1f} MB in {work.cpu_s:.1f} s of CPU: {work.mb_per_s:.1f} MB/s"


def render_shown(title: str, rules: Mapping[str, RuleCount]) -> str:
    """The findings kept for a person, masked."""
    lines = [title]
    for rule, count in rules.items():
        if count.shown:
            lines += [f"  {rule}", *(f"    {where}: {excerpt}" for where, excerpt in count.shown)]
    return "\n".join(lines)


def render_labelled(labelled: Labelled, by: str) -> str:
    """Texts found per label and group, marked places found per type, and what each rule found per label."""
    labels = sorted({label for label, _ in labelled.groups})
    groups: list[Cells] = [("label", by, "texts", "found", "share", "")]
    for label in labels:
        mine = {group: found for (name, group), found in sorted(labelled.groups.items()) if name == label}
        if len(mine) > 1:
            groups += [(label, group or "(none)", *_share(found), "") for group, found in mine.items()]
        groups.append((label, "all", *_share(_sum(mine.values())), means(label)))
    parts = [f"labelled text: {labelled.work.texts:,} texts", table(groups), _effort(labelled.work)]
    if labelled.types:
        types = [
            (name, f"{found.total:,}", percent(found.found, found.total), percent(found.whole, found.total))
            for name, found in sorted(labelled.types.items())
        ]
        parts += ["marked places", table([("type", "places", "found", "wholly"), *types])]
    rules = [
        (rule, *(f"{count.texts[label]:,}" for label in labels))
        for rule, count in labelled.rules.items()
        if count.texts
    ]
    if rules:
        parts += ["texts each rule found", table([("rule", *labels), *rules])]
    return "\n".join(parts)


def means(label: str) -> str:
    return "false alarms" if label in HARMLESS else "recall"


def _sum(parts: Iterable[Found]) -> Found:
    total = Found()
    for part in parts:
        total.total += part.total
        total.found += part.found
        total.whole += part.whole
    return total


def _share(found: Found) -> tuple[str, str, str]:
    return f"{found.total:,}", f"{found.found:,}", percent(found.found, found.total)


def percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f}%" if whole else "-"


def ordinary_values(ordinary: Ordinary, judgements: Sequence[Judgement]) -> dict[str, object]:
    total = ordinary.characters.total()
    return {
        "texts": ordinary.work.texts,
        "characters": {"all": total, **{kind.value: count for kind, count in ordinary.characters.items()}},
        "cpu_s": ordinary.work.cpu_s,
        "mb_per_s": ordinary.work.mb_per_s,
        "judgements": [{**judgement._asdict(), "ok": judgement.ok} for judgement in judgements],
        "rules": {
            rule: {
                "findings": count.findings.total(),
                "per_million": per_million(count.findings.total(), total),
                "texts": count.texts.total(),
                "by_kind": dict(count.findings),
                "shown": [shown._asdict() for shown in count.shown],
            }
            for rule, count in ordinary.rules.items()
        },
    }


def labelled_values(labelled: Labelled) -> dict[str, object]:
    return {
        "texts": labelled.work.texts,
        "cpu_s": labelled.work.cpu_s,
        "mb_per_s": labelled.work.mb_per_s,
        "groups": [
            {"label": label, "group": group, "texts": found.total, "found": found.found, "means": means(label)}
            for (label, group), found in sorted(labelled.groups.items())
        ],
        "marked": {
            name: {"places": found.total, "found": found.found, "wholly": found.whole}
            for name, found in sorted(labelled.types.items())
        },
        "rules": {
            rule: {"texts": dict(count.texts), "shown": [shown._asdict() for shown in count.shown]}
            for rule, count in labelled.rules.items()
        },
    }
