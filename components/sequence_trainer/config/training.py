"""Defines the settings of training, which are the table `[training]` of a config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pydantic

from tfx_sequence.schemas.spec import Count, CountOrZero, Frozen

_Positive = Annotated[float, pydantic.Field(gt=0)]
_Share = Annotated[float, pydantic.Field(ge=0, lt=1)]

_ALLOWED_ON_ALL_DEVICES: Mapping[str, tuple[Any, ...]] = {
    "accumulate": (1,),
    "window": (None,),
    "precision": ("float32", "mixed_bfloat16"),
}
"""Maps settings to the values that go with `devices = "all"`."""


class TrainingConfig(Frozen):
    """The training of a model.

    Attributes:
      epochs: The maximum number of passes over the train split.
      max_steps: The maximum number of updates of the weights; no limit by default.
      max_minutes: The maximum duration of training in minutes; no limit by default. The time before an interruption
        counts. With this limit, two runs may stop at different steps.
      batch_tokens: The maximum number of steps in a batch, padding included. Sequences of similar length share a batch.
      accumulate: The number of batches whose gradients are added up for one update. Their losses are summed and divided
        once, as if they were one batch.
      window: The number of steps in a window. Longer sequences are trained window by window, so that memory does not
        grow with their length. The states of the recurrent layers continue from one window to the next, but gradients
        do not. The losses and gradients of all windows are added up for one update (Williams and Peng 1990, "An
        Efficient Gradient-Based Algorithm for On-Line Training of Recurrent Network Trajectories"). Evaluation and the
        exported model read long sequences in the same windows, with the results of whole sequences. `batch_tokens`
        limits the steps of a window. By default, sequences are not divided. For models that read forwards only, with
        one label per step and without a CRF.
      optimizer: `adam` (Kingma and Ba 2014, "Adam: A Method for Stochastic Optimization"), or `sgd` with momentum.
      learning_rate: The learning rate after the warm-up.
      momentum: The momentum of `sgd`.
      weight_decay: The share of each weight, times the learning rate, that is subtracted at each update. It does not
        depend on the gradient (Loshchilov and Hutter 2017, "Decoupled Weight Decay Regularization"). With `adam` this
        is AdamW. Biases and other vectors do not decay.
      schedule: The learning rate after the warm-up. `constant` does not change it. `linear` and `cosine` reduce it to 0
        at the last step of the last epoch. `plateau` halves it after each epoch that is not the best so far.
      warmup_steps: The number of updates in which the learning rate rises from 0.
      clip_norm: The maximum global norm of the gradient.
      skip_bad_batches: The maximum number of batches that are passed over because their loss or its gradient is not
        finite. Such a batch changes no weight and no average of a weight, and does not count as an update. The progress
        and the summary of the run show the number, and the log names the records. One more such batch stops the
        training. With `accumulate` or several devices, all batches of an update are passed over together and count as
        one.
      average: The decay of a moving average of the weights, such as 0.999; no average if 0. The average is evaluated
        and exported instead of the last weights (Polyak and Juditsky 1992, "Acceleration of Stochastic Approximation by
        Averaging"). At step t the decay cannot be more than (1 + t) / (10 + t), so that the average starts faster.
      precision: `mixed_bfloat16` and `mixed_float16` compute in half precision and keep the weights in float32.
        `mixed_float16` also scales the loss. The recurrence of `lstm` and `gru` and the exported model compute in
        float32, and so does the lowest layer if there are inputs that are numbers, because half precision cannot hold
        every number. Both are for GPUs; on CPUs `float32` is faster.
      devices: `one` device, or `all` GPUs. With `all`, each GPU gets a different batch in each step. Their losses are
        summed and divided once, as with `accumulate`.
      loss: How step losses are reduced to one number. `sequence_mean` is the mean over the real steps of each sequence,
        and then over sequences. `token_mean` is the mean over all real steps. `sum` is their sum.
      monitor: The metric on the eval split that determines the best epoch, such as `<label>_accuracy` or `loss`. By
        default, each head has a score without a unit, and for several labels these are added up.
      patience: The number of epochs without improvement after which training stops. An epoch improves if the monitored
        metric is better, or is equal with a lower loss. The weights of the best epoch are restored.
      checkpoint_seconds: The minimum number of seconds between checkpoints. It is at least 20 times as long as the last
        checkpoint took. If training was interrupted, the same command continues from the last checkpoint.
      model_fn: A function that creates the model instead of the default one, as `module:function`. Its signature is
        `(task: SequenceTask, config: ModelConfig) -> keras.Model`.
      seed: The seed of initial weights, shuffling and dropout, also for a `model_fn` that gives no seed. On one CPU,
        equal seeds result in equal models.
    """

    epochs: Count = 20
    max_steps: Count | None = None
    max_minutes: _Positive | None = None
    batch_tokens: Count = 2048
    accumulate: Count = 1
    window: Count | None = None
    optimizer: Literal["adam", "sgd"] = "adam"
    learning_rate: _Positive = 2e-3
    momentum: _Share = 0.9
    weight_decay: Annotated[float, pydantic.Field(ge=0)] = 0.0
    schedule: Literal["constant", "linear", "cosine", "plateau"] = "constant"
    warmup_steps: CountOrZero = 0
    clip_norm: _Positive = 5.0
    skip_bad_batches: CountOrZero = 0
    average: _Share = 0.0
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    devices: Literal["one", "all"] = "one"
    loss: Literal["sequence_mean", "token_mean", "sum"] = "sequence_mean"
    monitor: str | None = None
    patience: Count = 3
    checkpoint_seconds: _Positive = 30.0
    model_fn: Annotated[str, pydantic.StringConstraints(pattern=r"^[\w.]+:\w+$")] | None = None
    seed: CountOrZero = 1

    @pydantic.field_validator("devices")
    @classmethod
    def _check_devices(cls, devices: str, info: pydantic.ValidationInfo) -> str:
        if devices == "one":
            return devices
        for name, allowed_values in _ALLOWED_ON_ALL_DEVICES.items():
            # A setting that is missing here is invalid, which is another error.
            value = info.data.get(name, allowed_values[0])
            if value not in allowed_values:
                raise ValueError(f"= 'all' does not go with {name} = {value!r}; leave one of them out")
        return devices

    @pydantic.field_validator("model_fn")
    @classmethod
    def _check_model_fn(cls, model_fn: str | None, info: pydantic.ValidationInfo) -> str | None:
        if model_fn is not None and info.data.get("window") is not None:
            raise ValueError("does not go with window: only the default model keeps its states between windows")
        return model_fn
