"""Four workloads as PyTorch modules: logits from rows, weights taken over from the Keras model.

Images keep Keras's channels-last memory (PyTorch's `channels_last` format); shapes are
(batch, channels, height, width).
"""

from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

Weights = dict[str, np.ndarray]


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(784, 128)
        self.classes = nn.Linear(128, 10)

    def forward(self, x):
        return self.classes(F.relu(self.hidden(x.flatten(1))))

    def load(self, weights: Weights):
        load_linear(self.hidden, weights, "hidden")
        load_linear(self.classes, weights, "classes")


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 32, 3)
        self.hidden = nn.Linear(13 * 13 * 32, 128)
        self.classes = nn.Linear(128, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv(x)), 2)
        return self.classes(F.relu(self.hidden(x.flatten(1))))

    def load(self, weights: Weights):
        load_convolution(self.conv, weights, "conv")
        load_linear(self.classes, weights, "classes")
        kernel = weights["hidden/kernel"].reshape(13, 13, 32, 128).transpose(2, 0, 1, 3)
        columns_of_nchw = {"hidden/kernel": kernel.reshape(-1, 128)}
        load_linear(self.hidden, weights | columns_of_nchw, "hidden")


class NormalizedConvolution(nn.Module):
    """Convolution with Keras's `same` padding, then BatchNorm."""

    def __init__(self, channels: int, filters: int, stride: int):
        super().__init__()
        self.stride = stride
        self.conv = nn.Conv2d(channels, filters, 3, stride, 1 if stride == 1 else 0, bias=False)
        self.norm = nn.BatchNorm2d(filters, eps=1e-3, momentum=0.01)

    def forward(self, x):
        if self.stride == 2:
            x = F.pad(x, (0, 1, 0, 1))
        return self.norm(self.conv(x))

    def load(self, weights: Weights, name: str):
        load_convolution(self.conv, weights, f"{name}_conv")
        copy(self.norm.weight, weights[f"{name}_norm/gamma"])
        copy(self.norm.bias, weights[f"{name}_norm/beta"])


class Block(nn.Module):
    def __init__(self, channels: int, filters: int, stride: int):
        super().__init__()
        self.a = NormalizedConvolution(channels, filters, stride)
        self.b = NormalizedConvolution(filters, filters, 1)
        self.shortcut = None
        if channels != filters:
            self.shortcut = nn.Conv2d(channels, filters, 1, stride, bias=False)

    def forward(self, x):
        shortcut = x if self.shortcut is None else self.shortcut(x)
        return F.relu(self.b(F.relu(self.a(x))) + shortcut)

    def load(self, weights: Weights, name: str):
        self.a.load(weights, f"{name}_a")
        self.b.load(weights, f"{name}_b")
        if self.shortcut is not None:
            load_convolution(self.shortcut, weights, f"{name}_shortcut_conv")


class ResNet20(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = NormalizedConvolution(3, 16, 1)
        widths = [16, *(width for width in (16, 32, 64) for _ in range(3))]
        self.blocks = nn.ModuleList(
            Block(before, after, after // before) for before, after in pairwise(widths)
        )
        self.classes = nn.Linear(64, 10)

    def forward(self, x):
        x = F.relu(self.stem(x))
        for block in self.blocks:
            x = block(x)
        return self.classes(x.mean((2, 3)))

    def load(self, weights: Weights):
        self.stem.load(weights, "stem")
        for index, block in enumerate(self.blocks):
            block.load(weights, f"stage{index // 3}_block{index % 3}")
        load_linear(self.classes, weights, "classes")


class TransformerBlock(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
        self.expand, self.contract = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.contract(F.gelu(self.expand(self.norm2(x))))

    def attention(self, x):
        batch, steps, width = x.shape
        qkv = self.query_key_value(x).view(batch, steps, 3, self.heads, -1)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (batch, heads, steps, width / heads)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.output(mixed.transpose(1, 2).reshape(batch, steps, width))

    def load(self, weights: Weights, name: str):
        load_norm(self.norm1, weights, f"{name}_norm1")
        load_norm(self.norm2, weights, f"{name}_norm2")
        load_linear(self.expand, weights, f"{name}_expand")
        load_linear(self.contract, weights, f"{name}_contract")
        attention, width = f"{name}_attention", self.output.in_features
        parts = [f"{attention}/{part}" for part in ("query", "key", "value")]
        kernels = [weights[f"{part}/kernel"].reshape(width, width) for part in parts]
        copy(self.query_key_value.weight, np.concatenate(kernels, axis=1).T)
        biases = [weights[f"{part}/bias"].ravel() for part in parts]
        copy(self.query_key_value.bias, np.concatenate(biases))
        output = f"{attention}/attention_output"
        copy(self.output.weight, weights[f"{output}/kernel"].reshape(width, width).T)
        copy(self.output.bias, weights[f"{output}/bias"])


class Transformer(nn.Module):
    def __init__(self, characters=64, context=128, width=128, heads=4, blocks=4):
        super().__init__()
        self.characters = nn.Embedding(characters, width)
        self.positions = nn.Parameter(torch.zeros(context, width))
        self.blocks = nn.ModuleList(TransformerBlock(width, heads) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)
        self.logits = nn.Linear(width, characters)

    def forward(self, x):
        x = self.characters(x) + self.positions
        for block in self.blocks:
            x = block(x)
        return self.logits(self.norm(x)).transpose(1, 2)  # classes second, as cross_entropy wants

    def load(self, weights: Weights):
        copy(self.characters.weight, weights["characters/embeddings"])
        copy(self.positions, weights["positions/table"])
        for index, block in enumerate(self.blocks):
            block.load(weights, f"block{index}")
        load_norm(self.norm, weights, "final_norm")
        load_linear(self.logits, weights, "logits")


def copy(parameter: torch.Tensor, value: np.ndarray) -> None:
    with torch.no_grad():
        parameter.copy_(torch.from_numpy(np.ascontiguousarray(value)))


def load_linear(layer: nn.Linear, weights: Weights, name: str) -> None:
    copy(layer.weight, weights[f"{name}/kernel"].T)
    copy(layer.bias, weights[f"{name}/bias"])


def load_convolution(layer: nn.Conv2d, weights: Weights, name: str) -> None:
    copy(layer.weight, weights[f"{name}/kernel"].transpose(3, 2, 0, 1))
    if layer.bias is not None:
        copy(layer.bias, weights[f"{name}/bias"])


def load_norm(layer: nn.LayerNorm, weights: Weights, name: str) -> None:
    copy(layer.weight, weights[f"{name}/gamma"])
    copy(layer.bias, weights[f"{name}/beta"])


MODELS = {"mnist_mlp": Mlp, "mnist_cnn": Cnn, "resnet20": ResNet20, "transformer": Transformer}
OPTIMIZERS = {
    "mnist_mlp": lambda p: torch.optim.Adam(p, 1e-3, eps=1e-7),
    "mnist_cnn": lambda p: torch.optim.Adam(p, 1e-3, eps=1e-7),
    "resnet20": lambda p: torch.optim.SGD(p, 0.05, momentum=0.9),
    "transformer": lambda p: torch.optim.AdamW(p, 1e-3, eps=1e-7, weight_decay=0.01),
}
