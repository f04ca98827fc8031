"""Write numbers for people: scores, intervals, durations, sizes. A missing number is a dash."""

from __future__ import annotations

from collections.abc import Sequence

from passerelle.report.contents import Difference, Score

DASH = "–"
MINUS = "−"
THIN_SPACE = "\u202f"
THOUSAND = f"1{THIN_SPACE}000"
"""A thousand, as `whole` writes it."""

_WRITTEN = {"auc": "AUC", "chrf": "chrF", "cider-d": "CIDEr-D", "f1": "F1"}
TEST_TITLES = {"human": "Human test", "machine": "Machine test", "english": "English test"}


def metric_title(metric: str) -> str:
    """Name a metric for a reader: ``choice: random`` is Choice: random, ``caption chrf`` is Caption chrF."""
    words = [_WRITTEN.get(word, word) for word in metric.split(" ")]
    return " ".join([words[0][:1].upper() + words[0][1:], *words[1:]])


def title_of_test(test: str) -> str:
    """Name a test for a reader."""
    return TEST_TITLES.get(test, test)


def decimal(value: float | None, digits: int = 1) -> str:
    """Write a number with a true minus sign."""
    if value is None:
        return DASH
    text = f"{value:,.{digits}f}".replace(",", THIN_SPACE)
    return text.replace("-", MINUS) if float(f"{value:.{digits}f}") else f"{0:.{digits}f}"


def signed(value: float | None, digits: int = 1) -> str:
    """Write a difference, with its sign."""
    if value is None:
        return DASH
    text = decimal(value, digits)
    return f"+{text}" if value > 0 and float(f"{value:.{digits}f}") else text


def score_digits(score: Score) -> int:
    """Say how many decimals a score needs: one for percentages and points, three for shares of one."""
    is_share = score.unit not in ("%", "points") and score.value is not None and abs(score.value) <= 1
    return 3 if is_share else 1


def score_text(score: Score | None) -> str:
    """Write a score's value."""
    return DASH if score is None else decimal(score.value, score_digits(score))


def score_interval(score: Score | None) -> str:
    """Write a score's interval as ``[53.1, 65.8]``; empty where it has none."""
    return "" if score is None else interval(score.low, score.high, score_digits(score))


def unread_text(score: Score | None) -> str:
    """Write the share of a score's answers that couldn't be read as ``3.1 % unread [1.2, 6.4]``; empty without one."""
    if score is None or score.unread_share is None:
        return ""
    value, low, high = score.unread_share
    return f"{decimal(value)}\u00a0% unread {interval(low, high)}"


def interval(low: float | None, high: float | None, digits: int = 1, plus: bool = False) -> str:
    """Write an interval as ``[53.1, 65.8]``; empty where an end is missing."""
    if low is None or high is None:
        return ""
    write = signed if plus else decimal
    return f"[{write(low, digits)}, {write(high, digits)}]"


def gap_text(difference: Difference | None) -> str:
    """Write a difference as ``+3.8 points [−0.2, +7.4]``."""
    if difference is None:
        return "unknown"
    return f"{signed(difference.value)} points {interval(difference.low, difference.high, plus=True)}".strip()


def counted(value: float, noun: str) -> str:
    """Write a count with its noun: ``1 question``, ``420 questions``."""
    return f"{whole(value)} {noun}{'' if value == 1 else 's'}"


def probability(p: float | None) -> str:
    """Write a p-value."""
    if p is None:
        return DASH
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def whole(value: float | None) -> str:
    """Write a count with thin groups of three digits."""
    return decimal(value, 0)


def short(value: float | None, scale: float = 1.0) -> str:
    """Write `value` divided by `scale` with about three significant digits."""
    if value is None:
        return DASH
    scaled = value / scale
    size = abs(scaled)
    if not size or size >= 100:
        return decimal(scaled, 0)
    if size >= 10:
        return decimal(scaled, 1)
    return decimal(scaled, 2) if size >= 0.1 else f"{scaled:.2g}".replace("-", MINUS)


def duration(seconds: float | None) -> str:
    """Write a duration in words: ``21 ms``, ``4.2 s``, ``3 min 20 s``, ``1 h 12 min``."""
    if seconds is None:
        return DASH
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest and minutes < 10 else f"{round(seconds / 60)} min"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def compute(flops: float | None) -> str:
    """Write a number of floating-point operations: ``12 TFLOP``, ``1.24 PFLOP``."""
    if flops is None:
        return DASH
    for scale, unit in ((1e18, "EFLOP"), (1e15, "PFLOP"), (1e12, "TFLOP")):
        if flops >= scale:
            return f"{short(flops, scale)} {unit}"
    return f"{short(flops, 1e9)} GFLOP"


def memory(size: float | None) -> str:
    """Write a size in bytes as gigabytes."""
    return DASH if size is None else f"{short(size, 1e9)} GB"


def listed(names: Sequence[str]) -> str:
    """Join names as in a sentence: ``a, b and c``; with semicolons where of several one has a comma of its own."""
    if len(names) > 2 and any("," in name for name in names):
        return "; ".join(names[:-1]) + f"; and {names[-1]}"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
