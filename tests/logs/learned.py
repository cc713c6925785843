"""A small project that learns from the toy desk's conversations, and its stages, run in this process.

PARAMS, REPLY_PARAMS       -- its params.yaml, where choices and where replies are predicted
write_project(folder, ...) -- the logs of two agents, and params.yaml
prepare(), learn(), learn_replies() -- stages in the present folder
"""

from pathlib import Path

from tests.builders import call_stage
from understudy.logs.toy import write_toy_logs
from understudy.utils.jsonfile import write_json

PARAMS = """
logs: {paths: [logs], format: auto, skip_bad: false}
runs: {domains: null, test_tasks: 0.3, test_agents: [other]}
decisions: {predicts: choice, observes: [user, tools, opening, said], copies: 1, noise: 0.5, seed: 0}
texts:
  embedder: tfidf
  dim: 8
  max_characters: 4000
  tfidf: {seed: 0, ngrams: 1, min_texts: 1, max_terms: 2000}
sequences: {seed: 0, demonstrations: null, validation_fraction: 0.2, hide: [], split_by: group}
options: {seed: 0, count: 2, iterations: 2, restarts: 1, dwell: 3, smoothing: 1, state_weight: 0.05}
training: {seeds: [0], threads: 1, precision: float32, steps: 80, batch_size: 16, chunk_length: 16, learning_rate: 3.0e-3,
  warmup_steps: 10, weight_decay: 0.01, max_grad_norm: 1.0, evaluate_every: 40, patience: null}
policies:
  mlp:
    family: mlp
    model: {hidden_dim: 32, num_layers: 1, continuous_loss: mse, value_weight: 0.1}
    play: {}
    best_returns: null
    training: {}
  decoder:
    family: action_transformer
    model: {embed_dim: 32, num_layers: 1, num_heads: 2, num_kv_heads: 1, hidden_dim: 64, max_seq_len: 64, context: 16,
      state_differences: 0, action_dropout: 0.1, continuous_loss: mse, value_weight: 0.1}
    play: {}
    best_returns: null
    training: {}
  hierarchical:
    family: hierarchical
    model: {embed_dim: 32, num_layers: 1, num_heads: 2, num_kv_heads: 1, hidden_dim: 64, max_seq_len: 64, context: 16,
      state_differences: 0, action_dropout: 0.1, continuous_loss: mse, value_weight: 0.1}
    play: {}
    best_returns: null
    training: {}
log_evaluation: {seed: 0, resamples: 200, confidence: 0.95, precision: 0.9, regularisation: [0.01, 0.1], neighbours: [1, 5],
  baseline: logistic, success_baseline: run_length, forest_trees: 20, forest_leaf: 5,
  longest_loop: 3, odd_steps: 5}
compute: {device: cpu, workers: 1}
"""
REPLY_POLICIES = """policies:
  similarity:
    family: action_transformer
    model: {embed_dim: 32, num_layers: 1, num_heads: 2, num_kv_heads: 1, hidden_dim: 64, max_seq_len: 64, context: 16,
      state_differences: 0, action_dropout: 0.1, continuous_loss: similarity, value_weight: 0.0}
    play: {}
    best_returns: null
    training: {}
  cloning:
    family: mlp
    model: {hidden_dim: 32, num_layers: 1, continuous_loss: mse, value_weight: 0.0}
    play: {}
    best_returns: null
    training: {}
"""
BEFORE, AFTER = PARAMS.index("policies:"), PARAMS.index("log_evaluation:")
REPLY_PARAMS = (PARAMS[:BEFORE] + REPLY_POLICIES + PARAMS[AFTER:]).replace("predicts: choice", "predicts: reply")
READS = ["action", "label", "observation", "return_to_go"]
POLICIES = {"mlp": READS, "decoder": READS, "hierarchical": [*READS, "option", "termination"]}
REPLYING = {"similarity": READS, "cloning": READS}


def write_project(folder: Path, params: str = PARAMS) -> None:
    """Logs of an agent that is learned from and of another one, on the same tasks."""
    (folder / "logs").mkdir(parents=True)
    for agent, runs, errors in (("desk", 120, 0.15), ("other", 40, 0.25)):
        write_toy_logs(
            folder / f"logs/{agent}.jsonl", num_runs=runs, num_tasks=40, error_rate=errors, agent=agent, seed=0
        )
    (folder / "params.yaml").write_text(params)


def prepare(policies: dict[str, list[str]] = POLICIES) -> None:
    """From logs to sequences with options; what each family reads stands where the stage `code` would have put it."""
    for stage in ("import_logs", "embed_texts", "record_logs", "build_sequences", "label_options"):
        call_stage(stage)
    write_json(Path("data/code/select_columns.json"), {"reads": policies})
    call_stage("select_columns")


def learn(policy: str) -> None:
    """Train, judge and pack one policy."""
    for stage in ("train_policy", "evaluate_log", "pack_log_policy"):
        call_stage(stage, policy=policy, seed=0)


def learn_replies() -> None:
    """Train, judge and pack all policies of a project that predicts replies."""
    for policy in REPLYING:
        for stage in ("train_policy", "evaluate_log"):
            call_stage(stage, policy=policy, seed=0)
    call_stage("evaluate_log_retrieval")
    for policy in REPLYING:
        call_stage("pack_reply_policy", policy=policy, seed=0)
