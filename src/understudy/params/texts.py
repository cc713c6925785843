"""`texts:` in params.yaml, of projects that learn from logs: how a text becomes a vector."""

from typing import Literal, Self

from pydantic import model_validator

from understudy.params.section import Count, Section, Seed


class TfidfParams(Section):
    """TF-IDF and a truncated SVD, fitted on the texts of the training runs.

    Attributes:
        seed: of the randomised SVD.
        ngrams: words a term at most.
        min_texts: in which a term must occur.
        max_terms: at most so many terms, those that occur most often.
    """

    seed: Seed
    ngrams: Count
    min_texts: Count
    max_terms: Count


class HubParams(Section):
    """A pretrained model of transformers or sentence-transformers.

    Attributes:
        model: its name on the hub, or a folder.
        max_tokens: of a text that are read.
    """

    model: str
    max_tokens: Count


class TextParams(Section):
    """How texts are embedded.

    Attributes:
        embedder: tfidf, or wordllama or hub, which extras of this package install.
        dim: numbers a vector; hub has those of its model.
        max_characters: of a text that are read; hub counts tokens.
        tfidf, hub: settings of these, used where `embedder` says so.
    """

    embedder: Literal["tfidf", "wordllama", "hub"]
    dim: Count
    max_characters: Count
    tfidf: TfidfParams | None = None
    hub: HubParams | None = None

    @model_validator(mode="after")
    def _settings_are_there(self) -> Self:
        if self.embedder != "wordllama" and getattr(self, self.embedder) is None:
            raise ValueError(f"{self.embedder}: expected its settings, got none")
        return self
