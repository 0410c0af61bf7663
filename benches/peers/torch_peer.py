"""The training step of twinglyph's `report` and `figure5` models, or encoding alone, in PyTorch.

Run by compare.py; by hand: python torch_peer.py MODEL PAIRS THREADS [--infer] [--compile] [--channels-last], then a
line on standard input for each measurement. Each answers with the median milliseconds of a step.
"""
import torch
from torch import nn
from torch.nn.functional import relu

from protocol import SIZE, arguments, serve

args = arguments(__doc__)
torch.set_num_threads(args.threads)
torch.manual_seed(0)


def encoder(channels):
    # eps and momentum as in Keras: what a step costs does not depend on them.
    if args.model == "report":
        return nn.Sequential(
            nn.Conv2d(channels, 16, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.BatchNorm1d(18432, 1e-3, 0.01), nn.Linear(18432, 10),
        )
    return nn.Sequential(
        nn.BatchNorm2d(channels, 1e-3, 0.01),
        nn.Conv2d(channels, 4, 5), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(4, 16, 5), nn.Tanh(), nn.AvgPool2d(2),
        nn.Flatten(), nn.BatchNorm1d(8464, 1e-3, 0.01), nn.Linear(8464, 10), nn.Tanh(),
    )


class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = encoder(args.channels)
        self.head = nn.Sequential(nn.BatchNorm1d(1), nn.Linear(1, 1), nn.Sigmoid())

    def forward(self, left, right):
        # One call for both towers is faster than two, and kinder to the peer.
        a, b = self.encoder(torch.cat([left, right])).chunk(2)
        distance = ((a - b) ** 2).sum(1, keepdim=True).clamp_min(1e-7).sqrt()
        return distance if args.model == "report" else self.head(distance)


layout = torch.channels_last if args.channels_last else torch.contiguous_format


def random(count):
    return torch.rand(count, args.channels, SIZE, SIZE).to(memory_format=layout)


if args.infer:
    tower = encoder(args.channels).to(memory_format=layout).eval()
    images = random(2 * args.pairs)
    call = torch.compile(tower) if args.compile else tower

    def step():
        with torch.inference_mode():
            call(images)
else:
    model = Siamese().to(memory_format=layout)
    call = torch.compile(model) if args.compile else model
    left, right = random(args.pairs), random(args.pairs)
    same = (torch.arange(args.pairs) % 2).float()[:, None]
    adam = torch.optim.Adam(model.parameters(), 1e-3)

    def step():
        adam.zero_grad(set_to_none=True)
        distance = call(left, right)
        loss = (same * distance**2 + (1 - same) * relu(1 - distance) ** 2).mean()
        loss.backward()
        adam.step()

serve(step)
