"""Passes forward and back that are written out, since what autograd makes of them takes half as long again.

Rows are bfloat16, [tokens, numbers]. Each does what its few lines forward say, and gives the exact gradient.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["Attended", "Gated", "LowRank", "Normed", "Spread", "Turned", "Unspread"]

EPSILON = 1e-5


class LowRank(torch.autograd.Function):
    """``rows`` by a ``weight`` [out, in] that stays, with ``b`` [out, rank] times ``a`` added to it."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, a: Tensor, b: Tensor) -> Tensor:
        low = rows @ a.t()
        ctx.save_for_backward(rows, weight, a, b, low)
        return functional.linear(rows, weight).addmm_(low, b.t())

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> tuple[Tensor, None, Tensor, Tensor]:
        rows, weight, a, b, low = ctx.saved_tensors
        slope = given[0]
        lower = slope @ b
        return (slope @ weight).addmm_(lower, a), None, lower.t() @ rows, slope.t() @ low


class Normed(torch.autograd.Function):
    """``rows`` divided by the root of the mean of their squares, times a ``weight`` that stays."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor) -> Tensor:
        exact = rows.float()
        divisor = torch.rsqrt(exact.square().mean(-1, keepdim=True) + EPSILON)
        even = (exact * divisor).to(rows.dtype)
        ctx.save_for_backward(even, divisor, weight)
        return even * weight

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> tuple[Tensor, None]:
        even, divisor, weight = ctx.saved_tensors
        slope, exact = (given[0] * weight).float(), even.float()
        along = (slope * exact).mean(-1, keepdim=True)
        return ((slope - exact * along) * divisor).to(even.dtype), None


class Gated(torch.autograd.Function):
    """The second half of ``rows``, times SiLU of the first."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        ctx.save_for_backward(rows)
        gate, passed = rows.chunk(2, -1)
        return functional.silu(gate) * passed

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> Tensor:
        (rows,) = ctx.saved_tensors
        gate, passed = rows.chunk(2, -1)
        of_gate = torch.ops.aten.silu_backward(given[0] * passed, gate.contiguous())
        return torch.cat((of_gate, given[0] * functional.silu(gate)), -1)


class Turned(torch.autograd.Function):
    """``rows`` [tokens, heads, numbers] with their positions (RoPE): halves of a head are turned together."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        ctx.save_for_backward(cosine, sine)
        return _turned(rows, cosine, sine)

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> tuple[Tensor, None, None]:
        cosine, sine = ctx.saved_tensors
        return _turned(given[0], cosine, -sine), None, None


def _turned(rows: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    one, other = rows.chunk(2, -1)
    turned = torch.addcmul(one * cosine, other, sine, value=-1), torch.addcmul(other * cosine, one, sine)
    return torch.cat(turned, -1)


class Spread(torch.autograd.Function):
    """The rows at ``places``; ``back`` has for each row where it went. What only fills up has no gradient."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, places: Tensor, back: Tensor) -> Tensor:
        ctx.save_for_backward(back)
        return rows.index_select(0, places)

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> tuple[Tensor, None, None]:
        (back,) = ctx.saved_tensors
        return given[0].index_select(0, back), None, None


class Unspread(torch.autograd.Function):
    """The rows at ``back``: those that ``Spread`` was given."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, back: Tensor) -> Tensor:
        ctx.count = len(rows)
        ctx.save_for_backward(back)
        return rows.index_select(0, back)

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> tuple[Tensor, None]:
        (back,) = ctx.saved_tensors
        slope = given[0].new_zeros(ctx.count, *given[0].shape[1:])
        return slope.index_copy_(0, back, given[0]), None


class Attended(torch.autograd.Function):
    """Softmax of ``query`` by ``key``, with a ``mask``, times ``value``; each is [batch, rows, numbers]."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
        weights = torch.softmax((query @ key.transpose(1, 2)).add_(mask), -1)
        ctx.save_for_backward(query, key, value, weights)
        return weights @ value

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        query, key, value, weights = ctx.saved_tensors
        slope = given[0].contiguous()
        of_weights = slope @ value.transpose(1, 2)
        scores = torch._softmax_backward_data(of_weights, weights, -1, weights.dtype)
        return scores @ key, scores.transpose(1, 2) @ query, weights.transpose(1, 2) @ slope, None
