"""The errors a user can cause, and can cure.

    LentigoError
     ├── UsageError          the call is wrong: an option, a name, a combination   (exit code 2)
     └── UnusableError       the input or the model cannot be used at all          (exit code 4)
          ├── DataError      photographs, folders, manifests, splits
          │    └── PhotoError    one photograph; listed beside the successes, never fatal by itself
          ├── ModelError     RUN folders and weights
          └── SpaceError     the disk is full or not writable

Each message names the thing, what was expected and the cure, in one line.
"""


class LentigoError(Exception):
    """Whatever Lentigo raises on purpose."""

    exit_code = 4


class UsageError(LentigoError):
    """The call is wrong: an unknown option value or a combination that makes no sense."""

    exit_code = 2


class UnusableError(LentigoError):
    """The input or the model cannot be used at all."""


class DataError(UnusableError):
    """A folder, a manifest or a split that cannot be used."""


class PhotoError(DataError):
    """One photograph that cannot be read."""


class ModelError(UnusableError):
    """A RUN folder or a weight file that cannot be used."""


class SpaceError(UnusableError):
    """A file could not be written."""
