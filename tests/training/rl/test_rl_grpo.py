"""The losses, by hand, against automatic differentiation, and against TRL's on a tiny model."""

import math

import pytest
import torch
from tiny_checkpoints import tiny_lm

from training.rl.grpo import clipped, divergence, info_nce, token_weights

MASK = torch.tensor([[True, True], [True, False]])


def test_token_weights_by_hand():
    assert token_weights(MASK, "sequence").tolist() == [[0.25, 0.25], [0.5, 0]]
    assert token_weights(MASK, "token")[0].tolist() == pytest.approx([1 / 3, 1 / 3])
    assert token_weights(MASK, "token").sum().item() == pytest.approx(1)


def test_clipped_loss_by_hand():
    ratios = torch.tensor([[1.5, 1.1], [0.5, 0.9]])
    losses, held = clipped(ratios.log(), torch.zeros(2, 2), torch.tensor([2.0, -1.0]), 0.2)
    # A = 2: min(3, 2.4), min(2.2, 2.2).  A = -1: min(-0.5, -0.8), min(-0.9, -0.9).
    assert losses.tolist() == [pytest.approx([-2.4, -2.2]), pytest.approx([0.8, 0.9])]
    assert held.tolist() == [[True, False], [True, False]]


def test_beyond_the_clip_there_is_no_gradient_and_back_towards_it_there_is():
    logprobs = torch.tensor([[1.5, 0.5]]).log().requires_grad_()
    losses, _ = clipped(logprobs, torch.zeros(1, 2), torch.tensor([1.0]), 0.2)
    losses.sum().backward()
    assert logprobs.grad[0].tolist() == pytest.approx([0, -0.5])


def test_divergence_by_hand_and_never_negative():
    policy, reference = torch.tensor([0.5, 0.2]).log(), torch.tensor([0.25, 0.2]).log()
    expected = [0.5 + math.log(2) - 1, 0]
    assert divergence(policy, reference).tolist() == pytest.approx(expected, abs=1e-6)
    noise = torch.randn(100, generator=torch.Generator().manual_seed(0))
    assert (divergence(noise, noise.flip(0)) >= 0).all()


def test_info_nce_by_hand():
    own = torch.tensor([[True, False, False]])
    queries, items = torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
    e = [math.exp(s / 0.5) for s in (1, 0, 0.6)]
    assert info_nce(queries, items, own, 0.5).item() == pytest.approx(-math.log(e[0] / sum(e)))
    both = torch.tensor([[True, False, True]])
    expected = -(math.log(e[0] / (e[0] + e[1])) + math.log(e[2] / (e[2] + e[1]))) / 2
    assert info_nce(queries, items, both, 0.5).item() == pytest.approx(expected)


def test_info_nce_of_nothing_but_own_items_is_zero_with_a_finite_gradient():
    queries = torch.tensor([[0.6, 0.8]], requires_grad=True)
    loss = info_nce(queries, torch.eye(2), torch.ones(1, 2, dtype=torch.bool), 0.05)
    loss.sum().backward()
    assert loss.item() == 0
    assert torch.isfinite(queries.grad).all()


@pytest.mark.parametrize(("normalise", "theirs"), [("sequence", "grpo"), ("token", "bnpo")])
@pytest.mark.parametrize("kl", [0.0, 0.3])
def test_loss_and_gradient_are_trls(tmp_path, normalise, theirs, kl):
    pytest.importorskip("trl", reason="trl, whose loss is compared, is not installed")
    from transformers import AutoModelForCausalLM

    path = tiny_lm(tmp_path, "llama")
    model = AutoModelForCausalLM.from_pretrained(path).eval()
    random = torch.Generator().manual_seed(1)
    prompts = torch.randint(3, 250, (4, 5), generator=random)
    written = torch.randint(3, 250, (4, 6), generator=random)
    mask = torch.arange(6)[None] < torch.tensor([[6], [1], [3], [4]])
    advantages = torch.tensor([1.2, -0.7, 0.0, 0.4])

    def policy():
        ids = torch.cat([prompts, written], 1)
        logits = model(ids).logits[:, 4:-1].float()
        return logits.log_softmax(-1).gather(2, written[:, :, None])[:, :, 0]

    drift = torch.randn(2, 4, 6, generator=random) * 0.3
    old, reference = policy().detach() + drift[0], policy().detach() + drift[1]

    losses, _ = clipped(policy(), old, advantages, 0.2)
    losses = losses + kl * divergence(policy(), reference)
    ours = (losses * token_weights(mask, normalise)).sum()
    ours.backward()

    trainer = trl_trainer(path, tmp_path, theirs, kl)
    loss = trainer._compute_loss(
        trainer.model.eval(),
        {
            "prompt_ids": prompts,
            "prompt_mask": torch.ones_like(prompts),
            "completion_ids": written,
            "completion_mask": mask.long(),
            "advantages": advantages,
            "old_per_token_logps": old,
            "ref_per_token_logps": reference,
        },
    )
    loss.backward()
    assert ours.item() == pytest.approx(loss.item(), rel=1e-5)
    for mine, parameter in zip(model.parameters(), trainer.model.parameters(), strict=True):
        assert torch.allclose(mine.grad, parameter.grad, atol=1e-5)


def trl_trainer(model, folder, loss_type, kl):
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    config = GRPOConfig(
        output_dir=str(folder / "trl"),
        loss_type=loss_type,
        beta=kl,
        use_bias_correction_kl=False,  # the estimator of GRPO as it was published
        epsilon=0.2,
        temperature=1.0,
        num_generations=2,
        per_device_train_batch_size=2,
        gradient_checkpointing=False,
        bf16=False,
        use_cpu=True,
        report_to="none",
    )
    prompts = Dataset.from_dict({"prompt": ["a", "b"]})
    return GRPOTrainer(str(model), lambda **_: [0.0], args=config, train_dataset=prompts)
