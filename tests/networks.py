"""Models of the kind a user keeps in a file of their own."""

from torch import nn


def small_cnn(channels: int = 3) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, channels, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(9 * channels, 10),
    )


def told_shape(input_shape: tuple[int, ...], classes: int, width: int = 4) -> nn.Module:
    inputs = input_shape[0] * input_shape[1] * input_shape[2]
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, classes))


def with_batch_norm() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Linear(64, 10))


def too_few_logits() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 3))


def not_a_module() -> int:
    return 3
