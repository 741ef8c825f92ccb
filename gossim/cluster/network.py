"""The `network` section of a scenario: what lies between the workers, and whether messages arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import model_validator

from ..schema.bounds import Bounds
from ..schema.fields import (
    AS_TUPLE,
    AS_WHOLE,
    Frozen,
    Lasting,
    Quantity,
    named,
)
from ..schema.violations import broken_at
from .bandwidth import UpDown
from .durations import AnyLaw
from .latency import Latency, LatencyMatrix, Regions
from .link_rates import PAIRED, Bandwidth
from .message_loss import AnyLoss, MessageLoss, NetworkPartition

if TYPE_CHECKING:
    MaybeLaw = AnyLaw | None
    MaybeLoss = AnyLoss | None
else:
    MaybeLaw, MaybeLoss = AnyLaw | None, AnyLoss | None

SHARINGS = ("none", "fifo", "fair")
"""What transfers at one worker at the same time may do to each other (`gossim.sim.link_sharing` does it)."""


class NetworkSettings(Frozen):
    """`latency_s`: seconds, a distribution from which each directed link draws its own latency once, a matrix from a
    file, or regions. `jitter_s`: a distribution of additional seconds per message. `message_overhead_s`: additional
    seconds for each message with parameters and each round of a collective.
    """

    latency_s: Latency
    jitter_s: MaybeLaw = None
    bandwidth_bytes_per_s: Bandwidth
    efficiency: Annotated[float, Bounds("> 0 and <= 1", gt=0, le=1)] = 1.0
    sharing: Annotated[str, named("sharing", SHARINGS)] | None = None
    message_overhead_s: Quantity = 0.0
    after_idle_s: Quantity = 0.0
    message_bytes: Annotated[int, Bounds("from 1 to 2**40", ge=1, le=2**40), AS_WHOLE] | None = None
    loss: MaybeLoss = None
    partitions: Annotated[tuple[NetworkPartition, ...], AS_TUPLE] = ()
    resend: bool = False
    resend_timeout_s: Lasting = 0.2

    @model_validator(mode="after")
    def _something_arrives(self) -> NetworkSettings:
        if self.resend and self.share_lost == 1:
            told = self.loss.model_dump(mode="json") if isinstance(self.loss, MessageLoss) else self.loss
            raise broken_at(("loss",), told, "loses everything, and here messages are sent until they arrive")
        return self

    @property
    def limited(self) -> bool:
        """Whether the bandwidth of any worker is."""
        width = self.bandwidth_bytes_per_s
        return (width.up, width.down) != (None, None) if isinstance(width, UpDown) else width is not None

    @property
    def shared(self) -> str:
        """The way in which links are shared: where nothing limits them, nothing is."""
        return self.sharing or "none"

    @property
    def share_lost(self) -> float:
        """Of all messages, in the long run, partitions aside."""
        return self.loss.share_lost if isinstance(self.loss, MessageLoss) else (self.loss or 0.0)

    @property
    def loses(self) -> bool:
        """Whether a message can be lost for good."""
        return (self.share_lost > 0 or bool(self.partitions)) and not self.resend

    @property
    def uneven(self) -> bool:
        """Whether two messages of one size can take different times on one link, or not arrive at once."""
        return self.jitter_s is not None or self.share_lost > 0 or bool(self.partitions)

    def unfit(self, workers: int) -> tuple[str, str] | None:
        """Return the key that does not fit that number of workers, and why; None if all fit."""
        for key in ("latency_s", "bandwidth_bytes_per_s"):
            value = getattr(self, key)
            rule = value.unfit(workers) if isinstance(value, (LatencyMatrix, Regions, UpDown, *PAIRED)) else None
            if rule:
                return key, rule
        return None
