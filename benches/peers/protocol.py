"""What the peers have in common: their arguments, and how compare.py asks them for a measurement."""
import argparse
import statistics
import sys
import time

SIZE = 105
WARM_UP = 5
STEPS = 20


def arguments(description):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=["report", "figure5"])
    parser.add_argument("pairs", type=int)
    parser.add_argument("threads", type=int)
    parser.add_argument("--channels", type=int, default=3)
    parser.add_argument("--infer", action="store_true", help="encode 2 x PAIRS images, nothing else")
    parser.add_argument("--compile", action="store_true", help="torch.compile, or XLA in Keras")
    parser.add_argument("--channels-last", action="store_true", help="PyTorch's memory format")
    return parser.parse_args()


def serve(step):
    """Warms up and says `ready`; then, for each line that comes, times some steps and prints their median in ms."""
    for _ in range(WARM_UP):
        step()
    print("ready", flush=True)
    for _ in sys.stdin:
        times = []
        for _ in range(STEPS):
            start = time.perf_counter()
            step()
            times.append(time.perf_counter() - start)
        print(1e3 * statistics.median(times), flush=True)
