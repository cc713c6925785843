"""PARAMS -- the params.yaml of a small project that learns from games of Wordle."""

PARAMS = """
words:
  task: wordle
  players:
    - {player: random, games: 30}
    - {player: consistent, rate: 0.5, games: 100}
    - {player: greedy_entropy, games: 70}
  first_seed: 500
  wordle: {words: [cat, dog, pig, cow, ant, bee], max_turns: 6, words_only: true, marks_name_letters: true}
sequences: {seed: 0, demonstrations: null, validation_fraction: 0.1, hide: []}
options: {seed: 0, count: 2, iterations: 2, restarts: 1, dwell: 3, smoothing: 1, state_weight: 0.05}
training: {seeds: [0], threads: 1, precision: float32, steps: 120, batch_size: 32, chunk_length: 32, learning_rate: 3.0e-3,
  warmup_steps: 10, weight_decay: 0.01, max_grad_norm: 1.0, evaluate_every: 40, patience: null}
policies:
  decoder:
    family: action_transformer
    model: {embed_dim: 32, num_layers: 1, num_heads: 2, num_kv_heads: 2, hidden_dim: 64, max_seq_len: 32, context: 18,
      state_differences: 0, action_dropout: 0.0, continuous_loss: mse, value_weight: 0.1}
    play: {}
    best_returns: null
    training: {}
  bc:
    family: language_bc
    model: &language {embed_dim: 32, num_layers: 1, num_heads: 2, num_kv_heads: 2, hidden_dim: 64, max_seq_len: 32, context: 18}
    play: {}
    best_returns: null
    training: {steps: 60, evaluate_every: 30}
  ilql:
    family: language_q
    model: *language
    play: {beta: 0.0, variants: {better: {beta: 2.0}}}
    best_returns: null
    training: {steps: 60, evaluate_every: 30}
word_evaluation: {games: 40, first_seed: 2000000, block_size: 16, temperatures: {greedy: 0.0, sampled: 1.0},
  players: [{player: random}, {player: consistent, rate: 1.0}], baseline: bc, seed: 0, resamples: 200, confidence: 0.95}
compute: {device: cpu, workers: 1}
"""
