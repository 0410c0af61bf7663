"""Times twinglyph against Keras and PyTorch on this machine, in turn, and prints the ratios.

    pip install tensorflow-cpu torch
    cargo build --release
    python benches/peers/compare.py                                  # 32 pairs, 2 threads, both models
    python benches/peers/compare.py --threads 1 2 --pairs 8 32 128
    python benches/peers/compare.py --infer                          # encoding of 64 images alone

Every peer is a process of its own that is started and warmed up once; then all are asked in turn, A B C A B C, so that
neighbours and clocks that come and go meet all of them. A ratio is of two measurements of the same round; what is
printed is the median over the rounds, and the least and the greatest. Peers that cannot be started are named and left
out. The ratio that counts is the one against the best peer: the one with the least median.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
PEERS = {
    "keras": ["keras_peer.py"],
    "torch": ["torch_peer.py"],
    "torch channels-last": ["torch_peer.py", "--channels-last"],
    "torch compiled": ["torch_peer.py", "--compile"],
    "torch compiled channels-last": ["torch_peer.py", "--compile", "--channels-last"],
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=["report", "figure5"], default=["report", "figure5"])
    parser.add_argument("--pairs", nargs="+", type=int, default=[32])
    parser.add_argument("--threads", nargs="+", type=int, default=[2])
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS), metavar="PEER", help=", ".join(PEERS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--infer", action="store_true", help="encoding alone")
    parser.add_argument("--binary", default=str(HERE.parents[1] / "target" / "release" / "twinglyph"))
    args = parser.parse_args()
    print("| model | pairs | threads | twinglyph ms | best peer | its ms | ratio (least to greatest) | other peers ms |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for model in args.models:
        for pairs in args.pairs:
            for threads in args.threads:
                compare(args, model, pairs, threads)


def compare(args, model, pairs, threads):
    options = ["--infer"] if args.infer else []
    peers = {}
    for name in args.peers:
        script, *flags = PEERS[name]
        command = [sys.executable, str(HERE / script), model, str(pairs), str(threads), *flags, *options]
        pipe = subprocess.PIPE
        peer = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, cwd=HERE)
        if peer.stdout.readline().strip() == "ready":
            peers[name] = peer
        else:
            print(f"{name}: does not start; try: {' '.join(command)}", file=sys.stderr)
    ours, theirs = [], {name: [] for name in peers}
    for _ in range(args.rounds):
        for name, peer in peers.items():
            peer.stdin.write("\n")
            peer.stdin.flush()
            theirs[name].append(float(peer.stdout.readline()))
            # Its threads may spin for a while when the work is done.
            time.sleep(0.3)
        ours.append(bench(args, model, pairs, threads, options))
    for peer in peers.values():
        peer.stdin.close()
        peer.wait()
    medians = {name: statistics.median(times) for name, times in theirs.items()}
    if not medians:
        sys.exit("no peer could be started")
    best = min(medians, key=medians.get)
    ratios = [a / b for a, b in zip(ours, theirs[best])]
    others = ", ".join(f"{name} {ms:.1f}" for name, ms in medians.items() if name != best)
    spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    ms = statistics.median(ours)
    print(f"| {model} | {pairs} | {threads} | {ms:.1f} | {best} | {medians[best]:.1f} | {spread} | {others} |", flush=True)


def bench(args, model, pairs, threads, options):
    command = [args.binary, "bench", "--recipe", f"{model}-contrastive", "--channels", "3", "--json"]
    command += ["--pairs", str(pairs), "--threads", str(threads), *options]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(answer.stdout)["ms_per_step"]


if __name__ == "__main__":
    main()
