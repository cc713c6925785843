"""Games played in text, a token at a time: the contract, Wordle, a maze, who plays them, and recordings of what was played."""
