"""A recipe's model in PyTorch: a plain nn.Sequential of the same layers, under the same names of parameters."""

import subprocess
import tomllib

import torch
from torch import nn


class L2Normalise(nn.Module):
    def forward(self, x):
        return x / x.square().sum(1, keepdim=True).clamp_min(1e-12).sqrt()


def built_in(binary):
    """The names of the built-in recipes."""
    listed = subprocess.run([binary, "recipes"], check=True, capture_output=True, text=True).stdout
    return [line.split()[0] for line in listed.splitlines() if line.strip()]


def recipe(binary, name):
    """The recipe with every key that the built-in texts may leave out."""
    text = subprocess.run([binary, "recipes", name], check=True, capture_output=True, text=True).stdout
    defaults = {"head": False, "label": "alphabet", "size": 105, "channels": 1}
    defaults |= {"margin": 1.0, "temperature": 0.1, "character_weight": 0.0}
    return defaults | tomllib.loads(text)


def pair(value):
    return tuple(value) if isinstance(value, list) else (value, value)


def encoder(recipe):
    """The layers, of the shapes that the recipe's images give them."""
    layers, x = [], torch.zeros(2, recipe["channels"], recipe["size"], recipe["size"])
    for spec in recipe["encoder"]:
        layer = one_layer(spec, x.shape)
        layers.append(layer)
        with torch.no_grad():
            x = layer.eval()(x)
    return nn.Sequential(*layers).train()


def head():
    """Batch-norm, dense and sigmoid on the distance."""
    return nn.Sequential(batch_norm({}, (2, 1)), nn.Linear(1, 1), nn.Sigmoid())


def one_layer(spec, shape):
    match spec["layer"]:
        case "conv2d" | "conv_transpose2d" as name:
            pairs = {key: pair(spec[key]) for key in ["stride", "padding", "output_padding", "dilation"] if key in spec}
            kind = nn.Conv2d if name == "conv2d" else nn.ConvTranspose2d
            return kind(shape[1], spec["filters"], pair(spec["kernel"]), groups=spec.get("groups", 1), **pairs)
        case "relu":
            return nn.ReLU()
        case "tanh":
            return nn.Tanh()
        case "sigmoid":
            return nn.Sigmoid()
        case "max_pool2d":
            return nn.MaxPool2d(pair(spec["window"]), pair(spec["stride"]) if "stride" in spec else None)
        case "avg_pool2d":
            return nn.AvgPool2d(pair(spec["window"]), pair(spec["stride"]) if "stride" in spec else None)
        case "batch_norm":
            return batch_norm(spec, shape)
        case "flatten":
            return nn.Flatten()
        case "dense":
            return nn.Linear(shape[1], spec["units"])
        case "l2_normalise":
            return L2Normalise()
    raise SystemExit(f"no layer {spec['layer']} here")


def batch_norm(spec, shape):
    kind = nn.BatchNorm2d if len(shape) == 4 else nn.BatchNorm1d
    # PyTorch's momentum is the share of the new.
    return kind(shape[1], eps=spec.get("eps", 1e-3), momentum=1 - spec.get("momentum", 0.99))
