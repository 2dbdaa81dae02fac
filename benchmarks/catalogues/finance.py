"""Accounts, shares, currencies and sums."""

from __future__ import annotations

from typing import Annotated

from planloom import kernel_function

BALANCES = {"savings": 5200.0, "checking": 830.0, "holiday": 1400.0}
SHARES = {"ACME": 25.0, "GLOBEX": 80.0, "INITECH": 12.5}
RATES = {("USD", "EUR"): 0.8, ("EUR", "USD"): 1.25, ("USD", "CNY"): 7.0, ("CNY", "USD"): 0.14}

Account = Annotated[str, "The account's name"]


class Accounts:
    """Bank accounts."""

    @kernel_function(effect="read")
    def balance(self, account: Account) -> Annotated[float, "Dollars"]:
        """Tell how much money is in an account."""
        return BALANCES[account.lower().removesuffix(" account")]

    @kernel_function
    def transfer(
        self,
        amount: Annotated[float, "Dollars"],
        source: Annotated[str, "The account to take from"],
        target: Annotated[str, "The account to pay into"],
    ) -> str:
        """Move money from one account to another."""
        return f"{amount:g} from {source} to {target}"

    @kernel_function
    def freeze(self, account: Account) -> str:
        """Block an account so that nothing can be taken from it."""
        return f"{account} frozen"


class Shares:
    """The stock market."""

    @kernel_function(effect="read")
    def quote(self, symbol: Annotated[str, "The share's symbol"]) -> Annotated[float, "Dollars a share"]:
        """Tell the price of a share."""
        return SHARES[symbol.upper()]

    @kernel_function
    def buy(self, symbol: Annotated[str, "The share's symbol"], count: Annotated[int, "How many"]) -> str:
        """Buy shares."""
        return f"bought {count} {symbol}"

    @kernel_function
    def sell(self, symbol: Annotated[str, "The share's symbol"], count: Annotated[int, "How many"]) -> str:
        """Sell shares."""
        return f"sold {count} {symbol}"


class Currency:
    """Foreign money."""

    @kernel_function(effect="read")
    def rate(
        self,
        source: Annotated[str, "The currency code of what one has"],
        target: Annotated[str, "The currency code of what one wants"],
    ) -> Annotated[float, "How much one unit is worth"]:
        """Tell the exchange rate between two currencies."""
        return RATES[source.upper(), target.upper()]


class Sums:
    """Arithmetic."""

    @kernel_function(effect="none")
    def add(self, first: Annotated[float, "A number"], second: Annotated[float, "A number"]) -> float:
        """Add two numbers."""
        return round(first + second, 2)

    @kernel_function(effect="none")
    def subtract(
        self, first: Annotated[float, "A number"], second: Annotated[float, "What to take away from it"]
    ) -> float:
        """Subtract a number from another."""
        return round(first - second, 2)

    @kernel_function(effect="none")
    def multiply(self, first: Annotated[float, "A number"], second: Annotated[float, "A number"]) -> float:
        """Multiply two numbers."""
        return round(first * second, 2)


class Loans:
    """Borrowed money."""

    @kernel_function(effect="none")
    def monthlyPayment(
        self,
        principal: Annotated[float, "Dollars borrowed"],
        rate: Annotated[float, "Percent a year"],
        years: Annotated[int, "How many years"],
    ) -> Annotated[float, "Dollars a month"]:
        """Compute the monthly payment of a loan."""
        return round(principal * (1 + rate / 100 * years) / (12 * years), 2)


def skills() -> dict[str, object]:
    return {
        "Accounts": Accounts(),
        "Shares": Shares(),
        "Currency": Currency(),
        "Sums": Sums(),
        "Loans": Loans(),
    }
