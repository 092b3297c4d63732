"""The optimisation of SequenceTrainer: its settings."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic

from tfx_sequence.schemas.spec import Frozen

_Positive = Annotated[float, pydantic.Field(gt=0)]
_Share = Annotated[float, pydantic.Field(ge=0, lt=1)]
_Count = Annotated[int, pydantic.Field(ge=1)]


class TrainingConfig(Frozen):
    """The optimisation.

    Attributes:
      epochs: The most passes over the train split.
      max_steps: The most updates of the weights; no bound if None.
      max_minutes: The most minutes of training; no bound if None. What was trained before a run was killed counts.
        With it, two runs may end at different steps.
      batch_tokens: Steps in a batch, padding included; batches hold sequences of like length.
      accumulate: Batches whose gradients are added up for one update: losses are summed and divided once, as though
        they were one batch.
      window: Longer sequences are trained in windows of so many steps: the states of the recurrent layers go from one
        to the next, gradients stop in between, and losses and gradients are added up for one update, so that memory
        does not grow with the length (Williams and Peng 1990, "An Efficient Gradient-Based Algorithm for On-Line
        Training of Recurrent Network Trajectories"). Whole sequences if None, and in evaluation and serving. For labels
        a step, read one way, without a CRF.
      optimizer: `adam` (Kingma and Ba 2014, "Adam: A Method for Stochastic Optimization"), or `sgd` with momentum.
      learning_rate: The optimizer's, after the warm-up.
      momentum: Of `sgd`.
      weight_decay: Taken off the weights at each update, times the learning rate, apart from the gradient (Loshchilov
        and Hutter 2017, "Decoupled Weight Decay Regularization": with `adam` this is AdamW). Biases and other vectors
        keep theirs.
      schedule: What the learning rate does after the warm-up: `constant`; `linear` or `cosine`, down to 0 at the last
        step of the last epoch; `plateau`: half after each epoch that is not the best so far.
      warmup_steps: Updates over which the learning rate rises from 0.
      clip_norm: The largest global norm of the gradient.
      average: The decay of a moving average of the weights, such as 0.999, that is evaluated and exported in place of
        the last weights (Polyak and Juditsky 1992, "Acceleration of Stochastic Approximation by Averaging"). No average
        if 0. It starts faster: the decay at step t is at most (1 + t) / (10 + t).
      precision: `mixed_bfloat16` and `mixed_float16` compute in half precision and keep weights in float32; the loss
        is scaled for `mixed_float16`. For GPUs: on CPUs `float32` is faster.
      devices: `one`, or `all`: every GPU gets a batch of its own in each step; their losses are summed and divided
        once, as with `accumulate`.
      loss: How step losses are reduced. `sequence_mean`: mean over a sequence's real steps, then over sequences;
        `token_mean`: mean over all real steps; `sum`.
      monitor: The metric on the eval split that tells the best epoch, such as `<label>_accuracy` or `loss`; what the
        labels' heads watch if None, added up for several.
      patience: Epochs without a better watched metric, or an equal one with less loss, before training stops; the best
        weights are restored.
      checkpoint_seconds: Training is saved each time so many seconds have passed, so that the same command goes on
        where a killed one was.
      model_fn: `module:function` of a function that makes the model in place of ours, `(task: SequenceTask, config:
        ModelConfig) -> keras.Model`.
      seed: Of initial weights, shuffling and dropout. On one CPU, equal seeds give equal models.
    """

    epochs: _Count = 20
    max_steps: _Count | None = None
    max_minutes: _Positive | None = None
    batch_tokens: _Count = 2048
    accumulate: _Count = 1
    window: _Count | None = None
    optimizer: Literal["adam", "sgd"] = "adam"
    learning_rate: _Positive = 2e-3
    momentum: _Share = 0.9
    weight_decay: Annotated[float, pydantic.Field(ge=0)] = 0.0
    schedule: Literal["constant", "linear", "cosine", "plateau"] = "constant"
    warmup_steps: Annotated[int, pydantic.Field(ge=0)] = 0
    clip_norm: _Positive = 5.0
    average: _Share = 0.0
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    devices: Literal["one", "all"] = "one"
    loss: Literal["sequence_mean", "token_mean", "sum"] = "sequence_mean"
    monitor: str | None = None
    patience: _Count = 3
    checkpoint_seconds: _Positive = 30.0
    model_fn: Annotated[str, pydantic.StringConstraints(pattern=r"^[\w.]+:\w+$")] | None = None
    seed: int = 1

    @pydantic.field_validator("devices")
    @classmethod
    def _check_devices(cls, devices: str, info: pydantic.ValidationInfo) -> str:
        for name, other in (("accumulate", 1), ("window", None), ("precision", "float32")):
            if devices == "all" and info.data.get(name, other) not in (other, "mixed_bfloat16"):
                raise ValueError(f"= 'all' does not go with {name} = {info.data[name]!r}")
        return devices

    @pydantic.field_validator("model_fn")
    @classmethod
    def _check_model_fn(cls, model_fn: str | None, info: pydantic.ValidationInfo) -> str | None:
        if model_fn is not None and info.data.get("window") is not None:
            raise ValueError("does not go with window: only our own model carries its states on")
        return model_fn
