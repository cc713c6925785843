"""Text written by learned policies: choosing tokens, playing tasks, completing a prompt, and what each token was worth."""
