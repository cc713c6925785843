"""Make the word list of Wordle, src/understudy/tasks/word_list.py, out of two packages of words.

Run in an environment of its own: pip install symspellpy==6.10.1 xkcdpass==1.30.0, then python tools/make_words.py
symspellpy says how often a word is written in English, xkcdpass which words stand in a dictionary without names. What both have
is taken, the most frequent first, so that a shorter list is the beginning of a longer one.
"""

import re
from importlib.resources import files
from pathlib import Path

TARGET = Path(__file__).resolve().parents[1] / "src/understudy/tasks/word_list.py"
COUNT, LENGTH, LINE = 2000, 5, 17  # words in all, letters of each, words a line
COARSE = {"bitch", "penis", "porno", "pussy", "semen", "whore"}  # left out, since people watch these games
HEADER = '''"""Two thousand English words of five letters, the most frequent first; made by tools/make_words.py, not by hand.

Sources and licences: the order is that of frequencies in symspellpy 6.10.1 (MIT), which has them from Google Books Ngram
(Creative Commons Attribution 3.0) and SCOWL (Kevin Atkinson; free to use). What counts as a word says the list `legacy` of
xkcdpass 1.30.0 (BSD-3-Clause), made of Alan Beale's 12Dicts, which he released to the public domain and asks to be named for.
"""

'''


def frequent_words() -> list[str]:
    """Words of the right length by falling frequency."""
    text = (files("symspellpy") / "frequency_dictionary_en_82_765.txt").read_text(encoding="utf-8-sig")
    counted = [(-int(count), word) for word, count in (line.split() for line in text.splitlines())]
    return [word for _, word in sorted(counted) if re.fullmatch(f"[a-z]{{{LENGTH}}}", word)]


def dictionary() -> set[str]:
    """All words that count as such."""
    return set((files("xkcdpass") / "static" / "legacy").read_text(encoding="utf-8").split())


def main() -> None:
    """Write the module."""
    known = dictionary() - COARSE
    words = [word for word in frequent_words() if word in known][:COUNT]
    lines = [" ".join(words[first : first + LINE]) for first in range(0, len(words), LINE)]
    TARGET.write_text(HEADER + 'WORDS = """\n' + "\n".join(lines) + '\n"""\n', encoding="utf-8")
    print(f"{len(words)} words, from {words[0]} to {words[-1]}")


if __name__ == "__main__":
    main()
