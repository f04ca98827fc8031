"""A start for the projector without the language model: features against caption embeddings.

Pictures and captions are drawn together in the language model's embedding space by InfoNCE (Oord et al.,
1807.03748), as CLIP does; a minute of it saves many minutes of training through the language model.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import normalize

from passerelle.models.vlm import VisionLanguageModel
from passerelle.sources.concepts import words

STEPS = 400
BATCH = 512
LEARNING_RATE = 1e-3
WEIGHT_DECAY = 0.05
NOISE = 0.6
"""Spread of the noise on standardised features."""
TEMPERATURE = 0.05


def caption_embeddings(model: VisionLanguageModel, captions: Sequence[str]) -> Tensor:
    """Return the mean input embedding of each caption's words, centred and of length 1 [captions, hidden]."""
    table = model.language_model.embed_tokens.weight.detach().float()
    centre = table[: model.image_token].mean(0)
    rows = []
    for caption in captions:
        text = " " + (" ".join(words(caption)) or caption)
        rows.append(table[model.tokenizer(text, add_special_tokens=False)["input_ids"]].mean(0) - centre)
    return normalize(torch.stack(rows), dim=1)


def start_projector(model: VisionLanguageModel, features: Tensor, captions: Sequence[str], *, seed: int) -> float:
    """Fit the projector to captions and put the result into the model; return the last loss.

    The features' standardisation is folded into the first layer, the spread of the language model's
    embeddings into the second.

    Args:
        model: Its projector is overwritten.
        features: Vision features [views × pictures, tokens, hidden], view by view.
        captions: Caption of each picture [pictures].
        seed: Seeds initial weights and batches.
    """
    torch.manual_seed(seed)
    inputs = features.float()
    mean, spread = inputs.mean(1).mean(0), inputs.mean(1).std(0) + 1e-3
    first = torch.nn.Linear(inputs.shape[-1], model.projector.linear_1.out_features)
    second = torch.nn.Linear(first.out_features, model.projector.linear_2.out_features)
    network = torch.nn.Sequential(first, torch.nn.GELU(), second)
    targets = caption_embeddings(model, captions)
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=STEPS)
    mixing = torch.distributions.Dirichlet(torch.full((inputs.shape[1],), 2.0))
    loss = torch.tensor(0.0)
    for _ in range(STEPS):
        rows = torch.randint(len(inputs), (BATCH,))
        mixed = (inputs[rows] * mixing.sample((BATCH,))[..., None]).sum(1)
        seen = (mixed - mean) / spread
        seen = seen + NOISE * torch.randn_like(seen)
        loss = info_nce(normalize(network(seen), dim=1), targets[rows % len(captions)])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        rates.step()
    _put_in(model, network, inputs, mean, spread)
    return float(loss.detach())


def info_nce(seen: Tensor, said: Tensor) -> Tensor:
    """Return the symmetric InfoNCE loss of pictures [batch, hidden] and captions [batch, hidden].

    Captions that are equal count as matches of each other's pictures.
    """
    similarity = seen @ said.T / TEMPERATURE
    same = (said @ said.T > 0.999).float()
    rows = (similarity.log_softmax(1) * same / same.sum(1, keepdim=True)).sum(1).mean()
    columns = (similarity.log_softmax(0) * same / same.sum(0, keepdim=True)).sum(0).mean()
    return -rows - columns


@torch.no_grad()
def _put_in(
    model: VisionLanguageModel, network: torch.nn.Sequential, inputs: Tensor, mean: Tensor, spread: Tensor
) -> None:
    first, second = network[0], network[2]
    assert isinstance(first, torch.nn.Linear) and isinstance(second, torch.nn.Linear)
    table = model.language_model.embed_tokens.weight.detach().float()[: model.image_token]
    scale = table.std() / network((inputs.flatten(0, 1) - mean) / spread).std()
    weight = first.weight / spread
    model.projector.linear_1.weight.copy_(weight)
    model.projector.linear_1.bias.copy_(first.bias - weight @ mean)
    model.projector.linear_2.weight.copy_(second.weight * scale)
    model.projector.linear_2.bias.copy_(second.bias * scale + table.mean(0))
