"""What holding a plan to a grammar costs: ``python benchmarks/decoding.py [MODEL.gguf [FUNCTIONS ...]]``.

Plans by one model, in one run, in turn: by llama-cpp-python's own ``create_chat_completion`` with its GBNF,
and by ``LlamaService``. All get the same prompt, with four examples, and the same grammar, at temperature 0,
on the same threads, and keep the evaluated start of the prompt in memory. Then what keeping it on disk saves,
for catalogues of so many FUNCTIONS.

Read the ratios, which are of the time for a token of the plan: seconds depend on the machine and its load.

Texts need not be equal letter by letter. llama.cpp lets a model spell forced text in odd tokens (" ", "term"
for " term"), the default engine writes the usual ones; and the logits of a quantized model change, by up to
half a unit, with whether a token is evaluated alone or with others: a choice that is nearly even may turn.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from planloom import Kernel
from planloom.planners import Plan
from planloom.planners.errors import PlanError
from planloom.planners.evaluation.goals import kernel_of, read_catalogues
from planloom.planners.grammar import plan_grammar
from planloom.planners.prompt import DEFAULT_PROMPT, planner_messages
from planloom.services import ChatMessage, LlamaService, Settings
from planloom.services.llama import _prompt_tokens
from planloom.services.llama_files import bundled_model, requantized
from planloom.services.llama_library import load_library

GOALS = Path(__file__).parent / "goals"
CATALOGUE = "mail"
CONTEXT, THREADS, LONGEST = 4096, 2, 300
SIZES = (6, 50, 200)
EXAMPLES = {
    "Send the Spanish translation of the input to Frank.": """<plan>
  <function.Text.translate text="$INPUT" language="Spanish" setContextVariable="TEXT1"/>
  <function.Contacts.emailAddress person="Frank" setContextVariable="TEXT2"/>
  <function.Mail.send to="$TEXT2" message="$TEXT1" setContextVariable="TEXT3" appendToResult="RESULT__TEXT3"/>
</plan>""",
    "What is Gina's e-mail address?": """<plan>
  <function.Contacts.emailAddress person="Gina" setContextVariable="TEXT1" appendToResult="RESULT__TEXT1"/>
</plan>""",
    "Text Henry that the train is late.": """<plan>
  <function.Contacts.phoneNumber person="Henry" setContextVariable="TEXT1"/>
  <function.Sms.send number="$TEXT1" text="the train is late" setContextVariable="TEXT2" \
appendToResult="RESULT__TEXT2"/>
</plan>""",
    "Mail a summary of Julia's latest mail to Kim.": """<plan>
  <function.Mail.latest sender="Julia" setContextVariable="TEXT1"/>
  <function.Text.summarize text="$TEXT1" setContextVariable="TEXT2"/>
  <function.Contacts.emailAddress person="Kim" setContextVariable="TEXT3"/>
  <function.Mail.send to="$TEXT3" message="$TEXT2" setContextVariable="TEXT4" appendToResult="RESULT__TEXT4"/>
</plan>""",
}
WANTED = (
    "Mail a summary of the input to Carol.",
    "Send the French translation of the input to Dave.",
    "What is Carol's phone number?",
    "Text Bob that dinner is at eight.",
    "Send the German translation of the input to Erin.",
    "Mail a summary of Robert's latest mail to Steven.",
    "Text Elizabeth that the shop is closed.",
    "What is Steven's e-mail address?",
    "Mail Erin's latest mail to Bob.",
    "Text Carol a summary of the input.",
    "Send the Italian translation of Dave's latest mail to Carol.",
)
Ask = Callable[[Sequence[ChatMessage], str], Awaitable[str]]


@dataclass
class Contender:
    """One way of writing plans, and what came of it."""

    name: str
    ask: Ask
    texts: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    async def write(self, messages: Sequence[ChatMessage], grammar: str) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        self.texts.append(await self.ask(messages, grammar))
        self.seconds.append(time.perf_counter() - wall)
        self.cpu.append(time.process_time() - cpu)


def peer(path: Path) -> Ask:
    """llama-cpp-python's own high-level way."""
    library = load_library()
    usual = library.llama_cpp.llama_model_default_params

    def safe() -> Any:
        parameters = usual()
        parameters.use_extra_bufts = False  # as LlamaService has it; see kernel/services/llama_library.py
        return parameters

    library.llama_cpp.llama_model_default_params = safe
    model = library.Llama(str(path), n_ctx=CONTEXT, n_threads=THREADS, n_threads_batch=THREADS, verbose=False)
    library.llama_cpp.llama_model_default_params = usual

    async def ask(messages: Sequence[ChatMessage], grammar: str) -> str:
        said = [{"role": message.role, "content": message.content} for message in messages]
        rules = library.LlamaGrammar.from_string(grammar, verbose=False)
        answer = model.create_chat_completion(said, grammar=rules, temperature=0.0, max_tokens=LONGEST)
        return str(answer["choices"][0]["message"]["content"])

    return ask


def ours(service: LlamaService) -> Ask:
    async def ask(messages: Sequence[ChatMessage], grammar: str) -> str:
        settings = Settings(temperature=0.0, max_tokens=LONGEST, grammar=grammar)
        return (await service.complete(messages, settings)).text

    return ask


def contenders(path: Path) -> list[Contender]:
    services = {engine: service(path, engine) for engine in ("llama.cpp", "auto")}
    return [
        Contender("llama-cpp-python, GBNF", peer(path)),
        *(Contender(f"LlamaService, {engine}", ours(made)) for engine, made in services.items()),
    ]


def service(path: Path, engine: Any, **options: Any) -> LlamaService:
    given = {"context_tokens": CONTEXT, "threads": THREADS, "prefix_bytes": 0, **options}
    return LlamaService(path, grammar_engine=engine, **given)


async def plans(path: Path) -> None:
    """Write the same plans in every way, and print the table."""
    kernel = kernel_of(read_catalogues(GOALS)[CATALOGUE])
    grammar = plan_grammar(kernel.functions.values())
    ways = contenders(path)
    for goal in WANTED:
        messages = await with_examples(kernel, goal)
        for way in ways:
            await way.write(messages, grammar)
    counter = service(path, "auto")
    print(f"{len(WANTED) - 1} plans after a first one, {len(kernel.functions)} functions, {path.name}\n")
    print("| | median s a plan | wall | CPU | same text | same calls | valid |")
    print("|---|---|---|---|---|---|---|")
    for way in ways:
        print(_row(way, ways[0], kernel, counter.count_tokens))
    print(f"\nLoad of the machine: {os.getloadavg()[0]:.1f}")


async def with_examples(kernel: Kernel, goal: str) -> list[ChatMessage]:
    instructions, _ = await prompt(kernel, "")
    turns = [instructions]
    for example, plan in EXAMPLES.items():
        turns += [(await prompt(kernel, example))[-1], ChatMessage("assistant", plan)]
    return [*turns, (await prompt(kernel, goal))[-1]]


def _row(way: Contender, base: Contender, kernel: Kernel, count: Callable[[str], int]) -> str:
    """The first plan, for which all is cold, is not counted in times."""
    pairs = list(zip(way.texts, base.texts, strict=True))
    same = sum(text == other for text, other in pairs)
    calls = sum(_calls(text) == _calls(other) for text, other in pairs)
    valid = sum(_is_valid(text, kernel) for text in way.texts)
    length = sum(map(count, base.texts[1:])) / sum(map(count, way.texts[1:]))
    wall = length * sum(way.seconds[1:]) / sum(base.seconds[1:])
    cpu = length * sum(way.cpu[1:]) / sum(base.cpu[1:])
    return (
        f"| {way.name} | {statistics.median(way.seconds[1:]):.2f} | {wall:.2f} | {cpu:.2f} | "
        f"{same}/{len(pairs)} | {calls}/{len(pairs)} | {valid}/{len(pairs)} |"
    )


def _calls(text: str) -> list[str]:
    return [part.split(maxsplit=1)[0] for part in text.split("<function.")[1:]]


def _is_valid(text: str, kernel: Kernel) -> bool:
    """Whether it is a plan without errors, or one that was cut at the limit of tokens."""
    if not text.endswith(("</plan>", "<plan/>")):
        return True
    try:
        return text == "<plan/>" or bool(Plan.parse(text, kernel, inputs=["INPUT"]))
    except PlanError:
        return False


async def prompt(kernel: Kernel, goal: str, size: int | None = None) -> list[ChatMessage]:
    functions = dict(islice(kernel.functions.items(), size))
    return list(await planner_messages(DEFAULT_PROMPT, goal, functions, ("INPUT",), kernel.skills))


# -- the instructions, kept ----------------------------------------------------------------------------


async def prefixes(path: Path, sizes: Sequence[int]) -> None:
    """What a plan evaluates at first and later, and in the next process, and whether it is the same."""
    print("\n| functions | | tokens of the prompt | the goal | evaluated | s to first token | same as cold |")
    print("|---|---|---|---|---|---|---|")
    for size in sizes:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            os.environ["XDG_CACHE_HOME"] = folder
            await _prefix_rows(path, size)


async def _prefix_rows(path: Path, size: int) -> None:
    kernel = catalogue(size)
    grammar = plan_grammar(islice(kernel.functions.values(), size))
    goal = await prompt(kernel, "E-mail a summary of the input to Carol and tell Erin about it", size)
    other = await prompt(kernel, "Text Bob that dinner is late", size)
    unlike = [ChatMessage("system", "Something else. " * 50), ChatMessage("user", "Hello")]
    kept: dict[str, Any] = {"context_tokens": 8192, "prefix_bytes": 1 << 30}
    live, restarted, fresh = (service(path, "auto", **kept) for _ in range(3))
    expected = await _beginning(fresh, goal, grammar)
    await fresh.close()
    # What that one left on disk would make the next one warm.
    shutil.rmtree(os.environ["XDG_CACHE_HOME"])
    rows = [("cold", *await _prefix_row(live, goal, grammar))]
    await _prefix_row(live, other, grammar)
    rows.append(("warm, after another goal", *await _prefix_row(live, goal, grammar)))
    await _prefix_row(live, unlike, grammar)
    rows.append(("after another prompt", *await _prefix_row(live, goal, grammar)))
    rows.append(("from disk, after a restart", *await _prefix_row(restarted, goal, grammar)))
    for name, text, *figures in rows:
        same = "yes" if text == expected else "no"
        print(f"| {size} | {name} | {' | '.join(map(str, figures))} | {same} |", flush=True)
    await live.close()
    await restarted.close()


async def _prefix_row(
    way: LlamaService, messages: Sequence[ChatMessage], grammar: str
) -> tuple[str, int, int, int, str]:
    """The plan's text; tokens of the prompt, of the goal's message, evaluated; seconds to the first token."""
    prompted = _prompt_tokens(way._loaded(), messages)
    length, lasting = len(prompted.tokens), prompted.lasting
    before, started = way.evaluated_tokens, time.perf_counter()
    await way.complete(messages, Settings(temperature=0.0, max_tokens=1))
    seconds, evaluated = time.perf_counter() - started, way.evaluated_tokens - before
    text = await _beginning(way, messages, grammar)
    return text, length, length - lasting, evaluated, f"{seconds:.2f}"


async def _beginning(way: LlamaService, messages: Sequence[ChatMessage], grammar: str) -> str:
    return (await way.complete(messages, Settings(temperature=0.0, max_tokens=60, grammar=grammar))).text


def catalogue(size: int) -> Kernel:
    """At least so many functions: those of all catalogues, and the same ones once more under other names."""
    made, catalogues = Kernel(), read_catalogues(GOALS)
    for suffix in ("", "2"):
        for skills in catalogues.values():
            for name, skill in skills().items():
                if len(made.functions) >= size:
                    return made
                if name + suffix not in made.skills:
                    made.add_skill(skill, name=name + suffix)
    return made


def main() -> None:
    """Run both parts."""
    path = Path(sys.argv[1]) if sys.argv[1:] else requantized(bundled_model("llama"), load_library())
    asyncio.run(plans(path))
    asyncio.run(prefixes(path, tuple(map(int, sys.argv[2:])) or SIZES))


if __name__ == "__main__":
    main()
