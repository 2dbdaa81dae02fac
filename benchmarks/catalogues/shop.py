"""An online shop: products, a cart, orders and customers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from planloom import kernel_function

PRICES = {"lamp": 40.0, "chair": 85.0, "desk": 210.0, "mug": 8.0}
ORDERS = {1001: ("Alice", 40.0, "shipped"), 1002: ("Bruno", 295.0, "open"), 1003: ("Alice", 16.0, "open")}
HOMES = {"alice": "12 Elm Street", "bruno": "4 Harbour Road"}


@dataclass(frozen=True)
class Order:
    """An order of a customer."""

    number: int
    customer: str
    total: float
    status: str


def _order(number: int) -> Order:
    return Order(number, *ORDERS[number])


class Products:
    """What the shop sells."""

    @kernel_function(effect="read")
    def price(self, product: Annotated[str, "The product's name"]) -> Annotated[float, "Dollars"]:
        """Tell what a product costs."""
        return PRICES[product.lower()]

    @kernel_function(effect="read")
    def inStock(self, product: Annotated[str, "The product's name"]) -> Annotated[int, "How many are left"]:
        """Tell how many pieces of a product are left."""
        return len(product) * 3


class Cart:
    """The shopping cart."""

    @kernel_function
    def add(
        self, product: Annotated[str, "The product's name"], quantity: Annotated[int, "How many"] = 1
    ) -> str:
        """Put a product into the shopping cart."""
        return f"{quantity} x {product.lower()} in cart"

    @kernel_function
    def applyCoupon(self, code: Annotated[str, "The coupon's code"]) -> str:
        """Use a discount coupon on the shopping cart."""
        return f"coupon {code} used"

    @kernel_function
    def checkout(self, address: Annotated[str, "The address to deliver to"]) -> str:
        """Buy everything in the shopping cart and have it delivered."""
        return f"bought, goes to {address}"


class Orders:
    """Orders that were placed."""

    @kernel_function(effect="read")
    def find(self, number: Annotated[int, "The order's number"]) -> Order:
        """Look up an order: its customer, total and status."""
        return _order(number)

    @kernel_function(effect="read")
    def latestOf(
        self, customer: Annotated[str, "The customer's name"]
    ) -> Annotated[int, "An order's number"]:
        """Tell the number of a customer's latest order."""
        return max(number for number, order in ORDERS.items() if order[0].lower() == customer.lower())

    @kernel_function
    def cancel(self, number: Annotated[int, "The order's number"]) -> str:
        """Cancel an order that has not been shipped."""
        return f"order {number} cancelled"

    @kernel_function
    def refund(
        self, number: Annotated[int, "The order's number"], amount: Annotated[float, "Dollars to pay back"]
    ) -> str:
        """Pay money back for an order."""
        return f"{amount:g} dollars back for order {number}"


class Customers:
    """People who buy."""

    @kernel_function(effect="read")
    def homeAddress(self, customer: Annotated[str, "The customer's name"]) -> Annotated[str, "An address"]:
        """Tell where a customer lives."""
        return HOMES[customer.lower()]

    @kernel_function
    def notify(
        self, customer: Annotated[str, "The customer's name"], message: Annotated[str, "What to say"]
    ) -> str:
        """Send a message to a customer."""
        return f"told {customer}: {message}"


def skills() -> dict[str, object]:
    return {"Products": Products(), "Cart": Cart(), "Orders": Orders(), "Customers": Customers()}
