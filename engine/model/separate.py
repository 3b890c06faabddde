"""``towers: separate`` on torch: a causal LM reasons, a light encoder embeds."""

from __future__ import annotations

from engine.model.encoder import Encoder
from engine.model.reasoner import Reasoner
from engine.model.two_towers import TwoTowers


class SeparateTowers(TwoTowers[Encoder, Reasoner]):
    """An encoder and a reasoner on torch; training reaches their models through it."""
