"""Teachers without a network: given thoughts, and a causal LM on this machine."""

import json

import polars as pl
import pytest
from tiny_checkpoints import tiny_lm

from catalog.errors import LremError
from engine.errors import ModelError
from training.errors import TrainingError
from training.triples.teachers.given import GivenThoughts
from training.triples.teachers.lm import LocalLM
from training.triples.teachers.log import AnswerLog
from training.triples.teachers.two_step import PromptedTeacher

QUERIES = ["gift for dad who fishes", "running shoes for nurses", "tent"]


def quiet(progress):
    pass


def test_given_thoughts_are_looked_up(tmp_path):
    rows = [
        {"query": "Gift for dad  who fishes", "cot": ["tackle box", "lure kit"], "kind": "gift"},
        {"query": "tent", "cot": []},
        {"query": "TENT", "cot": ["camping tent, 2 person"]},
        {"query": "tent", "cot": ["another"]},
    ]
    pl.DataFrame(rows).write_parquet(tmp_path / "t.parquet")
    pl.DataFrame([{**r, "cot": ", ".join(r["cot"])} for r in rows]).write_csv(tmp_path / "t.csv")
    for name in ("t.parquet", "t.csv"):
        answers = GivenThoughts(str(tmp_path / name)).answer(QUERIES, quiet)
        assert answers.texts == {
            QUERIES[0]: "tackle box, lure kit",
            "tent": "camping tent, 2 person",
        }
        assert answers.counts == {"thoughts given": 2}
        missing, repeated = answers.notes
        assert missing == "1 queries have no given thought, such as 'running shoes for nurses'."
        assert repeated.startswith("1 further thought")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"query": "tent"}\n', "no column 'cot'"),
        ('{"query": "tent", "cot": []}\n', "holds no thought"),
        ('{"query": "tent", "cot": [{"a": 1}]}\n', "row 1: cot: "),
    ],
)
def test_a_file_without_thoughts_is_refused(tmp_path, content, words):
    (tmp_path / "t.jsonl").write_text(content)
    with pytest.raises(LremError, match=words):
        GivenThoughts(str(tmp_path / "t.jsonl"))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """One with a chat template and one without, both with room for the prompts."""
    folders = {}
    for arch in ("qwen2", "llama"):
        folders[arch] = tiny_lm(tmp_path_factory.mktemp(arch), arch)
        config = folders[arch] / "config.json"
        settings = {**json.loads(config.read_text()), "max_position_embeddings": 4096}
        config.write_text(json.dumps(settings))
    return folders


def local(folder, **settings):
    given = {"max_tokens": 6, "temperature": 0.0, "batch_size": 2, "seed": 0}
    return LocalLM(str(folder), device="cpu", dtype="float32", **{**given, **settings})


def complete(model, prompts=QUERIES):
    replies = {}
    model.complete(prompts, lambda at, reply: replies.setdefault(prompts[at], reply.text))
    return replies


@pytest.mark.parametrize("arch", ["qwen2", "llama"])
def test_batches_answer_as_single_prompts_do(models, arch):
    single = complete(local(models[arch], batch_size=1))
    assert set(single) == set(QUERIES)
    assert len(set(single.values())) > 1
    assert complete(local(models[arch], batch_size=3)) == single


def test_the_chat_template_is_used_where_there_is_one(models):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    for arch, frame in (
        ("qwen2", "<|start|>user\n{}<|end|>\n<|start|>assistant\n"),
        ("llama", "<|start|>{}\n\nAnswer:"),
    ):
        tokenizer = AutoTokenizer.from_pretrained(models[arch])
        model = AutoModelForCausalLM.from_pretrained(models[arch], dtype=torch.float32).eval()
        ids = tokenizer(frame.format("tent"), add_special_tokens=False, return_tensors="pt")
        length = ids.input_ids.shape[1]
        out = model.generate(**ids, max_new_tokens=6, do_sample=False)[0, length:]
        expected = tokenizer.decode(out, skip_special_tokens=True)
        assert complete(local(models[arch]), ["tent"]) == {"tent": expected}


def test_sampling_goes_by_its_seed(models):
    def hot(seed):
        return complete(local(models["qwen2"], temperature=2.0, seed=seed))

    assert hot(1) == hot(1) != hot(2)


def test_two_steps_and_a_second_run_asks_nothing(models, tmp_path):
    told, log = [], tmp_path / "t.answers.jsonl"
    for asked in (2 * len(QUERIES), 0):
        with AnswerLog(log) as answers:
            who = PromptedTeacher(local(models["llama"]), answers)
            answer = who.answer(QUERIES, told.append)
        assert answer.counts["answers asked"] == asked
        assert set(answer.texts) <= set(QUERIES)
    assert [json.loads(line)["step"] for line in log.read_text().splitlines()] == [
        *["reason"] * 3,
        *["extract"] * 3,
    ]
    assert (told[-1].done, told[-1].total) == (3, 3)


def test_other_weights_under_the_same_name_do_not_meet_old_answers(models):
    before = local(models["llama"])
    file = models["llama"] / "model.safetensors"
    file.write_bytes(file.read_bytes())
    assert local(models["llama"]).name != before.name


def test_a_prompt_beyond_the_models_reach_is_an_error(models):
    with pytest.raises(TrainingError, match="more than the 4,096 tokens the teacher reads"):
        complete(local(models["qwen2"], max_tokens=4090))


def test_what_is_no_model_is_an_error(tmp_path):
    with pytest.raises(ModelError, match="gone"):
        local(tmp_path / "gone")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError):
        local(tmp_path)
