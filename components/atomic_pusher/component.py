"""Defines AtomicPusher, a stock Pusher whose versions are seen only when they are complete."""

from __future__ import annotations

from typing import Any

from tfx import types
from tfx.components.pusher.component import Pusher
from tfx.dsl.components.base import executor_spec
from tfx.proto import pusher_pb2

from tfx_sequence.components.atomic_pusher import executor
from tfx_sequence.schemas.contract import KEEP_VERSIONS


class AtomicPusher(Pusher):
    """A stock Pusher that copies a model under a name that is no number, and renames it when the copy is complete.

    A model server never sees an incomplete version, and a push that fails or is killed leaves no version. The inputs,
    the output and the other arguments are those of the stock Pusher. On an object store, where a folder cannot be
    renamed, `saved_model.pb` comes last, as in the stock Pusher.

    Args:
      model: The model to push.
      model_blessing: The blessing of an Evaluator. A model that is not blessed is not pushed.
      infra_blessing: The blessing of an InfraValidator.
      push_destination: The folder to push to, with one numbered folder per version. The number is the time in seconds,
        or one more than the largest number that is there.
      keep_versions: The number of newest versions to keep. Older ones are deleted after a push. If None, all are kept.
      custom_config: Settings for executors of subclasses.

    Raises:
      ValueError: if there is no `push_destination`, or if `keep_versions` is less than 1.
    """

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        model: types.BaseChannel | None = None,
        model_blessing: types.BaseChannel | None = None,
        infra_blessing: types.BaseChannel | None = None,
        push_destination: pusher_pb2.PushDestination | None = None,
        keep_versions: int | None = None,
        custom_config: dict[str, Any] | None = None,
    ) -> None:
        if push_destination is None:
            raise ValueError("`push_destination` is None, expected the folder to push to, a `PushDestination`")
        if keep_versions is not None:
            if isinstance(keep_versions, bool) or not isinstance(keep_versions, int) or keep_versions < 1:
                raise ValueError(f"`keep_versions` is {keep_versions!r}, expected an integer of at least 1, or None")
            custom_config = {**(custom_config or {}), KEEP_VERSIONS: keep_versions}
        super().__init__(
            model=model,
            model_blessing=model_blessing,
            infra_blessing=infra_blessing,
            push_destination=push_destination,
            custom_config=custom_config,
        )
