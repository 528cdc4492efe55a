"""Attention."""

from __future__ import annotations

import math

import numpy as np

from keras_lamella.src.ops.dtypes import accumulator, as_dtype, promote
from keras_lamella.src.ops.nn.activation import softmax
from keras_lamella.src.ops.numpy.product import einsum
from keras_lamella.src.tensor import convert_to_tensor
from lamella import transforms
from lamella.frontend.tracer import Tracer


def dot_product_attention(
    query,
    key,
    value,
    bias=None,
    mask=None,
    scale=None,
    is_causal=False,
    flash_attention=None,
    attn_logits_soft_cap=None,
):
    """Softmax attention; `flash_attention` is a hint that changes nothing here."""
    query, key, value = promote(*(convert_to_tensor(x) for x in (query, key, value)))
    if not query.ndim == key.ndim == value.ndim == 4:
        raise ValueError(
            "`dot_product_attention` only supports 4D inputs. Received: "
            f"query.shape={query.shape}, key.shape={key.shape}, value.shape={value.shape}."
        )
    if attn_logits_soft_cap is not None:
        raise ValueError("`attn_logits_soft_cap` is not supported with the lamella backend.")
    heads, groups = _grouped_heads(query, key)
    batch, t, _, depth = query.shape
    # b batch, t queries, s keys, k heads of keys, g queries' heads for each, h depth
    query = np.reshape(query, (batch, t, heads, groups, depth))
    wide = accumulator(query.dtype)
    scores = einsum("btkgh,bskh->bkgts", as_dtype(query, wide), as_dtype(key, wide))
    scores = scores * np.asarray(1 / math.sqrt(depth) if scale is None else scale, wide)
    if bias is not None:
        scores = scores + _grouped(convert_to_tensor(bias, wide), heads, groups)
    weights = _weights(scores, _kept(scores, mask, is_causal, heads, groups), bias is None)
    out = einsum("bkgts,bskh->btkgh", as_dtype(weights, value.dtype), value)
    return np.reshape(out, (batch, t, heads * groups, value.shape[-1]))


def _grouped_heads(query, key):
    groups, rest = divmod(query.shape[2], key.shape[2])
    if rest:
        raise ValueError(
            "the heads of `query` must be a multiple of those of `key`. Received: "
            f"query.shape={query.shape}, key.shape={key.shape}"
        )
    return key.shape[2], groups


def _grouped(x, heads, groups):
    """[batch, heads or 1, t, s], or with fewer axes, as [batch, k, g, t, s]."""
    n = heads * groups
    while x.ndim < 4:
        x = np.expand_dims(x, 2 if x.ndim == 3 and x.shape[1] == n != 1 else 1)
    if x.shape[1] == 1:
        return np.expand_dims(x, 2)
    return np.reshape(x, (x.shape[0], heads, groups, *x.shape[2:]))


def _kept(scores, mask, is_causal, heads, groups):
    """Which scores count; None where all do."""
    keep = None
    if mask is not None:
        keep = _grouped(convert_to_tensor(mask, "bool"), heads, groups)
    if is_causal:
        t, s = scores.shape[-2:]
        causal = np.arange(t)[:, None] >= np.arange(s)
        keep = causal if keep is None else keep & causal
    return keep


def _weights(scores, keep, finite):
    """The softmax over the keys that are kept; a query that keeps none takes all alike."""
    if keep is None:
        return softmax(scores)
    low = np.asarray(-0.7 * np.finfo(scores.dtype).max, scores.dtype)

    def weights(x):
        return softmax(np.where(keep, x, low))

    known = isinstance(scores, Tracer) and isinstance(keep, np.ndarray) and finite
    if not known or not np.any(keep, axis=-1).all():
        return weights(scores)

    zero = np.zeros((), scores.dtype)

    @transforms.custom_gradient
    def with_zeros(x):  # weights that are not kept are zero: said so, it saves their products
        def cotangent(g):
            y = np.where(keep, weights(x), zero)
            return np.where(keep, (g - np.sum(g * y, axis=-1, keepdims=True)) * y, zero)

        return np.where(keep, weights(x), zero), cotangent

    return with_zeros(scores)


__all__ = [
    "dot_product_attention",
]  # fmt: skip
