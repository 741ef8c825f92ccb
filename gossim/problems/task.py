"""What a data set asks of a network."""

from __future__ import annotations

from typing import Literal

Task = Literal["classification", "regression", "tokens"]
"""Targets of a sample: a label; real numbers; or a label at each position of a sequence, such as the next token."""
