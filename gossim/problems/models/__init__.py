"""The models, one file each, with the name that scenarios use. A new file in this folder is found by itself.

They are networks that learn from data, and two problems whose gradients are known in closed form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...schema.by_file import classes_by_file
from ...schema.chosen import chosen_by
from ._base import ModelSpec
from ._factory import Factory

MODELS: dict[str, type[ModelSpec]] = classes_by_file(__name__, __path__, ModelSpec)
"""Every built-in model by the name that scenarios use."""


if TYPE_CHECKING:
    AnyModel = ModelSpec
else:
    AnyModel = chosen_by("name", MODELS, Factory.model_validate, when=lambda name: ":" in name)

__all__ = ["MODELS", "AnyModel", "Factory", "ModelSpec"]
