"""Writes what PyTorch makes of every op and of the four models of the report: python reference_values.py BINARY > FILE

All in f64. Inputs are not stored: `number` makes them, here and in tests/trust/reference.rs, from their place alone. Of a
long gradient every so many-th number stands in the file, and its norm. Dropout is left out: its zeros are drawn by the engine.
"""

import json
import sys

import torch
from torch import nn
from torch.nn import functional as F

from encoder import encoder, head, recipe
from gradients import forward

torch.set_default_dtype(torch.float64)
KEPT = 40


def number(i, shift):
    """Spread over (-1, 1); of 251 in a row no two are equal."""
    return ((i * 97 + shift * 31) % 251 - 125.5) / 126.0


def fill(kind, shape, shift):
    count = int(torch.tensor(shape).prod())
    values = [number(i, shift) for i in range(count)]
    if kind == "positive":
        values = [0.7 + 0.5 * x for x in values]
    if kind == "binary":
        values = [float(x > 0) for x in values]
    return torch.tensor(values).reshape(shape)


def kept(tensor):
    values = tensor.detach().flatten()
    step = -(-len(values) // KEPT)
    return {"norm": values.norm().item(), "step": step, "values": values[::step].tolist()}


def case(op, function, *inputs, **settings):
    """Inputs are shapes, or (kind, shape); the n-th is made with shift n, dy with 100."""
    inputs = [one if isinstance(one[0], str) else ("any", one) for one in inputs]
    tensors = [fill(kind, list(shape), n).requires_grad_() for n, (kind, shape) in enumerate(inputs)]
    y = function(*tensors, **settings)
    y.backward(fill("any", list(y.shape), 100).reshape(y.shape))
    given = [{"kind": kind, "shape": list(shape)} for kind, shape in inputs]
    grads = [kept(torch.zeros_like(t) if t.grad is None else t.grad) for t in tensors]
    return {"op": op, "settings": settings, "inputs": given, "output": kept(y), "gradients": grads}


def conv2d(x, w, b=None, *, stride, padding, dilation=(1, 1), groups=1):
    return F.conv2d(x, w, b, tuple(stride), tuple(padding), tuple(dilation), groups)


def conv_transpose2d(x, w, b=None, *, stride, padding, output_padding, dilation, groups):
    return F.conv_transpose2d(x, w, b, stride, padding, output_padding, groups, dilation)


def conv_stack(x, *params, tails, padding, flatten):
    for tail, weight, bias in zip(tails, params[::2], params[1::2]):
        x = F.conv2d(x, weight, bias, padding=tuple(padding))
        x = F.max_pool2d(F.relu(x), 2) if tail == "max" else F.avg_pool2d(torch.tanh(x), 2)
    return x.flatten(1) if flatten else x


def batch_norm(x, gamma, beta, *, eps):
    return F.batch_norm(x, None, None, gamma, beta, True, 0.0, eps)


def batch_norm_eval(x, gamma, beta, mean, var, *, eps):
    # By its formula: PyTorch gives no gradient to running statistics.
    shape = [1, -1] + [1] * (x.dim() - 2)
    gamma, beta, mean, var = (t.reshape(shape) for t in (gamma, beta, mean, var))
    return gamma * (x - mean) / (var + eps).sqrt() + beta


def contrastive(distance, same, *, margin):
    return (same * distance**2 + (1 - same) * (margin - distance).clamp_min(0) ** 2).mean()


def triplet(a, p, n, *, margin):
    return ((a - p).square().sum(1) - (a - n).square().sum(1) + margin).clamp_min(0).mean()


def log_softmax_loss(d, *, temperature, labels):
    """Of given squared distances."""
    labels, n = torch.tensor(labels), len(labels)
    others = ~torch.eye(n, dtype=torch.bool)
    positive = (labels[:, None] == labels[None, :]) & others
    logits = -d / (2 * temperature)
    each = logits.masked_fill(~others, -torch.inf).logsumexp(1) - (logits * positive).sum(1) / positive.sum(1).clamp_min(1)
    return each[positive.any(1)].mean()


def multi_similarity(d, *, alpha, beta, base, labels):
    labels = torch.tensor(labels)
    same = labels[:, None] == labels[None, :]
    positive, cosine = same & ~torch.eye(len(labels), dtype=torch.bool), 1 - d / 2
    near = (torch.exp(-alpha * (cosine - base)) * positive).sum(1).log1p() / alpha
    far = (torch.exp(beta * (cosine - base)) * ~same).sum(1).log1p() / beta
    return (near + far).mean()


def mined(d, *, margin, mining, labels):
    hinges, n = [], len(labels)
    for a in range(n):
        positives = [i for i in range(n) if i != a and labels[i] == labels[a]]
        negatives = [i for i in range(n) if labels[i] != labels[a]]
        if not positives or not negatives:
            continue
        if mining == "batch_hard":
            chosen = [(max(positives, key=lambda i: d[a, i]), min(negatives, key=lambda i: d[a, i]))]
        else:
            chosen = []
            for p in positives:
                beyond = [i for i in negatives if d[a, i] > d[a, p]]
                of = min(beyond, key=lambda i: d[a, i]) if beyond else max(negatives, key=lambda i: d[a, i])
                chosen.append((p, of))
        hinges += [(d[a, p] - d[a, n] + margin).clamp_min(0) for p, n in chosen]
    return torch.stack(hinges).mean()


def normalise(x):
    return x / x.square().sum(1, keepdim=True).clamp_min(1e-12).sqrt()


def squared_distance(a, b):
    return (a - b).square().sum(1, keepdim=True)


def euclidean_distance(a, b, *, floor):
    return squared_distance(a, b).clamp_min(floor).sqrt()


def ops():
    shape, images, labels = (3, 5), (2, 3, 7, 9), [0, 1, 0, 2, 1, 0, 3]
    square = ("positive", (len(labels),) * 2)
    yield case("add", torch.add, shape, shape)
    yield case("sub", torch.sub, shape, shape)
    yield case("mul", torch.mul, shape, shape)
    yield case("div", torch.div, shape, ("positive", shape))
    yield case("neg", torch.neg, shape)
    yield case("square", torch.square, shape)
    yield case("sqrt", torch.sqrt, ("positive", shape))
    yield case("abs", torch.abs, shape)
    yield case("exp", torch.exp, shape)
    yield case("log", torch.log, ("positive", shape))
    yield case("clamp_min", lambda x, min: x.clamp_min(min), shape, min=0.1)
    yield case("clamp_max", lambda x, max: x.clamp_max(max), shape, max=0.1)
    yield case("scale", lambda x, factor: x * factor, shape, factor=-1.7)
    for b in [(5,), (3, 1), (1,)]:
        yield case("broadcast_add", torch.add, shape, b)
        yield case("broadcast_mul", torch.mul, shape, b)
    yield case("broadcast_mul", torch.mul, (2, 3, 4, 5), (3, 1, 5))
    yield case("sum", torch.sum, shape)
    yield case("mean", torch.mean, shape)
    for rows, keep in [(shape, False), ((2, 3, 17), True)]:
        yield case("row_sum", lambda x, keep_axis: x.sum(-1, keep_axis), rows, keep_axis=keep)
        yield case("row_mean", lambda x, keep_axis: x.mean(-1, keep_axis), rows, keep_axis=keep)
        yield case("row_max", lambda x, keep_axis: x.max(-1, keep_axis).values, rows, keep_axis=keep)
        yield case("log_sum_exp", lambda x, keep_axis: x.logsumexp(-1, keep_axis), rows, keep_axis=keep)
        yield case("softmax", lambda x: x.softmax(-1), rows)
    yield case("matmul", torch.matmul, (4, 19), (19, 6))
    yield case("reshape", lambda x, shape: x.reshape(shape), (4, 3, 5), shape=(6, 10))
    yield case("transpose", torch.t, shape)
    for axis in (0, 1):
        yield case("concat", lambda *x, axis: torch.cat(x, axis), (2, 3, 4), (2, 3, 4), axis=axis)
        yield case("slice", lambda x, axis, range: x.narrow(axis, range[0], range[1] - range[0]), (4, 5, 2), axis=axis, range=(1, 3))
    yield case("gather_rows", lambda x, rows: x[list(rows)], (4, 3), rows=(3, 0, 3, 1))
    yield case("relu", torch.relu, shape)
    yield case("tanh", torch.tanh, shape)
    yield case("sigmoid", torch.sigmoid, shape)
    yield case("dense", F.linear, (4, 19), (6, 19), (6,))
    yield case("dense", F.linear, (1, 3), (2, 3))
    for kernel, stride, padding, bias in [
        ((3, 3), (1, 1), (0, 0), True),
        ((3, 2), (2, 3), (1, 0), True),
        ((1, 4), (1, 2), (0, 2), False),
        ((2, 2), (4, 5), (2, 1), True),
    ]:
        inputs = [images, (4, 3, *kernel)] + [(4,)] * bias
        yield case("conv2d", conv2d, *inputs, stride=stride, padding=padding)
    for x, weight, stride, padding, dilation, groups in [
        (images, (4, 3, 3, 3), (1, 1), (2, 1), (2, 3), 1),
        (images, (4, 3, 2, 3), (2, 1), (1, 1), (2, 2), 1),
        ((2, 4, 9, 8), (6, 2, 3, 3), (1, 1), (1, 1), (1, 1), 2),
        ((2, 5, 9, 8), (10, 1, 3, 3), (2, 1), (1, 0), (1, 2), 5),
    ]:
        settings = dict(stride=stride, padding=padding, dilation=dilation, groups=groups)
        yield case("conv2d", conv2d, x, weight, (weight[0],), **settings)
    for x, weight, stride, padding, output_padding, dilation, groups in [
        ((2, 3, 5, 4), (3, 4, 3, 3), (1, 1), (0, 0), (0, 0), (1, 1), 1),
        ((2, 3, 5, 4), (3, 4, 3, 2), (2, 3), (1, 0), (1, 2), (1, 1), 1),
        ((2, 3, 5, 4), (3, 2, 2, 3), (1, 2), (1, 2), (0, 1), (2, 1), 1),
        ((2, 6, 4, 4), (6, 2, 3, 3), (2, 2), (1, 1), (1, 0), (1, 2), 3),
        ((2, 33, 6, 6), (33, 34, 3, 3), (1, 1), (1, 1), (0, 0), (1, 1), 1),
    ]:
        settings = dict(stride=stride, padding=padding, output_padding=output_padding, dilation=dilation, groups=groups)
        yield case("conv_transpose2d", conv_transpose2d, x, weight, (weight[1] * groups,), **settings)
    # Wide enough for the way that deep layers take.
    yield case("conv2d", conv2d, (2, 40, 8, 8), (36, 40, 3, 3), (36,), stride=(1, 1), padding=(1, 1))
    for tails, padding in [(["max"], (1, 1)), (["max", "max"], (1, 1)), (["average", "average"], (1, 1)), (["max"], (0, 2))]:
        channels, params = 3, []
        for filters in [5, 4][: len(tails)]:
            params += [(filters, channels, 3, 3), (filters,)]
            channels = filters
        yield case("conv_stack", conv_stack, (2, 3, 13, 12), *params, tails=tails, padding=padding, flatten=len(tails) > 1)
    for window, stride in [((2, 2), (2, 2)), ((3, 2), (1, 3)), ((1, 3), (4, 2))]:
        yield case("max_pool2d", lambda x, window, stride: F.max_pool2d(x, window, stride), images, window=window, stride=stride)
        yield case("avg_pool2d", lambda x, window, stride: F.avg_pool2d(x, window, stride), images, window=window, stride=stride)
    for x in [(6, 5), (3, 4, 5, 2)]:
        parameters = [("positive", (x[1],)), (x[1],)]
        yield case("batch_norm", batch_norm, x, *parameters, eps=1e-3)
        yield case("batch_norm_eval", batch_norm_eval, x, *parameters, (x[1],), ("positive", (x[1],)), eps=1e-3)
    yield case(
        "normalised_dense",
        lambda x, gamma, beta, weight, bias, eps: F.linear(batch_norm(x, gamma, beta, eps=eps), weight, bias),
        *[(5, 23), ("positive", (23,)), (23,), (4, 23), (4,)],
        eps=1e-3,
    )
    yield case("flatten", lambda x: x.flatten(1), images)
    yield case("squared_distance", squared_distance, shape, shape)
    yield case("euclidean_distance", euclidean_distance, shape, shape, floor=1e-7)
    yield case("l2_normalise", normalise, (4, 17))
    yield case("pairwise_squared_distance", lambda x: (x[:, None] - x[None, :]).square().sum(2), (5, 9))
    yield case("contrastive_loss", contrastive, ("positive", (8, 1)), ("binary", (8, 1)), margin=0.9)
    yield case("triplet_loss", triplet, (4, 6), (4, 6), (4, 6), margin=0.5)
    yield case("supervised_contrastive_loss", log_softmax_loss, square, temperature=0.3, labels=labels)
    yield case("multi_similarity_loss", multi_similarity, square, alpha=2.0, beta=20.0, base=0.5, labels=labels)
    for mining in ["semi_hard", "batch_hard"]:
        yield case("mined_triplet_loss", mined, square, margin=0.2, mining=mining, labels=labels)


def parameter(name, shape, shift):
    """Weights that leave every unit at work."""
    values = fill("any", list(shape), shift)
    if len(shape) > 1:
        fan = 1
        for size in shape[1:]:
            fan *= size
        return values * (1.0 / fan**0.5)
    return 0.25 * values + (1.0 if name.endswith("weight") else 0.0)


def model(binary, name, size):
    """Loss and gradients of a training step on a batch of three; images as `number` makes them, where above 0."""
    settings = recipe(binary, name) | {"size": size}
    parts = nn.ModuleDict({"encoder": encoder(settings)})
    if settings["head"]:
        parts["head"] = head()
    parts.double().train()
    for shift, (key, tensor) in enumerate(parts.named_parameters()):
        tensor.data.copy_(parameter(key, tensor.shape, shift))
    sides = ["left", "right"] if settings["loss"] == "contrastive" else ["anchor", "positive", "negative"]
    shape = [3, settings["channels"], size, size]
    batch = {side: fill("any", shape, 200 + n).clamp_min(0) for n, side in enumerate(sides)}
    batch["same"] = torch.tensor([1.0, 0.0, 0.0])
    loss, _ = forward(settings, parts, batch)
    loss.backward()
    gradients = [{"name": key, "gradient": kept(tensor.grad)} for key, tensor in parts.named_parameters()]
    return {"recipe": name, "size": size, "loss": loss.item(), "parameters": gradients}


def main():
    names = [f"{model}-{loss}" for model in ("report", "figure5") for loss in ("triplet", "contrastive")]
    values = {
        "made_with": f"PyTorch {torch.__version__.split('+')[0]}, f64",
        "ops": list(ops()),
        "models": [model(sys.argv[1], name, 26 if name.startswith("report") else 28) for name in names],
    }
    # One case a line, so that a change can be read.
    print("{")
    print(f' "made_with": {json.dumps(values["made_with"])},')
    for key, end in (("ops", ","), ("models", "")):
        print(f' "{key}": [')
        print(",\n".join(f"  {json.dumps(one)}" for one in values[key]))
        print(f" ]{end}")
    print("}")


if __name__ == "__main__":
    main()
