"""Loads every built-in recipe's model elsewhere: python round_trip.py BINARY [RECIPE ...]

The safetensors file goes into a plain nn.Sequential of PyTorch, where that is installed, the ONNX export into
onnxruntime and, where that is installed, into tract; all must give the embeddings of `twinglyph gradients --eval` to 1e-5.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
from safetensors.numpy import load_file, save_file

try:
    import tract
except ImportError:
    tract = None
try:
    import torch
except ImportError:
    torch = None

SMALL = ["synthetic.alphabets=6", "synthetic.characters=4", "synthetic.drawers=4", "steps=2", "validation_pairs=40"]
LABELLED = ["sample.alphabets=4", "sample.characters=2", "sample.drawings=2"]


def run(*arguments):
    return subprocess.run(arguments, check=True, capture_output=True, text=True).stdout


def names(binary):
    return [line.split()[0] for line in run(binary, "recipes").splitlines() if line.strip()]


def batch_of(text, images):
    """A batch that the recipe's loss takes, with the same images everywhere."""
    n = len(images)
    if 'loss = "contrastive"' in text:
        return {"left": images, "right": images, "same": np.ones(n, np.float32)}
    if 'loss = "triplet"' in text:
        return {"anchor": images, "positive": images, "negative": images}
    return {"images": images, "labels": np.arange(n) // 4, "characters": np.arange(n) // 2}


def main():
    binary = sys.argv[1]
    failed = False
    for name in sys.argv[2:] or names(binary):
        with tempfile.TemporaryDirectory() as folder:
            at = lambda file: str(Path(folder, file))  # noqa: E731
            settings = [word for setting in SMALL + LABELLED for word in ("--set", setting)]
            run(binary, "train", "--recipe", name, *settings, "--epochs", "1", "--quiet", "--out", at("run"))
            weights = at("run/model.safetensors")
            run(binary, "export", at("run"), "--onnx", at("encoder.onnx"))
            session = onnxruntime.InferenceSession(at("encoder.onnx"), providers=["CPUExecutionProvider"])
            _, *shape = session.get_inputs()[0].shape
            images = np.random.default_rng(3).random((8, *shape), np.float32)
            save_file(batch_of(run(binary, "recipes", name), images), at("batch.safetensors"))
            run(binary, "gradients", "--recipe", name, "--weights", weights, "--batch", at("batch.safetensors"),
                "--out", at("out.safetensors"), "--eval")
            found = load_file(at("out.safetensors"))
            own = next(value for key, value in found.items() if key.startswith("embedding."))
            others = {"onnxruntime": session.run(["embedding"], {"images": images})[0]}
            if tract is not None:
                others["tract"] = in_tract(at("encoder.onnx"), images)
            if torch is not None:
                others["PyTorch"] = in_torch(binary, name, weights, images)
            for peer, embeddings in others.items():
                error = float(np.abs(embeddings - own).max())
                failed |= not error <= 1e-5
                print(f"{name:<20} {peer:<12} {error:.1e} {'ok' if error <= 1e-5 else 'WRONG'}")
    sys.exit(1 if failed else 0)


def in_tract(path, images):
    model = tract.onnx().load(path)
    model.set_input_fact(0, ",".join(map(str, images.shape)) + ",f32")
    return model.into_model().into_runnable().run([images])[0].to_numpy()


def in_torch(binary, name, weights, images):
    from encoder import encoder, recipe
    from safetensors.torch import load_file as load_tensors

    model = encoder(recipe(binary, name))
    state = {key.removeprefix("encoder."): value for key, value in load_tensors(weights).items() if key.startswith("encoder.")}
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected, unexpected
    assert all(key.endswith("num_batches_tracked") for key in missing), missing
    with torch.no_grad():
        return model.eval()(torch.from_numpy(images)).numpy()


if __name__ == "__main__":
    main()
