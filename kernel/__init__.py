"""planloom: turn a goal into a plan that can be read, trusted and run.

Layout: ``planloom`` is the kernel (functions, skills, services, prompts), ``planloom.planners`` the plan
language, the planners and the executor, ``planloom.skills`` the skills that ship, ``planloom.plugins`` the
doors to the outside, ``planloom.cli`` the command line.
"""

from planloom.decorator import kernel_function
from planloom.errors import PlanloomError
from planloom.idempotency import idempotency_key
from planloom.kernel import Kernel

__all__ = ["Kernel", "PlanloomError", "idempotency_key", "kernel_function"]
__version__ = "0.1.0"
