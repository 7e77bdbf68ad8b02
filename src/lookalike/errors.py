"""Everything that can go wrong, in one tree.

LookalikeError                 exit code 1: our fault, or the computation's
├── TrainingDiverged           a loss became NaN or infinite
├── Interrupted                Ctrl-C or SIGTERM, after the state was saved (exit code 130)
├── ProcessLost                one of several processes that train together has died
└── UserError                  exit code 2: the input was wrong, the message names value, limit and remedy
    ├── DataError              a source of pictures cannot be used
    │   ├── PictureError       one picture cannot be read (it is set aside with this reason)
    │   └── DownloadError      a download failed at every mirror, or its checksum is wrong
    ├── WriteError             a file may not be written where it is to be (also an OSError)
    │   └── NoSpaceError       there is no room for it
    ├── OptionError            an argument is out of range (also a ValueError)
    ├── RunError               a run folder cannot be used, or a resume does not match it
    ├── SearchError            an index of codes cannot be built, read or asked that way
    │   └── GalleryError       a gallery cannot be used, or belongs to another model
    ├── WeightsError           a file of weights does not fit or is damaged
    ├── NotFittedError         a model was used before `fit` (also a ValueError and an AttributeError)
    ├── EngineError            an engine of many machines cannot be reached, or the work failed there
    ├── SubmissionError        the course's grader refused, or did not answer
    ├── HubError               the Hugging Face Hub refused, or cannot be reached
    └── MissingExtraError      an optional package is not installed (also an ImportError)
"""

from __future__ import annotations


class LookalikeError(Exception):
    """Root of all errors that lookalike raises on purpose; its text is one clear line."""

    exit_code = 1
    is_told_by_another = False
    """Whether it is the error of several processes, and another one of them tells it."""


class TrainingDiverged(LookalikeError):
    """The loss is no longer finite; the last good checkpoint stays."""


class Interrupted(LookalikeError):
    """The user asked to stop; what was done so far is saved."""

    exit_code = 130


class ProcessLost(LookalikeError):
    """One of several processes that train together has died, or they did not find each other."""


class UserError(LookalikeError):
    """The input was wrong."""

    exit_code = 2


class DataError(UserError):
    """A source of pictures cannot be used."""


class PictureError(DataError):
    """One picture cannot be read; its text is the reason given in `ImageSet.rejected`."""


class DownloadError(DataError):
    """A file could not be downloaded whole from any of its addresses."""


class WriteError(UserError, OSError):
    """A file cannot be written: its folder or disk may only be read."""


class NoSpaceError(WriteError):
    """There is no room for a file: the disk or the user's share of it is full, or the file too large for it."""


class OptionError(UserError, ValueError):
    """An argument is out of range or contradicts another."""


class RunError(UserError):
    """A run folder is missing, damaged, in use, or belongs to another training."""


class SearchError(UserError):
    """An index of codes is damaged, or cannot be built or asked that way."""


class GalleryError(SearchError):
    """A gallery is missing, damaged, in use, or holds the codes of another model."""


class WeightsError(UserError):
    """A file of weights is damaged or does not fit the model; the text names the tensor."""


class NotFittedError(UserError, ValueError, AttributeError):
    """The model has no weights yet."""


class EngineError(UserError):
    """An engine of many machines cannot be reached, or could not go on there; what was done stays done."""


class SubmissionError(UserError):
    """The course's grader refused the submission or could not be reached."""


class HubError(UserError):
    """The Hugging Face Hub refused what was asked, or cannot be reached."""


class MissingExtraError(UserError, ImportError):
    """A feature needs packages that are not installed: those of the `extra`."""

    def __init__(self, extra: str, feature: str) -> None:
        self.extra, self.feature = extra, feature
        super().__init__(f"{feature} needs the extra '{extra}': pip install 'lookalike[{extra}]'")
