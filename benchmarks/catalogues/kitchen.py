"""Recipes, a pantry and a shopping list."""

from __future__ import annotations

from typing import Annotated

from planloom import kernel_function

RECIPES = {
    "pancakes": ["flour", "milk", "eggs"],
    "omelette": ["eggs", "butter"],
    "tomato soup": ["tomatoes", "onion", "cream"],
    "番茄炒蛋": ["番茄", "鸡蛋"],
}
PANTRY = {"flour", "eggs", "onion", "鸡蛋"}


class Recipes:
    """Dishes and how to make them."""

    @kernel_function(effect="read")
    def withIngredient(
        self, ingredient: Annotated[str, "Something that must be in it"]
    ) -> Annotated[str, "The name of a dish"]:
        """Find a dish that uses an ingredient."""
        return next(dish for dish, needed in RECIPES.items() if ingredient.lower() in needed)

    @kernel_function(effect="read")
    def ingredients(
        self, dish: Annotated[str, "The name of the dish"]
    ) -> Annotated[list[str], "Ingredients"]:
        """List the ingredients of a dish."""
        return RECIPES[dish.lower()]

    @kernel_function(effect="read")
    def cookingTime(self, dish: Annotated[str, "The name of the dish"]) -> Annotated[int, "Minutes"]:
        """Tell how long a dish takes to cook."""
        return 5 * len(RECIPES[dish.lower()])

    @kernel_function(effect="read")
    def calories(self, dish: Annotated[str, "The name of the dish"]) -> Annotated[int, "Kilocalories"]:
        """Tell how many calories a dish has."""
        return 130 * len(RECIPES[dish.lower()])


class Pantry:
    """What is in the kitchen."""

    @kernel_function(effect="read")
    def missing(
        self, ingredients: Annotated[list[str], "What is needed"]
    ) -> Annotated[list[str], "Ingredients that are not there"]:
        """Tell which ingredients are not in the pantry."""
        return [name for name in ingredients if name not in PANTRY]

    @kernel_function
    def store(self, item: Annotated[str, "What to put away"]) -> str:
        """Put something into the pantry."""
        return f"{item} stored"


class Shopping:
    """The shopping list."""

    @kernel_function
    def add(self, items: Annotated[list[str], "What to buy"]) -> str:
        """Put things on the shopping list."""
        return f"to buy: {', '.join(items)}"


class Timer:
    """The kitchen timer."""

    @kernel_function
    def start(self, minutes: Annotated[int, "How long"]) -> str:
        """Start the kitchen timer."""
        return f"timer runs {minutes} minutes"


class Oven:
    """The oven."""

    @kernel_function
    def preheat(self, degrees: Annotated[int, "Degrees Celsius"]) -> str:
        """Heat the oven up."""
        return f"oven at {degrees}"


class Guests:
    """Who comes to dinner."""

    @kernel_function
    def invite(
        self, person: Annotated[str, "Who is invited"], dish: Annotated[str, "The name of the dish served"]
    ) -> str:
        """Invite somebody to eat a dish."""
        return f"{person} invited for {dish}"


def skills() -> dict[str, object]:
    return {
        "Recipes": Recipes(),
        "Pantry": Pantry(),
        "Shopping": Shopping(),
        "Timer": Timer(),
        "Oven": Oven(),
        "Guests": Guests(),
    }
