"""A plugin as people have written them for semantic-kernel; nothing in it knows of planloom."""

# semantic-kernel is absent where types are checked.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from typing import Annotated

from semantic_kernel.functions import kernel_function

RATES = {"JPY": 162.0, "USD": 1.08}


class Budget:
    """Money."""

    @kernel_function(name="convert", description="Convert an amount of euros into another currency.")
    def convert(
        self, amount: Annotated[float, "Euros"], currency: Annotated[str, "Currency code, as JPY"]
    ) -> str:
        return f"{amount * RATES[currency.upper()]:.0f} {currency.upper()}"
