"""SmolLM2 in torch, from a GGUF: its weights stay as they are, and low-rank factors beside them (LoRA) learn.

Needs the packages torch and gguf. Many goals are learnt over one list of functions: they share its tokens and
do not see each other, as if each had been asked alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
from gguf import GGUFReader, dequantize
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from planloom.services.llama_adapter import ALPHA
from tuning.passes import Attended, Gated, LowRank, Normed, Spread, Turned, Unspread

__all__ = ["Layout", "TunedModel", "layout_of"]

RANK = 8
HEAD, KEYS, QUERIES = 64, 3, 3
"""Numbers in a head of attention, heads of keys, and heads of queries for each of them."""
GOALS_OF_A_TABLE = 6
"""Goals that attend together; the fewer, the less is filled up, and the more there is to start."""
UNSEEN = -1e9
Read = Callable[[str], Tensor]


@dataclass(frozen=True)
class Table:
    """Goals of like lengths, a row for each. ``mask`` is added to what attention scores."""

    goals: int
    mask: Tensor


@dataclass(frozen=True)
class Layout:
    """Who sees whom in a sequence of what all goals share, and then goal after goal.

    ``shared`` is the number of tokens that all goals see. The others are spread to ``tables`` whose rows are
    as long as the longest goal in them: ``places`` has for each place in one table after the other the token
    that is there, counted from the first goal on, and ``back`` for each token its place. Masks are for
    ``QUERIES`` heads in turn.
    """

    shared: int
    shared_mask: Tensor
    tables: Sequence[Table]
    places: Tensor
    back: Tensor


def layout_of(goal: Tensor) -> Layout:
    """The layout of tokens that have the number of their goal, in order; 0 is what all goals share."""
    shared, *sizes = torch.bincount(goal).tolist()
    starts = [0, *accumulate(sizes)]
    by_length = sorted(range(len(sizes)), key=sizes.__getitem__)
    rows: list[Tensor] = []
    tables: list[Table] = []
    back, place = torch.zeros(starts[-1], dtype=torch.long), 0
    for first in range(0, len(sizes), GOALS_OF_A_TABLE):
        goals = by_length[first : first + GOALS_OF_A_TABLE]
        longest = sizes[goals[-1]]
        for number in goals:
            start, end = starts[number], starts[number + 1]
            # What fills up shorter goals comes after their tokens, so that none of these sees it.
            rows.append(torch.arange(start, start + longest).clamp(max=end - 1))
            back[start:end] = torch.arange(place, place + end - start)
            place += longest
        mask = torch.cat((torch.zeros(longest, shared), _later(longest)), 1)
        tables.append(Table(len(goals), _for_queries(mask)))
    return Layout(shared, _for_queries(_later(shared)), tables, torch.cat(rows), back)


def _for_queries(mask: Tensor) -> Tensor:
    return mask.repeat(QUERIES, 1).to(torch.bfloat16)


def _later(count: int) -> Tensor:
    return torch.full((count, count), UNSEEN).triu(1)


# -- layers --------------------------------------------------------------------------------------------


class TunedLinear(torch.nn.Module):
    """Matrices of one input that stay as they are, each with a product of two narrow ones added, at first 0.

    ``orders`` has for some of them the order in which their outputs are wanted.
    """

    weight: Tensor

    def __init__(self, read: Read, names: Sequence[str], rank: int, orders: Sequence[Tensor] = ()) -> None:
        super().__init__()
        self.names, self.scale = names, ALPHA / rank
        weights = [read(name) for name in names]
        self.orders = [*orders, *(torch.arange(len(weight)) for weight in weights[len(orders) :])]
        ordered = [weight[order] for weight, order in zip(weights, self.orders, strict=True)]
        self.register_buffer("weight", torch.cat(ordered), persistent=False)
        self.a = torch.nn.ParameterList(
            torch.randn(rank, weight.shape[1]) / math.sqrt(weight.shape[1]) for weight in weights
        )
        self.b = torch.nn.ParameterList(torch.zeros(len(weight), rank) for weight in weights)

    def forward(self, rows: Tensor) -> Tensor:
        a = torch.cat(list(self.a)).to(rows.dtype)
        ordered = [b[order] for b, order in zip(self.b, self.orders, strict=True)]
        b = (torch.block_diag(*ordered) * self.scale).to(rows.dtype)
        found: Tensor = LowRank.apply(rows, self.weight, a, b)
        return found


class Block(torch.nn.Module):
    """A layer: attention, then a gated network of two matrices and a third."""

    attention_norm: Tensor
    network_norm: Tensor

    def __init__(self, read: Read, number: int, rank: int) -> None:
        super().__init__()

        def name(part: str) -> str:
            return f"blk.{number}.{part}.weight"

        def linear(*parts: str, orders: Sequence[Tensor] = ()) -> TunedLinear:
            return TunedLinear(read, [name(part) for part in parts], rank, orders)

        self.register_buffer("attention_norm", read(name("attn_norm")), persistent=False)
        self.register_buffer("network_norm", read(name("ffn_norm")), persistent=False)
        halves = (_in_halves(KEYS * QUERIES), _in_halves(KEYS))
        self.attending = linear("attn_q", "attn_k", "attn_v", orders=halves)
        self.attended = linear("attn_output")
        self.gating = linear("ffn_gate", "ffn_up")
        self.gated = linear("ffn_down")

    def forward(self, rows: Tensor, cosine: Tensor, sine: Tensor, layout: Layout) -> Tensor:
        heads = self.attending(Normed.apply(rows, self.attention_norm)).view(len(rows), -1, HEAD)
        turned = Turned.apply(heads[:, :-KEYS], cosine, sine)
        rows = rows + self.attended(attention(turned, heads[:, -KEYS:], layout))
        added: Tensor = self.gated(Gated.apply(self.gating(Normed.apply(rows, self.network_norm))))
        return rows + added


def _in_halves(heads: int) -> Tensor:
    """An order of outputs: a GGUF of this architecture has numbers that are turned together side by side."""
    return torch.arange(heads * HEAD).view(heads, HEAD // 2, 2).transpose(1, 2).flatten()


def attention(turned: Tensor, value: Tensor, layout: Layout) -> Tensor:
    """What each token takes from those that it sees: [tokens, heads * HEAD].

    ``turned`` has the heads of queries, as many in a row as share a key, and then those of keys.
    """
    shared = layout.shared
    of_shared = Attended.apply(
        _queries(turned[None, :shared]),
        turned[:shared, -KEYS:].transpose(0, 1),
        value[:shared].transpose(0, 1),
        layout.shared_mask,
    )
    spread = [Spread.apply(part[shared:], layout.places, layout.back) for part in (turned, value)]
    found, start = [], 0
    for table in layout.tables:
        end = start + table.goals * len(table.mask) // QUERIES
        own, own_value = (part[start:end].unflatten(0, (table.goals, -1)) for part in spread)
        of_goals = Attended.apply(
            _queries(own),
            _after_shared(turned[:shared, -KEYS:], own[:, :, -KEYS:]),
            _after_shared(value[:shared], own_value),
            table.mask,
        )
        found.append(_rows(of_goals, table.goals))
        start = end
    return torch.cat((_rows(of_shared, 1), Unspread.apply(torch.cat(found), layout.back)))


def _queries(turned: Tensor) -> Tensor:
    """[goals * KEYS, QUERIES * tokens, HEAD], of [goals, tokens, heads, HEAD]."""
    queries = turned[:, :, :-KEYS].unflatten(2, (KEYS, QUERIES))
    return queries.permute(0, 2, 3, 1, 4).flatten(2, 3).flatten(0, 1)


def _after_shared(shared: Tensor, own: Tensor) -> Tensor:
    """[goals * KEYS, tokens, HEAD]: for every goal what all share, and what it has itself."""
    common = shared.transpose(0, 1).expand(len(own), -1, -1, -1)
    return torch.cat((common, own.transpose(1, 2)), 2).flatten(0, 1)


def _rows(found: Tensor, goals: int) -> Tensor:
    """[goals * tokens, heads * HEAD], of what ``_queries`` became."""
    heads = found.unflatten(1, (QUERIES, -1)).unflatten(0, (goals, KEYS))
    return heads.permute(0, 3, 1, 2, 4).flatten(2).flatten(0, 1)


# -- the model -----------------------------------------------------------------------------------------


class TunedModel(torch.nn.Module):
    """SmolLM2 of a GGUF, in bfloat16, with factors of ``rank`` in float32 beside all its linear layers."""

    embedding: Tensor
    norm: Tensor

    def __init__(self, path: Path, rank: int = RANK) -> None:
        super().__init__()
        file = GGUFReader(path)
        tensors = {tensor.name: tensor for tensor in file.tensors}

        def read(name: str) -> Tensor:
            found = dequantize(tensors[name].data, tensors[name].tensor_type)
            return torch.from_numpy(found.copy()).to(torch.bfloat16)

        self.base = float(_field(file, "llama.rope.freq_base"))
        self.register_buffer("embedding", read("token_embd.weight"), persistent=False)
        self.register_buffer("norm", read("output_norm.weight"), persistent=False)
        count = int(_field(file, "llama.block_count"))
        self.blocks = torch.nn.ModuleList(Block(read, number, rank) for number in range(count))

    def forward(self, tokens: Tensor, positions: Tensor, layout: Layout, wanted: Tensor) -> Tensor:
        """What the model says after the tokens at ``wanted``: [wanted, vocabulary], before softmax."""
        angle = positions[:, None].float() * self.base ** (-torch.arange(0, HEAD, 2).float() / HEAD)
        rows = self.embedding[tokens]
        # Queries are divided by the root of HEAD here, and not where they are scored.
        scale = torch.ones(KEYS * QUERIES + KEYS, 1)
        scale[:-KEYS] /= math.sqrt(HEAD)
        cosine, sine = ((part[:, None] * scale).to(rows.dtype) for part in (angle.cos(), angle.sin()))
        for block in self.blocks:
            rows = block(rows, cosine, sine, layout)
        return functional.linear(Normed.apply(rows[wanted], self.norm), self.embedding)

    def factors(self) -> dict[str, NDArray[Any]]:
        """What was learnt, by the names that ``planloom.services.llama_adapter`` has for it."""
        return {name: factor.detach().numpy() for name, factor in self._factors()}

    def start_from(self, factors: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what ``factors`` gave. Raises ``KeyError`` if one is missing."""
        with torch.no_grad():
            for name, factor in self._factors():
                factor.copy_(torch.from_numpy(factors[name]))

    def _factors(self) -> Iterator[tuple[str, torch.nn.Parameter]]:
        for each in self.modules():
            if isinstance(each, TunedLinear):
                for name, a, b in zip(each.names, each.a, each.b, strict=True):
                    yield f"{name}.lora_a", a
                    yield f"{name}.lora_b", b


def _field(file: GGUFReader, name: str) -> Any:
    return file.fields[name].contents()
