"""A run that ends for today at a question, and goes on tomorrow, in another process, when somebody says yes.

Run it; then ``planloom runs show refund-1042`` says what it asks, and ``planloom runs approve refund-1042
--skill samples/approve_tomorrow.py --policy AskBeforeWrites`` goes on with it.
"""

from __future__ import annotations

from pathlib import Path

from planloom import Kernel, idempotency_key, kernel_function
from planloom.planners import AskBeforeWrites, Executor, JournalError, Plan, RunWaiting, SqliteJournal

PLAN = """
<plan>
  <function.Shop.findOrder number="$INPUT" setContextVariable="ORDER"/>
  <function.Shop.refund order="$ORDER.number" amount="$ORDER.total" appendToResult="RESULT__REFUND"/>
</plan>
"""


class Shop:
    """Orders and refunds."""

    @kernel_function(effect="read")
    def findOrder(self, number: int) -> dict[str, float]:
        """Find an order by its number."""
        return {"number": number, "total": 49.9}

    @kernel_function(idempotent=True)
    def refund(self, order: int, amount: float) -> str:
        """Pay the money of an order back; the bank knows the key, so that asking twice pays once."""
        key = idempotency_key() or "no key: this is no durable run"
        return f"refunded {amount:.2f} for order {order} ({len(key)} characters of key)"


def main(journal: Path = Path("runs.db")) -> str:
    kernel = Kernel()
    kernel.add_skill(Shop())
    plan = Plan.parse(PLAN, kernel, goal="Refund order 1042")
    executor = Executor(kernel, policy=AskBeforeWrites(), journal=SqliteJournal(journal))
    try:
        return executor.run_sync(plan, {"INPUT": 1042}, run_id="refund-1042").text
    except (RunWaiting, JournalError) as error:
        return str(error)


if __name__ == "__main__":
    print(main())
