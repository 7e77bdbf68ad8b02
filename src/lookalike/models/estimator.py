"""scikit-learn's manners, without its import: what its `clone`, pipelines and searches ask of an estimator."""

from __future__ import annotations

import inspect
from typing import Any, Self


class Estimator:
    """Parameters are those of the constructor, which only stores them; `fit_transform` is `fit`, then `transform`.

    Source: scikit-learn's guide to estimators of one's own, which asks for no base class. Its own takes longer to
    import than a picture's look-alikes take to find.
    """

    @classmethod
    def parameters(cls) -> set[str]:
        """Names of what the constructor takes."""
        return {name for name in inspect.signature(cls.__init__).parameters if name != "self"}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name; `deep` changes nothing, as none is an estimator."""
        return {name: getattr(self, name) for name in sorted(self.parameters())}

    def set_params(self, **given: Any) -> Self:
        """Set some parameters; returns self.

        Raises:
            ValueError: there is no such parameter.
        """
        known = self.parameters()
        for name, value in given.items():
            if name not in known:
                there = ", ".join(sorted(known))
                raise ValueError(f"{type(self).__name__} has no parameter {name!r}; there are {there}")
            setattr(self, name, value)
        return self

    def fit_transform(self, X: Any, y: None = None, **settings: Any) -> Any:
        """Fit to X and transform it."""
        learner: Any = self
        return learner.fit(X, y, **settings).transform(X)

    def __repr__(self) -> str:
        usual = {name: one.default for name, one in inspect.signature(type(self).__init__).parameters.items()}
        changed = {name: value for name, value in self.get_params().items() if value != usual[name]}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in changed.items())})"

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn asks of an estimator before it uses it: a transformer that needs no y."""
        from sklearn.utils import Tags, TargetTags, TransformerTags

        return Tags(estimator_type=None, target_tags=TargetTags(required=False), transformer_tags=TransformerTags())
