"""Tiny real checkpoints, made on the spot in a second: random weights, their own tokenizers."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    pre_tokenizers,
    processors,
    trainers,
)

from engine.model import init_checkpoint
from engine.model.config import CONFIG_FILE
from engine.model.loading import quiet

WORDS = (
    """
cordless drill with two batteries, steel fishing rod and reel combo, tackle box, lure kit
running shoes for nurses, waterproof hiking boots, garden hose 50 ft, kitchen faucet brushed nickel
gift for dad who fishes, led light bulb 60 watt, paint brush set, wooden picnic table, camping tent
"""
    * 4
)
CHAT_TEMPLATE = (
    "{% for m in messages %}<|start|>{{ m['role'] }}\n{{ m['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
)


def tiny_encoder(path: Path, *, dimension: int = 32, seed: int = 0) -> Path:
    """A BERT encoder in the layout of sentence-transformers."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizer

    characters = sorted({c for c in WORDS if not c.isspace()})
    words = sorted({w.strip(",") for w in WORDS.split()})
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = [*special, *characters, *(f"##{c}" for c in characters), *words]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=dimension,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,
        initializer_range=0.3,
    )
    base = path / "bert"
    with quiet():
        BertModel(config).save_pretrained(base)
        BertTokenizer(vocab=vocabulary).save_pretrained(base)
        transformer = Transformer(str(base), max_seq_length=64)
    modules = [transformer, Pooling(dimension), Normalize()]
    target = path / "encoder"
    with quiet():
        SentenceTransformer(modules=modules, device="cpu").save_pretrained(
            str(target), create_model_card=False
        )
    return target


def tiny_lm(path: Path, arch: str = "qwen2", *, tied: bool = True, seed: int = 0) -> Path:
    """A causal LM of the Qwen2 (with chat template) or Llama (with BOS token) architecture."""
    from transformers import (
        LlamaConfig,
        LlamaForCausalLM,
        PreTrainedTokenizerFast,
        Qwen2Config,
        Qwen2ForCausalLM,
    )

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|pad|>", "<|start|>", "<|end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(WORDS.splitlines(), trainer)
    if arch == "llama":
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<|start|> $A", special_tokens=[("<|start|>", 1)]
        )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<|pad|>",
        bos_token="<|start|>",
        eos_token="<|end|>",
    )
    if arch == "qwen2":
        fast.chat_template = CHAT_TEMPLATE
    torch.manual_seed(seed)
    config_class, model_class = {
        "qwen2": (Qwen2Config, Qwen2ForCausalLM),
        "llama": (LlamaConfig, LlamaForCausalLM),
    }[arch]
    config = config_class(
        vocab_size=tokenizer.get_vocab_size() + 5,  # like Qwen, rows beyond the tokenizer
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        initializer_range=0.3,
        tie_word_embeddings=tied,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
        # What the CPU runtime takes; and unlike Qwen's, heads wider than the states.
        **({"head_dim": 16} if arch == "llama" else {}),
    )
    with quiet():
        model_class(config).save_pretrained(path / arch)
    fast.save_pretrained(path / arch)
    return path / arch


def tiny_separate(
    path: Path, *, trained: bool = False, reasoner: bool | None = None, seed: int = 0
) -> Path:
    """Separate towers: the tiny encoder, and a tiny Llama if it is trained to reason."""
    sources = path.with_name(path.name + "-sources")
    with_reasoner = trained if reasoner is None else reasoner
    init_checkpoint(
        path,
        towers="separate",
        embedder=str(tiny_encoder(sources, seed=seed)),
        reasoner=str(tiny_lm(sources, "llama", seed=seed)) if with_reasoner else None,
    )
    return mark_trained(path) if trained else path


def tiny_shared(
    path: Path, arch: str = "qwen2", *, trained: bool = True, tied: bool = True, seed: int = 0
) -> Path:
    """Shared towers on the tiny Qwen2 (chat framing) or Llama (plain framing)."""
    base = tiny_lm(path.with_name(path.name + "-sources"), arch, tied=tied, seed=seed)
    framing = "chat" if arch == "qwen2" else "plain"
    init_checkpoint(path, towers="shared", reasoner=str(base), framing=framing)
    return mark_trained(path) if trained else path


def mark_trained(path: Path) -> Path:
    """Let a checkpoint of random weights reason: thoughts without sense, but real ones."""
    file = path / CONFIG_FILE
    config = json.loads(file.read_text())
    config["reasoner"]["trained"] = True
    file.write_text(json.dumps(config))
    return path
