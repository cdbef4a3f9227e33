"""A last opinion on a semantic hit: a model of the user's that reads both texts together, and may refuse."""

import importlib.util
import os
import threading
from typing import Any, Protocol, runtime_checkable

from seglam.errors import ConfigurationError, EmbedderError, MissingExtraError
from seglam.opinions import opinion


@runtime_checkable
class Verifier(Protocol):
    """Says whether one answer serves both texts. Asked after guards and threshold, on the request path."""

    def accepts(self, asked: str, stored: str) -> bool:
        """Whether the answer to ``stored`` serves ``asked``. When in doubt: False."""
        ...


class CrossEncoderVerifier:
    """A cross-encoder of sentence-transformers, such as one trained on duplicate questions, loaded at first use.

    Args:
        name_or_path: a folder, or a name on the model hub, which sentence-transformers then downloads.
        threshold: the least score at which two texts count as the same question; its scale is the model's.
        device: where it runs, as torch names it.

    Raises:
        MissingExtraError: sentence-transformers is not installed.
        ConfigurationError: the threshold is no number.
    """

    def __init__(self, name_or_path: str | os.PathLike[str], *, threshold: float = 0.5, device: str = "cpu") -> None:
        if importlib.util.find_spec("sentence_transformers") is None:
            raise MissingExtraError(
                'this verifier needs sentence-transformers: pip install "seglam[sentence-transformers]"'
            )
        if not isinstance(threshold, int | float) or isinstance(threshold, bool):
            raise ConfigurationError(f"threshold: expected a number, got {threshold!r}")
        self._name = os.fspath(name_or_path)
        self._threshold = threshold
        self._device = device
        self._lock = threading.Lock()  # the model's tokenizer keeps settings between calls, so one thread at a time
        self._model: Any = None

    def accepts(self, asked: str, stored: str) -> bool:
        """Whether the model's score, the lower of both orders, reaches the threshold.

        Raises:
            EmbedderError: the model cannot be loaded, or gives no score; the hit is refused then.
        """
        with self._lock:
            if self._model is None:
                from sentence_transformers import CrossEncoder

                try:
                    self._model = CrossEncoder(self._name, device=self._device)
                except Exception as error:
                    raise EmbedderError(f"{self._name}: sentence-transformers cannot load it: {error}") from error
            scores = self._model.predict([(asked, stored), (stored, asked)], show_progress_bar=False)
        try:
            return bool(min(float(score) for score in scores) >= self._threshold)
        except (TypeError, ValueError) as error:
            raise EmbedderError(f"{self._name}: it gives more than one number for a pair, or none") from error


def verified(verifier: Verifier, asked: str, stored: str) -> bool:
    """What a verifier says; False where it raises or says anything but True, which is logged once for each cause."""
    return opinion("verifier", verifier, lambda: verifier.accepts(asked, stored), "such hits are refused")
