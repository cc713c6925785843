"""Wordle one game at a time, by counting letters: what the vectorised one is held against."""

from collections import Counter


def plain_feedback(guess: str, answer: str) -> str:
    """Marks of a guess: greens first, then a yellow for each copy of a letter that is left, from the left."""
    left = Counter(a for g, a in zip(guess, answer, strict=True) if g != a)
    marks = []
    for g, a in zip(guess, answer, strict=True):
        if g == a:
            marks.append("g")
        elif left[g] > 0:
            left[g] -= 1
            marks.append("y")
        else:
            marks.append("b")
    return "".join(marks)


def plain_game(guesses: list[str], answer: str, max_turns: int) -> tuple[str, list[float]]:
    """The text of a game and what each of its letters is paid."""
    text, rewards = "", []
    for guess in guesses[:max_turns]:
        text += guess + "".join(f"<{mark}>" for mark in plain_feedback(guess, answer))
        rewards += [0.0] * (len(guess) - 1) + [0.0 if guess == answer else -1.0]
        if guess == answer:
            break
    return text, rewards
