"""tf.train.MonitoredTrainingSession and its hooks, in one process."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorflow_lamella.errors import OutOfRangeError
from tensorflow_lamella.names import export, get
from tensorflow_lamella.v1 import app
from tensorflow_lamella.v1.graph import GraphKeys, get_default_graph
from tensorflow_lamella.v1.session import Session
from tensorflow_lamella.v1.train.saver import Saver, latest_checkpoint
from tensorflow_lamella.v1.train.schedules import get_global_step


@export("train.SessionRunArgs", version=1)
class SessionRunArgs:
    """What a hook wants to be fetched."""

    def __init__(self, fetches: Any, feed_dict: Any = None, options: Any = None) -> None:
        self.fetches, self.feed_dict, self.options = fetches, feed_dict, options


class SessionRunContext:
    """What a hook sees of a run."""

    def __init__(self, session: Any, original: SessionRunArgs) -> None:
        self.session, self.original_args = session, original
        self.stop_requested = False

    def request_stop(self) -> None:
        """Make `should_stop()` true."""
        self.stop_requested = True


export("train.SessionRunContext", version=1)(SessionRunContext)


class SessionRunValues:
    """What a hook asked for."""

    def __init__(self, results: Any) -> None:
        self.results, self.options, self.run_metadata = results, None, None


export("train.SessionRunValues", version=1)(SessionRunValues)


@export("train.SessionRunHook", version=1)
class SessionRunHook:
    """Called around every run of a monitored session."""

    def begin(self) -> None:
        """Before the session is made: the graph may still be added to."""

    def after_create_session(self, session: Any, coord: Any) -> None:
        """After variables have their values."""

    def before_run(self, run_context: SessionRunContext) -> Any:
        """May return a SessionRunArgs."""

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """With what `before_run` asked for."""

    def end(self, session: Any) -> None:
        """Before the session is closed."""


@export("train.StopAtStepHook", version=1)
class StopAtStepHook(SessionRunHook):
    """Stops after a number of steps, or at a step."""

    def __init__(self, num_steps: int | None = None, last_step: int | None = None) -> None:
        if (num_steps is None) == (last_step is None):
            raise ValueError("Exactly one of num_steps and last_step should be specified.")
        self._steps, self._last = num_steps, last_step

    def begin(self) -> None:
        self._step = get_global_step()
        if self._step is None:
            raise RuntimeError("Global step should be created to use StopAtStepHook.")

    def after_create_session(self, session: Any, coord: Any) -> None:
        if self._last is None:
            self._last = int(session.run(self._step)) + int(self._steps or 0)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        if int(run_context.session.run(self._step)) >= (self._last or 0):
            run_context.request_stop()


@export("train.LoggingTensorHook", version=1)
class LoggingTensorHook(SessionRunHook):
    """Logs tensors every so many steps."""

    def __init__(self, tensors: Any, every_n_iter: int | None = None, every_n_secs: Any = None,
                 at_end: bool = False, formatter: Any = None) -> None:  # fmt: skip
        self._tensors = tensors if isinstance(tensors, dict) else {_name(t): t for t in tensors}
        self._every, self._formatter = every_n_iter or 100, formatter
        self._count = 0

    def before_run(self, run_context: SessionRunContext) -> Any:
        self._due = self._count % self._every == 0
        self._count += 1
        return SessionRunArgs(self._tensors) if self._due else None

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        if self._due:
            values = run_values.results
            said = (self._formatter(values) if self._formatter else
                    ", ".join(f"{k} = {v}" for k, v in values.items()))  # fmt: skip
            app.get_logger().info(said)


def _name(t: Any) -> str:
    return t if isinstance(t, str) else t.name


@export("train.CheckpointSaverHook", version=1)
class CheckpointSaverHook(SessionRunHook):
    """Saves the variables every so many steps, and at the end."""

    def __init__(self, checkpoint_dir: str, save_secs: Any = None, save_steps: int | None = None,
                 saver: Any = None, checkpoint_basename: str = "model.ckpt", scaffold: Any = None,
                 listeners: Any = None) -> None:  # fmt: skip
        self._path = os.path.join(checkpoint_dir, checkpoint_basename)
        self._steps, self._seconds, self._saver = save_steps, save_secs, saver
        self._count, self._time = 0, time.monotonic()

    def begin(self) -> None:
        self._saver = self._saver or Saver()
        self._step = get_global_step()

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        self._count += 1
        late = self._seconds is not None and time.monotonic() - self._time > self._seconds
        if late or (self._steps and self._count % self._steps == 0):
            self._save(run_context.session)

    def _save(self, session: Any) -> None:
        os.makedirs(os.path.dirname(self._path) or ".", exist_ok=True)
        self._saver.save(session, self._path, self._step)
        self._time = time.monotonic()

    def end(self, session: Any) -> None:
        self._save(session)


@export("train.NanLossDuringTrainingError", version=1)
class NanLossDuringTrainingError(RuntimeError):
    """The loss is no number."""


@export("train.NanTensorHook", version=1)
class NanTensorHook(SessionRunHook):
    """Stops, or raises, where the loss is no number."""

    def __init__(self, loss_tensor: Any, fail_on_nan_loss: bool = True) -> None:
        self._loss, self._fail = loss_tensor, fail_on_nan_loss

    def before_run(self, run_context: SessionRunContext) -> Any:
        return SessionRunArgs(self._loss)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        if np.isnan(run_values.results).any():
            if self._fail:
                raise NanLossDuringTrainingError("NaN loss during training.")
            run_context.request_stop()


@export("train.SummarySaverHook", version=1)
class SummarySaverHook(SessionRunHook):
    """Writes summaries every so many steps."""

    def __init__(
        self,
        save_steps: int | None = 100,
        save_secs: Any = None,
        output_dir: Any = None,
        summary_writer: Any = None,
        scaffold: Any = None,
        summary_op: Any = None,
    ) -> None:
        self._steps, self._op = save_steps or 100, summary_op
        self._writer = summary_writer or get("summary.FileWriter", 1)(output_dir)
        self._count = 0

    def before_run(self, run_context: SessionRunContext) -> Any:
        self._due = self._op is not None and self._count % self._steps == 0
        self._count += 1
        return SessionRunArgs(self._op) if self._due else None

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        if self._due:
            self._writer.add_summary(run_values.results, self._count - 1)

    def end(self, session: Any) -> None:
        self._writer.flush()


@export("train.FinalOpsHook", version=1)
class FinalOpsHook(SessionRunHook):
    """Runs fetches at the end."""

    def __init__(self, final_ops: Any, final_ops_feed_dict: Any = None) -> None:
        self._ops, self._feed = final_ops, final_ops_feed_dict
        self.final_ops_values: Any = None

    def end(self, session: Any) -> None:
        self.final_ops_values = session.run(self._ops, self._feed)


def _ignored(name: str) -> None:
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        """Takes any arguments."""

    made = type(name, (SessionRunHook,), {"__doc__": f"tf.train.{name}: without effect.",
                                          "__init__": __init__})  # fmt: skip
    export(f"train.{name}", version=1)(made)


for _hook in ("StepCounterHook", "ProfilerHook", "FeedFnHook", "GlobalStepWaiterHook"):
    _ignored(_hook)


class MonitoredSession:
    """A session with hooks: variables are initialised, or restored from the latest checkpoint."""

    def __init__(
        self, checkpoint_dir: Any = None, hooks: Sequence[Any] = (), config: Any = None
    ) -> None:
        self._hooks = list(hooks)
        for hook in self._hooks:
            hook.begin()
        self.graph = get_default_graph()
        init = [get("global_variables_initializer", 1)(), get("local_variables_initializer", 1)()]
        init += self.graph.get_collection(GraphKeys.TABLE_INITIALIZERS)
        self._session = Session(graph=self.graph)
        self._session.run(init)
        found = checkpoint_dir and latest_checkpoint(checkpoint_dir)
        if found:
            Saver().restore(self._session, found)
        self._stopped = False
        for hook in self._hooks:
            hook.after_create_session(self._session, None)

    def run(self, fetches: Any, feed_dict: Any = None, options: Any = None,
            run_metadata: Any = None) -> Any:  # fmt: skip
        """As Session.run, with what the hooks ask for."""
        context = SessionRunContext(self._session, SessionRunArgs(fetches, feed_dict))
        asked = [hook.before_run(context) for hook in self._hooks]
        feed = dict(feed_dict or {})
        for args in asked:
            feed.update((args.feed_dict if args is not None else None) or {})
        wanted = {str(i): a.fetches for i, a in enumerate(asked) if a is not None}
        if wanted:
            out, found = self._session.run([fetches, wanted], feed)
        else:
            out, found = self._session.run(fetches, feed), {}
        for i, hook in enumerate(self._hooks):
            hook.after_run(context, SessionRunValues(found.get(str(i))))
        self._stopped = self._stopped or context.stop_requested
        return out

    def should_stop(self) -> bool:
        """Whether a hook asked to stop, or the data has ended."""
        return self._stopped

    def run_step_fn(self, step_fn: Any) -> Any:
        """`step_fn` of a context with `session` and `run_with_hooks`."""
        context = SessionRunContext(self._session, SessionRunArgs(None))
        context.run_with_hooks = self.run  # type: ignore[attr-defined]
        return step_fn(context)

    def close(self) -> None:
        """Let the hooks end, and give up the variables."""
        for hook in self._hooks:
            hook.end(self._session)
        self._session.close()

    def raw_session(self) -> Session:
        """The session inside."""
        return self._session

    _tf_sess = raw_session

    def __enter__(self) -> MonitoredSession:
        self._entered = self._session.as_default()
        self._entered.__enter__()
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        self._entered.__exit__(kind, error, trace)
        ended = kind is not None and issubclass(kind, OutOfRangeError)
        if kind is None or ended:
            self.close()
        return ended


@export("train.MonitoredTrainingSession", version=1)
def monitored_training_session(
    master: str = "", is_chief: bool = True, checkpoint_dir: Any = None, scaffold: Any = None,
    hooks: Sequence[Any] | None = None, chief_only_hooks: Sequence[Any] | None = None,
    save_checkpoint_secs: Any = None, save_summaries_steps: Any = None,
    save_summaries_secs: Any = None, config: Any = None, stop_grace_period_secs: int = 120,
    log_step_count_steps: int = 100, max_wait_secs: int = 7200, save_checkpoint_steps: Any = None,
    summary_dir: Any = None,
) -> MonitoredSession:  # fmt: skip
    """A MonitoredSession that saves to `checkpoint_dir`, every 600 seconds and at the end."""
    found = [*(hooks or ()), *(chief_only_hooks or ())]
    if checkpoint_dir:
        seconds = save_checkpoint_secs if save_checkpoint_steps else save_checkpoint_secs or 600
        found.append(CheckpointSaverHook(checkpoint_dir, seconds, save_checkpoint_steps))
    return MonitoredSession(checkpoint_dir, found, config)


@export("train.SingularMonitoredSession", version=1)
def singular_monitored_session(hooks: Sequence[Any] | None = None, scaffold: Any = None,
                               master: str = "", config: Any = None, checkpoint_dir: Any = None,
                               **unused: Any) -> MonitoredSession:  # fmt: skip
    """A MonitoredSession."""
    return MonitoredSession(checkpoint_dir, hooks or (), config)


export("train.MonitoredSession", version=1)(MonitoredSession)
