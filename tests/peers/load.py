"""Great loads: python load.py BINARY OMNIGLOT [MINUTES]

Trains on all of OMNIGLOT (a folder or zip) for so many minutes (60; two at least), stops it as Ctrl-C does and watches the memory;
trains two epochs to the end, with their report; measures the model on a million pairs; encodes a folder of 100,000 images; times a
step of 2 pairs and of 1,024. Prints what each took, and fails where memory grows or passes its bound.
"""

import os
import pathlib
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib

BOUNDS = {"training": 200, "two epochs": 200, "a million pairs": 250, "100,000 images": 350, "2 pairs": 100, "1,024 pairs": 1500}  # MiB


def memory(pid, field):
    """In MiB; 0 when the process is gone."""
    try:
        lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))
    except (OSError, StopIteration):
        return 0


def watched(*command, minutes=None):
    """Runs to the end, or so many minutes and then until Ctrl-C is answered: seconds, the peak and (second, memory) by the second."""
    started, peak, seen, interrupted = time.time(), 0, [], False
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while process.poll() is None:
        peak = max(peak, memory(process.pid, "VmHWM:"))
        seen.append((time.time() - started, memory(process.pid, "VmRSS:")))
        if minutes is not None and not interrupted and seen[-1][0] > 60 * minutes:
            interrupted = True
            process.send_signal(signal.SIGINT)
        # Some are done in a fifth of a second.
        time.sleep(0.01 if len(seen) < 500 else 1)
    assert peak > 0, f"{command[1]} was never seen"
    error = process.stderr.read()
    if process.returncode != (130 if interrupted else 0):
        sys.exit(f"{command[1]} ended with {process.returncode}: {error}")
    return time.time() - started, peak, seen


def report(what, seconds, peak, more=""):
    print(f"{what:<16} {seconds:8.1f} s   peak {peak:6.0f} MiB of {BOUNDS[what]}{more}", flush=True)
    assert peak <= BOUNDS[what], f"{what}: {peak:.0f} MiB, expected at most {BOUNDS[what]}"


def images(folder, count):
    """PNGs of 105 x 105, each a line of its own: 100 alphabets of 50 characters, the rest are drawings."""
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 105, 105, 1, 0, 0, 0, 0))
    for i in range(count):
        place = folder / f"alphabet{i % 100:03}" / f"character{i // 100 % 50:02}"
        if i < 5000:
            place.mkdir(parents=True)
        row = lambda y: bytes(0xFF if (x * 7 + y * (1 + i % 11) + i // 11) % 13 else 0x3C for x in range(14))
        data = zlib.compress(b"".join(b"\0" + row(y) for y in range(105)), 1)
        (place / f"{i % 5000:04}_{1 + i // 5000:02}.png").write_bytes(head + chunk(b"IDAT", data) + chunk(b"IEND", b""))


def main():
    binary, data, minutes = sys.argv[1], sys.argv[2], float(sys.argv[3]) if len(sys.argv) > 3 else 60
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        train = [binary, "train", "--recipe", "report-contrastive", "--data", data, "--quiet", "--out"]
        run = place / "run"
        seconds, peak, seen = watched(*train, run, "--epochs", 1_000_000, minutes=minutes)
        epochs = len((run / "metrics.csv").read_text().splitlines()) - 1
        # From the second epoch on all that is needed has been taken.
        early = max(rss for second, rss in seen if second < 0.2 * seconds)
        late = max(rss for second, rss in seen if second > 0.2 * seconds and second < 0.9 * seconds)
        report("training", seconds, peak, f"; {epochs} epochs, {early:.0f} MiB in the first fifth, then at most {late:.0f}")
        assert late <= 1.05 * early, "memory grew"
        seconds, peak, _ = watched(*train, place / "short", "--epochs", 2)
        report("two epochs", seconds, peak, ", with the report")

        seconds, peak, _ = watched(binary, "evaluate", run, "--pairs", 1_000_000, "--json")
        report("a million pairs", seconds, peak)

        images(place / "many", 100_000)
        seconds, peak, _ = watched(
            binary, "embed", run, "--data", place / "many", "--out", place / "many.npz", "--quiet"
        )
        report("100,000 images", seconds, peak)

        for what, batch in (("2 pairs", 2), ("1,024 pairs", 1024)):
            bench = [binary, "bench", "--recipe", "report-contrastive", "--pairs", batch, "--steps", 20]
            seconds, peak, _ = watched(*bench)
            report(what, seconds, peak, " for 25 steps")


if __name__ == "__main__":
    main()
