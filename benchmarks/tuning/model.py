"""SmolLM2 in torch, from a GGUF: its weights stay as they are, and low-rank factors beside them (LoRA) learn.

Needs the packages torch and gguf. Many goals are learnt over one list of functions: they share its tokens and
do not see each other, as if each had been asked alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from gguf import GGUFReader, dequantize
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from planloom.services.llama_adapter import ALPHA

__all__ = ["Layout", "TunedModel", "layout_of"]

RANK = 8
LINEAR = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
HEAD = 64
"""Numbers in a head of attention."""
EPSILON = 1e-5
UNSEEN = -1e9
Read = Callable[[str], Tensor]


@dataclass(frozen=True)
class Layout:
    """Who sees whom in a sequence of what all goals share, and then goal after goal.

    ``shared`` is the number of tokens that all goals see; ``goals`` [goals, longest] has the places of each
    goal's tokens; ``flat`` has for every token of a goal its place in ``goals``, counted through.
    ``shared_later`` and ``own_later`` are the masks of what comes after a token and is not seen by it.
    """

    shared: int
    goals: Tensor
    flat: Tensor
    shared_later: Tensor
    own_later: Tensor


def layout_of(goal: Tensor) -> Layout:
    """The layout of tokens that have the number of their goal, in order; 0 is what all goals share."""
    shared, *sizes = torch.bincount(goal).tolist()
    longest = max(sizes)
    # What fills up shorter goals comes after their tokens, so that none of these sees it.
    goals = torch.zeros(len(sizes), longest, dtype=torch.long)
    flat: list[int] = []
    place = shared
    for number, size in enumerate(sizes):
        goals[number, :size] = torch.arange(place, place + size)
        flat += range(number * longest, number * longest + size)
        place += size
    return Layout(shared, goals, torch.tensor(flat), _later(shared), _later(longest))


def _later(count: int) -> Tensor:
    return ~torch.ones(count, count, dtype=torch.bool).tril()


# -- attention -----------------------------------------------------------------------------------------


def attention(query: Tensor, key: Tensor, value: Tensor, layout: Layout) -> Tensor:
    """What each token takes from those that it sees: [tokens, heads * HEAD].

    All are [tokens, heads, HEAD]; as many query heads in a row share a key's head as it takes.
    """
    return torch.cat((_of_shared(query, key, value, layout), _of_goals(query, key, value, layout)))


def _of_shared(query: Tensor, key: Tensor, value: Tensor, layout: Layout) -> Tensor:
    count, heads = layout.shared, key.shape[1]
    each = query.shape[1] // heads
    keys, values = key[:count].transpose(0, 1), value[:count].transpose(0, 1)
    queries = query[:count].view(count, heads, each, HEAD).permute(1, 2, 0, 3)
    scores = queries.reshape(heads, each * count, HEAD) @ keys.transpose(1, 2)
    seen = scores.view(heads, each, count, count).float().masked_fill(layout.shared_later, UNSEEN)
    weights = seen.softmax(-1).to(query.dtype)
    found = (weights.view(heads, each * count, count) @ values).view(heads, each, count, HEAD)
    return found.permute(2, 0, 1, 3).reshape(count, -1)


def _of_goals(query: Tensor, key: Tensor, value: Tensor, layout: Layout) -> Tensor:
    """Each goal's tokens see what is shared and their own goal."""
    shared, heads = layout.shared, key.shape[1]
    goals, longest = layout.goals.shape
    each = query.shape[1] // heads
    keys, values = key[:shared].transpose(0, 1), value[:shared].transpose(0, 1)
    own_keys, own_values = _by_goal(key, layout), _by_goal(value, layout)
    queries = query[layout.goals].view(goals, longest, heads, each, HEAD).permute(2, 0, 3, 1, 4)

    to_shared = queries.reshape(heads, goals * each * longest, HEAD) @ keys.transpose(1, 2)
    to_own = queries.reshape(heads * goals, each * longest, HEAD) @ own_keys.transpose(1, 2)
    rows = (heads, goals, each, longest)
    own_seen = to_own.view(*rows, longest).float().masked_fill(layout.own_later, UNSEEN)
    weights = torch.cat((to_shared.view(*rows, shared).float(), own_seen), -1).softmax(-1).to(query.dtype)

    of_shared = weights[..., :shared].reshape(heads, goals * each * longest, shared) @ values
    of_own = weights[..., shared:].reshape(heads * goals, each * longest, longest) @ own_values
    found = of_shared.view(*rows, HEAD) + of_own.view(*rows, HEAD)
    return found.permute(1, 3, 0, 2, 4).reshape(goals * longest, -1)[layout.flat]


def _by_goal(rows: Tensor, layout: Layout) -> Tensor:
    """[heads * goals, longest, HEAD], of [tokens, heads, HEAD]."""
    return rows[layout.goals].permute(2, 0, 1, 3).reshape(-1, layout.goals.shape[1], HEAD)


def _turned(rows: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """With their positions (RoPE): a GGUF of this architecture has the two numbers of a pair side by side."""
    even, odd = rows[..., 0::2], rows[..., 1::2]
    return torch.stack((even * cosine - odd * sine, even * sine + odd * cosine), -1).flatten(-2)


# -- layers --------------------------------------------------------------------------------------------


class TunedLinear(torch.nn.Module):
    """A matrix that stays as it is, and two narrow ones whose product is added to it; at first it is zero."""

    weight: Tensor

    def __init__(self, name: str, weight: Tensor, rank: int) -> None:
        super().__init__()
        self.name = name
        height, width = weight.shape
        self.register_buffer("weight", weight, persistent=False)
        self.a = torch.nn.Parameter(torch.randn(rank, width) / math.sqrt(width))
        self.b = torch.nn.Parameter(torch.zeros(height, rank))
        self.scale = ALPHA / rank

    def forward(self, rows: Tensor) -> Tensor:
        low = functional.linear(rows, self.a.to(rows.dtype))
        added = functional.linear(low, (self.b * self.scale).to(rows.dtype))
        return functional.linear(rows, self.weight) + added


class Block(torch.nn.Module):
    """A layer: attention, then a gated network of two matrices and a third."""

    attention_norm: Tensor
    network_norm: Tensor

    def __init__(self, read: Read, number: int, rank: int) -> None:
        super().__init__()
        names = {each: f"blk.{number}.{each}.weight" for each in ("attn_norm", "ffn_norm", *LINEAR)}
        self.register_buffer("attention_norm", read(names["attn_norm"]), persistent=False)
        self.register_buffer("network_norm", read(names["ffn_norm"]), persistent=False)
        linear = {each: TunedLinear(names[each], read(names[each]), rank) for each in LINEAR}
        self.linear = torch.nn.ModuleDict(linear)

    def forward(self, rows: Tensor, cosine: Tensor, sine: Tensor, layout: Layout) -> Tensor:
        normed = _normed(rows, self.attention_norm)
        query, key, value = (self._heads(name, normed) for name in ("attn_q", "attn_k", "attn_v"))
        query, key = _turned(query, cosine, sine) / math.sqrt(HEAD), _turned(key, cosine, sine)
        rows = rows + self._by("attn_output", attention(query, key, value, layout))
        normed = _normed(rows, self.network_norm)
        gated = functional.silu(self._by("ffn_gate", normed)) * self._by("ffn_up", normed)
        return rows + self._by("ffn_down", gated)

    def _heads(self, name: str, rows: Tensor) -> Tensor:
        return self._by(name, rows).view(len(rows), -1, HEAD)

    def _by(self, name: str, rows: Tensor) -> Tensor:
        found: Tensor = self.linear[name](rows)
        return found


def _normed(rows: Tensor, weight: Tensor) -> Tensor:
    return functional.rms_norm(rows, (rows.shape[-1],), weight, EPSILON)


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
        cosine, sine = angle.cos()[:, None].to(rows.dtype), angle.sin()[:, None].to(rows.dtype)
        for block in self.blocks:
            rows = block(rows, cosine, sine, layout)
        return functional.linear(_normed(rows[wanted], self.norm), self.embedding)

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
                yield f"{each.name}.lora_a", each.a
                yield f"{each.name}.lora_b", each.b


def _field(file: GGUFReader, name: str) -> Any:
    return file.fields[name].contents()
