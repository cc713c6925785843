"""params.yaml of a project that learns from games in text: its sections."""

from understudy.params.compute import ComputeParams
from understudy.params.options import OptionParams
from understudy.params.policies import PoliciesParams
from understudy.params.section import Section
from understudy.params.sequences import SequenceParams
from understudy.params.training import TrainingParams
from understudy.params.words import WordParams


class WordProject(Section):
    """All of params.yaml: the demonstrators play themselves, and nothing is trained to demonstrate."""

    words: WordParams
    sequences: SequenceParams
    options: OptionParams
    training: TrainingParams
    policies: PoliciesParams
    compute: ComputeParams
