"""A personnel department."""

from __future__ import annotations

from typing import Annotated, Literal

from planloom import kernel_function

NUMBERS = {"kim": 7, "lee": 8, "王芳": 9, "李雷": 10}
SALARIES = {7: 4200.0, 8: 3900.0, 9: 5100.0, 10: 4500.0}
EmployeeNumber = Annotated[int, "The employee's number"]


class Staff:
    """Employees."""

    @kernel_function(effect="read")
    def numberOf(self, name: Annotated[str, "The employee's name"]) -> Annotated[int, "An employee's number"]:
        """Look up an employee's number by name."""
        return NUMBERS[name.lower()]

    @kernel_function(effect="read")
    def department(self, employee: EmployeeNumber) -> Annotated[str, "The name of a department"]:
        """Tell which department an employee works in."""
        return "Sales" if employee % 2 else "Research"

    @kernel_function(effect="read")
    def headOf(self, department: Annotated[str, "The name of the department"]) -> Annotated[str, "A name"]:
        """Tell who leads a department."""
        return {"Sales": "Noor", "Research": "Ivan"}[department]

    @kernel_function
    def promote(self, employee: EmployeeNumber, title: Annotated[str, "The new job title"]) -> str:
        """Give an employee a higher position."""
        return f"{employee} is now {title}"


class Leave:
    """Holidays and sick days."""

    @kernel_function(effect="read")
    def daysLeft(self, employee: EmployeeNumber) -> Annotated[int, "Days"]:
        """Tell how many days of holiday an employee has left."""
        return 30 - employee

    @kernel_function
    def request(
        self,
        employee: EmployeeNumber,
        days: Annotated[int, "How many days"],
        start: Annotated[str, "The first day"],
    ) -> Annotated[str, "The request"]:
        """Ask for holiday for an employee."""
        return f"{employee} off for {days} days from {start}"

    @kernel_function
    def reportSick(self, employee: EmployeeNumber, day: Annotated[str, "The day"]) -> str:
        """Report that an employee is ill on a day."""
        return f"{employee} sick on {day}"


class Payroll:
    """Wages."""

    @kernel_function(effect="read")
    def salary(self, employee: EmployeeNumber) -> Annotated[float, "Euros a month"]:
        """Tell what an employee earns a month."""
        return SALARIES[employee]

    @kernel_function
    def payBonus(self, employee: EmployeeNumber, amount: Annotated[float, "Euros"]) -> str:
        """Pay an employee a bonus."""
        return f"{amount:g} bonus for {employee}"


class Letters:
    """Official letters."""

    @kernel_function(effect="none")
    def draft(
        self,
        kind: Annotated[Literal["reference", "warning", "welcome"], "The kind of letter"],
        name: Annotated[str, "Whom it is about"],
    ) -> Annotated[str, "The text of the letter"]:
        """Draft a letter about an employee."""
        return f"{kind} letter for {name}"

    @kernel_function
    def post(
        self, letter: Annotated[str, "The text of the letter"], name: Annotated[str, "Who gets it"]
    ) -> str:
        """Send a letter by post."""
        return f"posted to {name}: {letter}"


def skills() -> dict[str, object]:
    return {"Staff": Staff(), "Leave": Leave(), "Payroll": Payroll(), "Letters": Letters()}
