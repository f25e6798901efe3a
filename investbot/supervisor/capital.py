"""Allocations add up: no instance may be given money that the fleet does not have."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from investbot.domain.errors import ConfigError


def allocate(
    name: str, amount: Decimal, allocations: Mapping[str, Decimal], fleet_capital: Decimal | None
) -> dict[str, Decimal]:
    """Give the allocations with `amount` (quote) for `name`; ConfigError when they exceed the fleet's capital.

    `fleet_capital` None means that the fleet has no cap.
    """
    if amount <= 0:
        raise ConfigError(f"The capital of {name} must be above zero, not {amount}.")
    after = {**allocations, name: amount}
    total = sum(after.values(), Decimal(0))
    if fleet_capital is not None and total > fleet_capital:
        free = fleet_capital - (total - amount)
        message = (
            f"{name} cannot have {amount:f}: the fleet's capital is {fleet_capital:f} and {max(free, Decimal(0)):f} of "
            f"it is free; give it less with `investbot capital {name} AMOUNT`."
        )
        raise ConfigError(message)
    return after
