from understudy.policies.predict import load_policy as load_policy

__all__ = ["__version__", "load_policy"]
__version__: str
