"""Four workloads as JAX functions: logits from parameters and rows.

Parameters are one dict with the Keras model's own paths as keys. A model takes `(parameters, x,
train)` and returns its logits and the moving statistics that BatchNorm replaced, if any.
"""

import jax
import jax.numpy as jnp
from jax import lax

Parameters = dict[str, jax.Array]


def dense(p: Parameters, name: str, x):
    return x @ p[f"{name}/kernel"] + p[f"{name}/bias"]


def convolution(p: Parameters, name: str, x, stride: int, padding: str):
    return lax.conv_general_dilated(
        x,
        p[f"{name}/kernel"],
        (stride, stride),
        padding,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def mlp(p: Parameters, x, train: bool):
    x = x.reshape(len(x), -1)
    return dense(p, "classes", jax.nn.relu(dense(p, "hidden", x))), {}


def cnn(p: Parameters, x, train: bool):
    x = jax.nn.relu(convolution(p, "conv", x, 1, "VALID") + p["conv/bias"])
    x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    x = jax.nn.relu(dense(p, "hidden", x.reshape(len(x), -1)))
    return dense(p, "classes", x), {}


def batch_norm(p: Parameters, name: str, x, train: bool, moving: Parameters):
    mean, variance = p[f"{name}/moving_mean"], p[f"{name}/moving_variance"]
    if train:
        batch_mean, batch_variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
        moving[f"{name}/moving_mean"] = 0.99 * mean + 0.01 * batch_mean
        moving[f"{name}/moving_variance"] = 0.99 * variance + 0.01 * batch_variance
        mean, variance = batch_mean, batch_variance
    scale = p[f"{name}/gamma"] * lax.rsqrt(variance + 1e-3)
    return x * scale + (p[f"{name}/beta"] - mean * scale)


def resnet20(p: Parameters, x, train: bool):
    moving: Parameters = {}

    def normalized(x, name, stride=1):
        x = convolution(p, f"{name}_conv", x, stride, "SAME")
        return batch_norm(p, f"{name}_norm", x, train, moving)

    x = jax.nn.relu(normalized(x, "stem"))
    for stage in range(3):
        for index in range(3):
            name = f"stage{stage}_block{index}"
            stride = 2 if stage > 0 and index == 0 else 1
            shortcut = x
            if stride == 2:
                shortcut = convolution(p, f"{name}_shortcut_conv", x, 2, "SAME")
            x = jax.nn.relu(normalized(x, f"{name}_a", stride))
            x = jax.nn.relu(normalized(x, f"{name}_b") + shortcut)
    return dense(p, "classes", x.mean((1, 2))), moving


def layer_norm(p: Parameters, name: str, x):
    mean = x.mean(-1, keepdims=True)
    scale = p[f"{name}/gamma"] * lax.rsqrt(x.var(-1, keepdims=True) + 1e-5)
    return (x - mean) * scale + p[f"{name}/beta"]


def attention(p: Parameters, name: str, x):
    def project(part):  # (batch, steps, heads, width / heads)
        kernel, bias = p[f"{name}/{part}/kernel"], p[f"{name}/{part}/bias"]
        return jnp.einsum("bsd,dhk->bshk", x, kernel) + bias

    mixed = jax.nn.dot_product_attention(
        project("query"), project("key"), project("value"), is_causal=True
    )
    kernel = p[f"{name}/attention_output/kernel"]
    return jnp.einsum("bshk,hkd->bsd", mixed, kernel) + p[f"{name}/attention_output/bias"]


def transformer(p: Parameters, x, train: bool):
    x = p["characters/embeddings"][x] + p["positions/table"]
    for index in range(4):
        name = f"block{index}"
        x = x + attention(p, f"{name}_attention", layer_norm(p, f"{name}_norm1", x))
        h = dense(p, f"{name}_expand", layer_norm(p, f"{name}_norm2", x))
        x = x + dense(p, f"{name}_contract", jax.nn.gelu(h, approximate=False))
    return dense(p, "logits", layer_norm(p, "final_norm", x)), {}


def adam(decay: float = 0.0):
    """(state, parameters, gradients) -> (state, parameters): Adam, with decoupled weight decay."""

    def start(parameters):
        zeros = jax.tree.map(jnp.zeros_like, parameters)
        return jnp.zeros((), "int32"), zeros, zeros

    def update(state, parameters, gradients):
        step, m, v = state
        step = step + 1
        t = step.astype("float32")
        rate = 1e-3 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, gradients)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, gradients)
        parameters = jax.tree.map(
            lambda p, m, v: p * (1 - 1e-3 * decay) - rate * m / (jnp.sqrt(v) + 1e-7),
            parameters,
            m,
            v,
        )
        return (step, m, v), parameters

    return start, update


def momentum():
    """SGD with momentum 0.9, rate 0.05."""

    def update(state, parameters, gradients):
        state = jax.tree.map(lambda s, g: 0.9 * s - 0.05 * g, state, gradients)
        return state, jax.tree.map(jnp.add, parameters, state)

    return lambda parameters: jax.tree.map(jnp.zeros_like, parameters), update


MODELS = {
    "mnist_mlp": (mlp, adam()),
    "mnist_cnn": (cnn, adam()),
    "resnet20": (resnet20, momentum()),
    "transformer": (transformer, adam(decay=0.01)),
}
