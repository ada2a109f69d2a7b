"""Robust centres and scales: what half of the values may spoil, and what heavy tails do not fool."""

from collections.abc import Sequence

MAD_TO_SD = 1.4826
"""1 / 0.6745: the median absolute deviation of a normal distribution, in standard deviations."""

TAIL_REACH = 3.105
"""ln(0.2 / 0.0027) / ln(0.2 / 0.05): how far beyond its 80th and 95th percentile an exponential tail leaves
as much as a normal one beyond three standard deviations."""

TAIL_SUPPORT = 20
"""Fewer values say nothing about the 95th percentile."""


def middle(ascending: Sequence[float]) -> float:
    """The median of sorted values."""
    half, odd = divmod(len(ascending), 2)
    return ascending[half] if odd else (ascending[half - 1] + ascending[half]) / 2


def medians_without_each(values: Sequence[float]) -> list[float]:
    """For each value the median of the others. Needs two values."""
    ascending = sorted(values)
    half, odd = divmod(len(ascending), 2)
    if odd:
        below, centre, above = ascending[half - 1 : half + 2]
        upper, lower, same = (centre + above) / 2, (below + centre) / 2, (below + above) / 2
        return [upper if value < centre else lower if value > centre else same for value in values]
    lower, upper = ascending[half - 1 : half + 1]
    return [upper if value <= lower else lower for value in values]


def robust_sd(deviations: Sequence[float]) -> float:
    """The robust standard deviation of deviations from a centre; 0 of none.

    The larger of two: 1.4826 MAD (Hampel 1974), and, given enough of them, a third of where an exponential
    tail through the 80th and 95th percentile of the sizes leaves 0.27 %, so that three standard deviations
    are as rare among heavy tails as among normal ones.
    """
    sizes = sorted(map(abs, deviations))
    count = len(sizes)
    if not count:
        return 0.0
    centre = MAD_TO_SD * middle(sizes)
    if count < TAIL_SUPPORT:
        return centre
    shoulder, tail = sizes[int(0.8 * (count - 1))], sizes[int(0.95 * (count - 1))]
    return max(centre, (shoulder + TAIL_REACH * (tail - shoulder)) / 3)
