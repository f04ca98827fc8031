"""The embedded base's projector, learnt in two halves that meet in a space of sentence embeddings.

An *aligner* takes a picture's features to the embedding of its caption; it is fitted by contrast, as CLIP is
(InfoNCE: Oord et al., 1807.03748). A *reader* takes an embedding to the language model's inputs; it needs no
picture, so that thousands of names of things teach it (as in CapDec, 2211.00575). Joined, the two are LLaVA's own
projector: linear, GELU, linear.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

STEPS = 500
BATCH = 512
LEARNING_RATE = 1e-3
WEIGHT_DECAY = 0.05
NOISE = 1.5
"""Spread of the noise on standardised features."""
DROPOUT = 0.3
TEMPERATURE = 0.05
FOLDS = 5
RIDGE = 1.0


@dataclass(frozen=True)
class Aligner:
    """Takes features [..., hidden] to the space of sentence embeddings [..., width].

    Attributes:
        first: Linear layer on plain features; their standardisation is folded in.
        second: Linear layer after GELU; scaled so that pictures that it was fitted on have length 1 on average.
    """

    first: torch.nn.Linear
    second: torch.nn.Linear

    @torch.no_grad()
    def __call__(self, features: Tensor) -> Tensor:
        """Return where features lie."""
        out: Tensor = self.second(torch.nn.functional.gelu(self.first(features.float())))
        return out


def fit_aligner(features: Tensor, targets: Tensor, middle: int, *, seed: int, steps: int | None = None) -> Aligner:
    """Fit an aligner by contrast.

    Args:
        features: Vision features [views × pictures, tokens, hidden], view by view.
        targets: Embedding of each picture's caption, of length 1 [pictures, width].
        middle: Width of the middle layer.
        seed: Seeds initial weights and batches.
        steps: How long [`STEPS`].
    """
    torch.manual_seed(seed)
    inputs = features.float()
    mean, spread = inputs.mean(1).mean(0), inputs.mean(1).std(0) + 1e-3
    first, second = torch.nn.Linear(inputs.shape[-1], middle), torch.nn.Linear(middle, targets.shape[1])
    network = torch.nn.Sequential(torch.nn.Dropout(DROPOUT), first, torch.nn.GELU(), second)
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps or STEPS)
    mixing = torch.distributions.Dirichlet(torch.full((inputs.shape[1],), 2.0))
    for _ in range(steps or STEPS):
        rows = torch.randint(len(inputs), (BATCH,))
        seen = ((inputs[rows] * mixing.sample((BATCH,))[..., None]).sum(1) - mean) / spread
        seen = seen + NOISE * torch.randn_like(seen)
        loss = info_nce(normalize(network(seen), dim=1), targets[rows % len(targets)])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        rates.step()
    with torch.no_grad():
        first.weight.div_(spread)
        first.bias.sub_(first.weight @ mean)
        length = Aligner(first, second)(inputs.mean(1)).norm(dim=1).mean()
        second.weight.div_(length)
        second.bias.div_(length)
    return Aligner(first, second)


def info_nce(seen: Tensor, said: Tensor) -> Tensor:
    """Return the symmetric InfoNCE loss of pictures [batch, width] and captions [batch, width].

    What a picture should be drawn to is spread over captions by their likeness, so that two that say much the
    same aren't pushed apart.
    """
    similarity, wanted = seen @ said.T / TEMPERATURE, (said @ said.T / TEMPERATURE).softmax(1)
    rows = (similarity.log_softmax(1) * wanted).sum(1).mean()
    columns = (similarity.log_softmax(0) * wanted.T).sum(0).mean()
    return -rows - columns


def cross_fit(
    features: Tensor, targets: Tensor, groups: Sequence[str], middle: int, *, seed: int, steps: int | None = None
) -> Tensor:
    """Return where each picture lies under an aligner that saw no picture of its group.

    The language model learns from these: they err as those of concepts that were never seen do.

    Args:
        features: Vision features [views × pictures, tokens, hidden], view by view.
        targets: Caption embeddings [pictures, width].
        groups: Each picture's group, for example its concept.
        middle: Width of the aligners' middle layer.
        seed: Seeds folds and aligners.
        steps: How long each aligner is fitted [`STEPS`].

    Returns:
        Aligned features [views × pictures, tokens, width].
    """
    names = sorted(set(groups))
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(seed)).tolist()
    fold_of = {names[name]: place % FOLDS for place, name in enumerate(order)}
    fold = torch.tensor([fold_of[group] for group in groups])
    every = fold.repeat(len(features) // len(targets))
    out = torch.empty(*features.shape[:2], targets.shape[1])
    for index in range(FOLDS):
        aligner = fit_aligner(features[every != index], targets[fold != index], middle, seed=seed + index, steps=steps)
        out[every == index] = aligner(features[every == index])
    return out


def imagine(words: Tensor, aligned: Tensor, targets: Tensor, *, seed: int, graded: bool = False) -> Tensor:
    """Return where pictures of words may lie: the word's embedding, with the error of some picture's.

    Args:
        words: Embeddings of words [words, width].
        aligned: Aligned features of pictures [views × pictures, tokens, width].
        targets: Their captions' embeddings [pictures, width].
        seed: Seeds which picture's error each word gets.
        graded: Give each word a share of the error between none and all: a model that is to compare a name with
            a picture learns it on the easy ones.

    Returns:
        Aligned features [words, tokens, width].
    """
    said = targets.repeat(len(aligned) // len(targets), 1)[:, None]
    strength = (aligned * said).sum(-1).mean()
    drawn = torch.Generator().manual_seed(seed)
    error = (aligned - strength * said)[torch.randint(len(aligned), (len(words),), generator=drawn)]
    if not graded:
        return strength * words[:, None] + error
    share = torch.rand(len(words), 1, 1, generator=drawn)
    made = (share * strength + 1 - share) * words[:, None] + share * error
    length = aligned.mean(1).norm(dim=1).mean()
    scaled: Tensor = made * length / made.mean(1, keepdim=True).norm(dim=2, keepdim=True)
    return scaled


def start_reader(texts: Tensor, inputs: Tensor, table: Tensor) -> torch.nn.Linear:
    """Return a linear layer that takes sentence embeddings to the language model's inputs, by ridge regression.

    Args:
        texts: Sentence embeddings [texts, width].
        inputs: The same texts' mean input embeddings [texts, hidden].
        table: All input embeddings [vocabulary, hidden]; the layer's outputs are spread as they are.
    """
    centre = table.mean(0)
    gram = texts.T @ texts + RIDGE * torch.eye(texts.shape[1])
    weight = torch.linalg.solve(gram, texts.T @ (inputs - centre)).T
    reader = torch.nn.Linear(texts.shape[1], table.shape[1])
    with torch.no_grad():
        reader.weight.copy_(weight * (table - centre).std() / (texts @ weight.T).std())
        reader.bias.copy_(centre)
    return reader


@torch.no_grad()
def join(aligner: Aligner, reader: torch.nn.Linear, projector: torch.nn.Module) -> None:
    """Put aligner and reader into LLaVA's projector: the second layer and the reader become one."""
    first, second = projector.get_submodule("linear_1"), projector.get_submodule("linear_2")
    assert isinstance(first, torch.nn.Linear) and isinstance(second, torch.nn.Linear)
    first.weight.copy_(aligner.first.weight)
    first.bias.copy_(aligner.first.bias)
    weight = reader.weight.float()
    second.weight.copy_(weight @ aligner.second.weight)
    second.bias.copy_(weight @ aligner.second.bias + reader.bias.float())
