from understudy.episode import Episode as Episode
from understudy.policies.predict import load_policy as load_policy
from understudy.rollouts.parquet import read_recording as read_recording
from understudy.sources.episodes import make_episode as make_episode
from understudy.sources.recording import read_environment as read_environment
from understudy.sources.recording import write_recording as write_recording

__all__ = [
    "Episode",
    "__version__",
    "load_policy",
    "make_episode",
    "read_environment",
    "read_recording",
    "write_recording",
]
__version__: str
