"""The bounds of numbers: enforced by pydantic, published in the JSON schema, and put into words where one is broken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

from annotated_types import Ge, GroupedMetadata, Gt, Le, Lt, MultipleOf
from pydantic.fields import FieldInfo

BOUND_ERRORS = {"greater_than", "greater_than_equal", "less_than", "less_than_equal", "multiple_of"}
"""The types of pydantic's errors for a broken bound."""


@dataclass(frozen=True)
class Bounds(GroupedMetadata):
    """Part of an annotated number: its bounds, and the rule they come to, which reads on after "must be"."""

    rule: str
    gt: float | None = None
    ge: float | None = None
    lt: float | None = None
    le: float | None = None
    multiple_of: int | None = None

    def __iter__(self) -> Iterator[Any]:
        """Yield the bounds as `annotated_types`, which is how pydantic finds them."""
        kinds = ((Gt, self.gt), (Ge, self.ge), (Lt, self.lt), (Le, self.le), (MultipleOf, self.multiple_of))
        yield from (kind(limit) for kind, limit in kinds if limit is not None)

    def hold(self, number: float) -> bool:
        """Return whether `number` is within the bounds."""
        return not (
            (self.gt is not None and not number > self.gt)
            or (self.ge is not None and not number >= self.ge)
            or (self.lt is not None and not number < self.lt)
            or (self.le is not None and not number <= self.le)
            or (self.multiple_of is not None and number % self.multiple_of)
        )


def broken_bound(field: FieldInfo, number: float, bound: tuple[str, float]) -> str | None:
    """Return the rule that `number` in `field` breaks, or None if it breaks none of its `Bounds`.

    Args:
        field: That of the section's class, whose type may be a list or a union of bounded numbers.
        number: The value that was refused.
        bound: What pydantic says is broken, as `("ge", 1)`, by which the type in the union is found.
    """
    for together in _bounded(field.annotation, field.metadata):
        if any(getattr(bounds, bound[0]) == bound[1] for bounds in together):
            return next((bounds.rule for bounds in together if not bounds.hold(number)), None)
    return None


def _bounded(annotation: Any, metadata: Iterable[Any]) -> Iterator[list[Bounds]]:
    """Return the bounds of each type of number in an annotation."""
    if together := [part for part in metadata if isinstance(part, Bounds)]:
        yield together
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        yield from _bounded(inner, more)
        return
    for part in get_args(annotation):
        yield from _bounded(part, ())
