"""From recordings to memory-mapped state-action sequences, and batches of them."""
