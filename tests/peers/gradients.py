"""Holds `twinglyph gradients` against PyTorch's autograd: python gradients.py BINARY [RECIPE ...]

For random weights and batches: loss, embeddings, every parameter's gradient and the running statistics, in f64 and in
f32, as in training and as in use. In f64 all must agree to 1e-8 of their largest number, in f32 each gradient to 1e-3 in the
norm, where it is above 1e-6 of the whole gradient's norm. Where two numbers of a pooling window, or a ReLU's input and 0, are
as good as equal, rounding decides which way the gradient goes, in PyTorch as here: in f32 up to three batches are tried.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from encoder import built_in, encoder, head, recipe


def randomise(module, generator):
    """Weights and running statistics that leave every unit at work."""
    for name, tensor in module.state_dict().items():
        noise = torch.randn(tensor.shape, generator=generator)
        if name.endswith("running_var"):
            tensor.copy_(0.5 + noise.abs())
        elif name.endswith("num_batches_tracked"):
            continue
        elif tensor.dim() > 1:
            tensor.copy_(noise / tensor[0].numel() ** 0.5)
        else:
            tensor.copy_(0.1 * noise + (1.0 if is_gamma(module, name) else 0.0))


def is_gamma(module, name):
    layer, kind = name.split(".")
    return kind == "weight" and isinstance(module[int(layer)], (nn.BatchNorm1d, nn.BatchNorm2d))


def random_batch(recipe, generator):
    size = (recipe["channels"], recipe["size"], recipe["size"])

    def images(n):
        return torch.rand((n, *size), generator=generator)

    if recipe["loss"] == "contrastive":
        return {"left": images(5), "right": images(5), "same": torch.tensor([1.0, 0, 1, 0, 0])}
    if recipe["loss"] == "triplet":
        return {"anchor": images(5), "positive": images(5), "negative": images(5)}
    characters = torch.arange(12) // 2
    labels = characters.clone() if recipe["label"] == "character" else characters // 2
    return {"images": images(12), "labels": labels, "characters": characters}


def supervised_contrastive(embeddings, labels, temperature):
    # The cosines of embeddings of length 1, by their squared distances.
    logits = -torch.cdist(embeddings, embeddings, compute_mode="donot_use_mm_for_euclid_dist").square() / (2 * temperature)
    n = len(labels)
    others = ~torch.eye(n, dtype=torch.bool)
    positive = (labels[:, None] == labels[None, :]) & others
    log_sum = logits.masked_fill(~others, -torch.inf).logsumexp(1)
    anchors = positive.any(1)
    mean = (logits * positive).sum(1) / positive.sum(1).clamp_min(1)
    return (log_sum - mean)[anchors].mean()


def forward(recipe, model, batch):
    """The loss, and the embeddings by the batch's names."""
    if recipe["loss"] == "contrastive":
        left, right = model["encoder"](batch["left"]), model["encoder"](batch["right"])
        distance = (left - right).square().sum(1, keepdim=True).clamp_min(1e-7).sqrt()
        if "head" in model:
            distance = model["head"](distance)
        same = batch["same"][:, None].to(distance.dtype)
        loss = (same * distance**2 + (1 - same) * (recipe["margin"] - distance).clamp_min(0) ** 2).mean()
        return loss, {"left": left, "right": right}
    if recipe["loss"] == "triplet":
        sides = {side: model["encoder"](batch[side]) for side in ("anchor", "positive", "negative")}
        near = (sides["anchor"] - sides["positive"]).square().sum(1)
        far = (sides["anchor"] - sides["negative"]).square().sum(1)
        return (near - far + recipe["margin"]).clamp_min(0).mean(), sides
    embeddings = model["encoder"](batch["images"])
    temperature = recipe["temperature"]
    loss = supervised_contrastive(embeddings, batch["labels"], temperature)
    if recipe["character_weight"] > 0:
        loss = loss + recipe["character_weight"] * supervised_contrastive(embeddings, batch["characters"], temperature)
    return loss, {"images": embeddings}


def expected(recipe, model, batch):
    """What `gradients` should write. PyTorch's running variance is unbiased; the batch's own is wanted."""
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    variances = {}

    def watch(name, layer):
        def hook(_, inputs):
            x = inputs[0]
            axes = [axis for axis in range(x.dim()) if axis != 1]
            var, key = x.var(axes, unbiased=False), f"{name}.running_var"
            old = variances.get(key, before[key])
            variances[key] = ((1 - layer.momentum) * old + layer.momentum * var).detach()

        return layer.register_forward_pre_hook(hook)

    norms = [(n, m) for n, m in model.named_modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))]
    hooks = [watch(name, layer) for name, layer in norms if model.training]
    loss, embeddings = forward(recipe, model, batch)
    loss.backward()
    for hook in hooks:
        hook.remove()
    out = {"loss": loss.detach()}
    out |= {f"embedding.{side}": value.detach() for side, value in embeddings.items()}
    out |= {f"grad.{name}": p.grad for name, p in model.named_parameters()}
    out |= {n: t for n, t in model.state_dict().items() if n.endswith(("running_mean", "running_var"))}
    return out | variances


def compare(found, wanted, precision):
    """The worst relative error, and what it is of."""
    assert {n.removeprefix("head.") for n in found} == {n.removeprefix("head.") for n in wanted}, (
        sorted(set(found) ^ set(wanted))
    )
    whole = sum(t.double().square().sum() for n, t in wanted.items() if n.startswith("grad.")).sqrt()
    worst = (0.0, "nothing")
    for name, want in wanted.items():
        got, want = found[name].double(), want.double()
        assert got.numel() == want.numel(), name
        difference = got.reshape(want.shape) - want
        if precision == "f64":
            scale = whole if name.startswith("grad.") else want.abs().max()
            error = difference.abs().max() / scale
        elif name.startswith("grad.") and want.norm() <= 1e-6 * whole:
            continue
        else:
            error = difference.norm() / want.norm()
        worst = max(worst, (error.item(), name))
    return worst


def main():
    binary = sys.argv[1]
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for name in sys.argv[2:] or built_in(binary):
            settings = recipe(binary, name)
            for precision, tolerance, tries in (("f64", 1e-8, 1), ("f32", 1e-3, 3)):
                for mode in ("train", "eval"):
                    for seed in range(tries):
                        error, of = one_pass(binary, name, settings, precision, mode, 7 + seed, Path(folder))
                        if error <= tolerance:
                            break
                    failed |= not error <= tolerance
                    print(f"{name:<20} {precision} {mode:<5} {error:.1e} ({of}) {'ok' if error <= tolerance else 'WRONG'}")
    sys.exit(1 if failed else 0)


def one_pass(binary, name, settings, precision, mode, seed, folder):
    """The worst relative error on random weights and a random batch, and what it is of."""
    generator = torch.Generator().manual_seed(seed)
    model = nn.ModuleDict({"encoder": encoder(settings)})
    if settings["head"]:
        model["head"] = head()
    for part in model.values():
        randomise(part, generator)
    batch = random_batch(settings, generator)
    weights, batches, out = (str(folder / f"{x}.safetensors") for x in ("weights", "batch", "out"))
    save_file({n: t.contiguous() for n, t in model.state_dict().items()}, weights)
    save_file(batch, batches)
    command = [binary, "gradients", "--recipe", name, "--weights", weights, "--batch", batches, "--out", out]
    command += ["--precision", precision] + ["--eval"] * (mode == "eval")
    subprocess.run(command, check=True, capture_output=True)
    found = load_file(out)
    assert all(t.dtype == (torch.float64 if precision == "f64" else torch.float32) for t in found.values())
    # Always against f64: PyTorch's own rounding is no measure.
    twin = model.double().train(mode == "train")
    inputs = {n: t.double() if t.is_floating_point() else t for n, t in batch.items()}
    return compare(found, expected(settings, twin, inputs), precision)


if __name__ == "__main__":
    main()
