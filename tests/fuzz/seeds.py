"""Small valid files for each fuzz target to start from: python3 tests/fuzz/seeds.py PROGRAM FOLDER

PROGRAM is a built twinglyph: it prints its recipes and trains the run whose files are taken. Python's own library makes the
images and archives, so that writer and reader are not the same code.
"""

import io
import pathlib
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib

program, folder = sys.argv[1], pathlib.Path(sys.argv[2])


def write(target, name, data):
    place = folder / target
    place.mkdir(parents=True, exist_ok=True)
    (place / name).write_bytes(data)


def png(width, height, depth=1, colour=0, interlaced=0, palette=b"", transparent=b""):
    """A stroke across the image."""
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    bits = width * samples * depth
    rows = b"".join(
        b"\0" + bytes(0x10 if (x * 8 // max(bits, 1)) % 5 == y % 5 else 0xFF for x in range((bits + 7) // 8))
        for y in range(height)
    )
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))]
    parts += [chunk(b"PLTE", palette)] * bool(palette) + [chunk(b"tRNS", transparent)] * bool(transparent)
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts + [chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")])


kinds = {
    "bits": png(9, 9),
    "grey": png(20, 20, 8),
    "grey16": png(7, 9, 16),
    "colour": png(11, 6, 8, 2),
    "palette": png(12, 12, 4, 3, palette=bytes(range(48)), transparent=b"\0\x80\xff"),
    "alpha": png(8, 8, 8, 4),
    "colour-alpha": png(5, 8, 8, 6),
    "one": png(1, 1, 8),
    "wide": png(400, 2),
}
for name, data in kinds.items():
    write("png", name, data)


def archive(entries, method=zipfile.ZIP_DEFLATED):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as out:
        for name, content in entries:
            out.writestr(name, content)
    return data.getvalue()


glyphs = [
    (f"images_background/{alphabet}/character{character:02}/{1 + character:04}_{drawer:02}.png", png(9, 9))
    for alphabet in ["Greek", "Latin"]
    for character in [1, 2]
    for drawer in [1, 2]
]
write("archive", "omniglot", archive(glyphs))
write("archive", "stored", archive(glyphs[:2], zipfile.ZIP_STORED))
write("archive", "tree", archive([("Greek/alpha/a.png", kinds["grey"]), ("Latin/b/b.png", kinds["colour"])]))
size = 105
shots = [("run01/class_labels.txt", b"run01/test/item01.png run01/training/class01.png\n")]
shots += [(f"run01/{part}01.png", png(size, size)) for part in ["test/item", "training/class"]]
write("archive", "one-shot", archive(shots))


def run(*words):
    return subprocess.run([program, *words], check=True, capture_output=True).stdout


for line in run("recipes").decode().splitlines():
    name = line.split()[0]
    write("recipe", name, run("recipes", name))
write("recipe", "settings", b'loss = "triplet"\n\0steps=3\nencoder=[]\nsample.alphabets = 2')

numbers = b'{"input":[[[1,2],[3.5,-4]]],"kernel":[[[[1,-1]]]],"bias":[2],"upstream":[[[1],[2]]],"stride":[1,1],"padding":[0,0]}'
write("problem", "numbers", numbers)
write("problem", "trace", run("trace", "--input", "3x4", "--kernel", "2x1", "--channels", "2", "--stride", "2x1", "--json"))

small = """
loss = "contrastive"
size = 16
batch = 4
steps = 1
epochs = 2
encoder = [{ layer = "conv2d", filters = 2, kernel = 3 }, { layer = "flatten" }, { layer = "dense", units = 2 }]
[synthetic]
alphabets = 6
characters = 3
drawers = 2
"""
with tempfile.TemporaryDirectory() as place:
    place = pathlib.Path(place)
    (place / "small.toml").write_text(small)
    run("train", "--recipe", str(place / "small.toml"), "--out", str(place / "run"), "--quiet")
    write("model", "model", (place / "run/model.safetensors").read_bytes())
    for number, name in enumerate(["config.toml", "metrics.csv", "environment.json", "last.safetensors"]):
        write("run_directory", name, bytes([number]) + (place / "run" / name).read_bytes())
