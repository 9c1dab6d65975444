"""Every error that treadle raises on purpose.

    TreadleError
    ├── GraphBuildError      (ValueError)    a graph that could not work, noticed when it is built
    ├── GraphNotFound        (LookupError)   no graph of that name, or langgraph.json cannot be used
    ├── InputInvalid         (ValueError)    a run's input or state that a step cannot use
    ├── DocumentError        (ValueError)    a document that cannot be read or split
    ├── ModelUnavailable     (RuntimeError)  a model that cannot be used here, with what would help
    ├── ModelFailed          (RuntimeError)  a model's service that failed to the last attempt
    │   └── ModelThrottled                   it was asked too often, to the last attempt
    ├── RequestRefused       (ValueError)    a request that the model's service does not accept
    ├── PromptTooLong        (ValueError)    a prompt that the model's context cannot hold
    ├── AnswerCut            (ValueError)    an answer that max_tokens, or the context, cut short
    ├── AnswerBlocked        (ValueError)    a guardrail or a filter that kept the answer back
    ├── OutputInvalid        (ValueError)    a model's answer that does not fit the declared output
    ├── GateFailed           (ValueError)    an answer that a gate refused to the last attempt
    ├── QuorumNotMet         (RuntimeError)  too few branches of a fan-out succeeded
    ├── BranchesFailed       (RuntimeError)  more branches of a fan-out failed than it allows
    ├── ExecutorGone         (RuntimeError)  an executor that a fan-out was given broke, or was closed
    ├── StoreError           (OSError)       the database cannot be used
    │   ├── StoreReadOnly
    │   ├── StoreNewer                       written by a later treadle
    │   ├── StoreOlder                       written by an earlier treadle, and opened for reading only
    │   ├── StoreCorrupt                     damaged, or not a treadle database
    │   ├── StoreBusy                        locked by another process for too long
    │   └── StoreFull                        no space is left on the disk
    ├── ReviewNotFound       (LookupError)   no review with that id
    ├── ReviewClosed         (RuntimeError)  decided already, or the run went on: nothing was changed
    ├── ClaimHeld            (RuntimeError)  somebody else has the review before them
    ├── NotAllowed           (PermissionError)  who may decide on a review is somebody else
    ├── AnswerInvalid        (ValueError)    an answer that the question's schema does not allow
    │   ├── BulkRefused                      several questions that cannot be decided at once
    │   └── RuleInvalid                      a standing rule that could not be judged, or is not there
    ├── RunNotFound          (LookupError)   no run with that thread id
    ├── RunOpen              (RuntimeError)  a run that was started before and is not over: nothing was changed
    ├── RunNotFailed         (RuntimeError)  a run that did not fail cannot be tried again
    ├── VersionNotFound      (LookupError)   no version of a graph by that name or fingerprint
    ├── VersionChanged       (RuntimeError)  a run's graph is another one than when it paused
    ├── LeaseHeld            (RuntimeError)  another process is advancing the run
    ├── NotifierUnknown      (ValueError)    a channel for notices that cannot be used as it was named
    └── PageUnavailable      (RuntimeError)  the reviewers' page cannot be served here, such as on a port in use

Each also is the builtin error beside it, so that code which knows nothing of treadle can catch it. A message says what
is wrong, where, and what to do.
"""

from typing import Any


class TreadleError(Exception):
    """The base of every error that treadle raises on purpose."""

    def __str__(self) -> str:
        """The message alone (a LookupError or OSError would decorate it)."""
        return str(self.args[0]) if self.args else ""


class GraphBuildError(TreadleError, ValueError):
    """A graph that could not work; raised when it is built, before any model is called."""


class GraphNotFound(TreadleError, LookupError):
    """No graph of that name is known, or the file that names the graphs cannot be used."""


class InputInvalid(TreadleError, ValueError):
    """A run's input, or its state, is not what a step needs."""


class DocumentError(TreadleError, ValueError):
    """A document that cannot be read or split."""


class ModelUnavailable(TreadleError, RuntimeError):
    """A model that cannot be used on this machine as it is; the message says what would help."""


class ModelFailed(TreadleError, RuntimeError):
    """A model's service failed to the last attempt; another model may answer, or this one later."""


class ModelThrottled(ModelFailed):
    """A model's service said to the last attempt that it is asked too often."""


class RequestRefused(TreadleError, ValueError):
    """A request that a model's service does not accept, and would not if it were sent again."""


class PromptTooLong(TreadleError, ValueError):
    """A prompt that the model's context cannot hold; the message has both counts of tokens."""


class AnswerCut(TreadleError, ValueError):
    """An answer that ended at max_tokens, or at the end of the context; `partial` is what there is of it."""

    partial: Any = None


class AnswerBlocked(TreadleError, ValueError):
    """A guardrail or a filter kept a model's answer back; `partial` is what was said in its place."""

    partial: Any = None


class OutputInvalid(TreadleError, ValueError):
    """A model's answer that does not fit the output that its step declares."""


class GateFailed(TreadleError, ValueError):
    """An answer that a step's gate refused to the last attempt."""


class QuorumNotMet(TreadleError, RuntimeError):
    """Too few branches of a fan-out succeeded."""


class BranchesFailed(TreadleError, RuntimeError):
    """More branches of a fan-out failed than its on_error allows."""


class ExecutorGone(TreadleError, RuntimeError):
    """An executor that a fan-out was given broke or was closed; what is stored is kept, and the run can be resumed."""


class StoreError(TreadleError, OSError):
    """The database cannot be used."""


class StoreReadOnly(StoreError):
    """The database, or the folder that holds it, cannot be written."""


class StoreNewer(StoreError):
    """The database was written by a later treadle than this one."""


class StoreOlder(StoreError):
    """The database was written by an earlier treadle than this one; who only reads cannot bring it up to date."""


class StoreCorrupt(StoreError):
    """The file is damaged, or is not a treadle database."""


class StoreBusy(StoreError):
    """Another process has kept the database locked for too long."""


class StoreFull(StoreError):
    """No space is left on the disk that holds the database."""


class ReviewNotFound(TreadleError, LookupError):
    """No review has that id."""


class ReviewClosed(TreadleError, RuntimeError):
    """The review was decided already, or its run went on without it; nothing was changed."""


class ClaimHeld(TreadleError, RuntimeError):
    """Somebody else has the review before them; the message says who, and until when. Nothing was changed."""


class NotAllowed(TreadleError, PermissionError):
    """This person may not do that; the message says who may. Nothing was changed."""


class AnswerInvalid(TreadleError, ValueError):
    """An answer that the question's response schema does not allow; nothing was stored."""


class BulkRefused(AnswerInvalid):
    """Several questions that cannot be decided at once; the message says why. Nothing was stored."""


class RuleInvalid(AnswerInvalid):
    """A standing rule that could not be judged or would never end, or that there is not."""


class RunNotFound(TreadleError, LookupError):
    """No run has that thread id."""


class RunOpen(TreadleError, RuntimeError):
    """The run was started before and is not over, so new input would cut it short; nothing was changed."""


class RunNotFailed(TreadleError, RuntimeError):
    """A run cannot be tried again, since it did not fail; nothing was changed."""


class VersionNotFound(TreadleError, LookupError):
    """No version of that graph has this name or fingerprint."""


class VersionChanged(TreadleError, RuntimeError):
    """The graph is another one than when the run paused; the message has the difference. Nothing was run."""


class LeaseHeld(TreadleError, RuntimeError):
    """Another process is advancing the run."""


class NotifierUnknown(TreadleError, ValueError):
    """A channel for notices that cannot be used as it was named; the message says what would."""


class PageUnavailable(TreadleError, RuntimeError):
    """The reviewers' page cannot be served as asked; the message says what would help."""
