"""The settings of a whole pipeline, as typed values. `config_file` reads them from TOML.

Each field is a table of the file, and each table is the settings of one component, under the component's own names::

    [pipeline] -> PipelineConfig      [transform.<feature>] -> VocabularyConfig
    [data]     -> DataConfig          [numbers.<feature>]   -> NumberConfig
    [features.<name>] -> Feature      [model]               -> ModelConfig
    [sequence] -> LengthConfig        [training]            -> PipelineTrainingConfig
    [validation] -> ValidationConfig  [tuning]              -> TuningConfig
    [evaluation] -> EvaluationConfig  [serving]             -> ServingConfig
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import Annotated, Any

import pydantic

from tfx_sequence.components.sequence_evaluator.config_checks import (
    find_metric_problems,
    find_slice_problems,
    find_threshold_problems,
)
from tfx_sequence.components.sequence_evaluator.metric_table import list_metrics
from tfx_sequence.components.sequence_evaluator.thresholds import Threshold
from tfx_sequence.components.sequence_example_gen.config import ReadConfig, SplitConfig, WriteConfig
from tfx_sequence.components.sequence_example_validator.severity import Severity, check_severities
from tfx_sequence.components.sequence_example_validator.verdict import FailOn
from tfx_sequence.components.sequence_trainer.config import checks as model_checks
from tfx_sequence.components.sequence_trainer.config.model import ModelConfig
from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig
from tfx_sequence.components.sequence_trainer.config.tuning import TuningConfig
from tfx_sequence.components.sequence_transform.config import NumberConfig, TransformConfig, transformed_spec
from tfx_sequence.components.sequence_transform.config_checks import contradictions
from tfx_sequence.pipeline.config.data_folder import data_folder, is_package
from tfx_sequence.pipeline.config.problems import Contradictions, Problem, dotted, problems_in, shown
from tfx_sequence.schemas.spec import Feature, Frozen, SequenceSpec

FOLDER = "folder"
"""The key of the validation context that names the folder which relative paths are relative to."""


def _absolute(path: str, info: pydantic.ValidationInfo) -> str:
    if is_package(path) or "://" in path:
        return path
    base = pathlib.Path((info.context or {}).get(FOLDER, "."))
    return str((base / pathlib.Path(path).expanduser()).absolute().resolve())


def _globs(files: Any) -> Any:
    if isinstance(files, str):
        return files
    if isinstance(files, dict) and files and all(isinstance(glob, str) for glob in files.values()):
        return files
    raise ValueError('must be one pattern such as "*.conllu", or a table of a pattern for each split')


def _known_rules(severities: dict[str, Severity]) -> dict[str, Severity]:
    check_severities(severities)
    return severities


_Path = Annotated[str, pydantic.StringConstraints(min_length=1), pydantic.AfterValidator(_absolute)]
_Fraction = Annotated[float, pydantic.Field(ge=0, le=1)]


class PipelineConfig(Frozen):
    """The run as a whole.

    Attributes:
      name: The pipeline's name in ML Metadata.
      root: The folder of everything that runs make; `runs/<name>` if not given. Relative to the config file's folder.
      cache: Reuse the outputs of components whose inputs and settings did not change.
      preprocessing_fn: `module:function` of a preprocessing_fn that replaces ours, in a module beside the config or an
        installed one; see docs/transform.md.
      workers: Processes that Beam works in. More than 1 pays only for large data: each one takes seconds to start.
    """

    name: Annotated[str, pydantic.StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    root: Annotated[_Path, pydantic.Field(json_schema_extra={"default": "runs/<name>"})]
    cache: bool = True
    preprocessing_fn: Annotated[str, pydantic.StringConstraints(pattern=r"^[\w.]+:\w+$")] | None = None
    workers: Annotated[int, pydantic.Field(ge=1)] = 1

    @pydantic.model_validator(mode="before")
    @classmethod
    def _default_root(cls, given: Any) -> Any:
        if isinstance(given, dict) and "root" not in given:
            return {**given, "root": f"runs/{given.get('name')}"}
        return given

    @property
    def artifacts_dir(self) -> str:
        """Where components write: TFX's pipeline root."""
        return f"{self.root}/artifacts"

    @property
    def metadata_path(self) -> str:
        """The SQLite file of ML Metadata."""
        return f"{self.root}/metadata.sqlite"

    @property
    def logs_dir(self) -> str:
        """Where runs log."""
        return f"{self.root}/logs"

    @property
    def beam_args(self) -> list[str]:
        """What Beam is told.

        The runner is named by its class: newer versions of Beam take `DirectRunner` to mean Prism, a binary that they
        download, and errors would then come back as text.
        """
        return [
            "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
            f"--direct_running_mode={'in_memory' if self.workers == 1 else 'multi_processing'}",
            f"--direct_num_workers={self.workers}",
            # No container is used. TFX packs itself for every component, in seconds, unless something like this is set.
            "--sdk_container_image=none",
        ]


class DataSplitConfig(SplitConfig):
    """How the records of one pattern of files are divided over splits, one of them held out for evaluation."""

    shares: dict[str, Annotated[int, pydantic.Field(ge=1)]] = pydantic.Field(
        default_factory=lambda: {"train": 8, "eval": 1, "test": 1}
    )


class DataConfig(ReadConfig):
    """The input files, and how they are read, split and written.

    Attributes:
      input: A folder, or `package:<distribution>/<folder>` for data that an installed Python package carries.
      files: A pattern of file names within `input`, whose records are divided by `split`; or, for data that comes
        split, a table with a pattern for each split: `{ train = "train.jsonl", eval = "dev.jsonl" }`.
      split: How records are divided, if `files` is one pattern.
      write: How records are written.
    """

    input: _Path
    files: Annotated[str | dict[str, str], pydantic.BeforeValidator(_globs)]
    split: DataSplitConfig = DataSplitConfig()
    write: WriteConfig = WriteConfig()

    @property
    def folder(self) -> str:
        """The folder that `input` names.

        Raises:
          ValueError: if it is in a Python package that is not installed, or has no such folder.
        """
        return data_folder(self.input)

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits, in order."""
        return tuple(self.split.shares if isinstance(self.files, str) else self.files)


class LengthConfig(Frozen):
    """How long a sequence may be; see `SequenceSpec`.

    Attributes:
      min_length: The fewest steps that a record may have.
      max_length: The most steps that a record may have; no bound if not given.
      length_drift: The most that the lengths may differ from those of the baseline, 0 to 1; not judged if not given.
      length_skew: The same between training and serving.
      max_steps: Only so many steps of each sequence are kept by the transform, the first ones, at training and at
        serving alike; all if not given.
    """

    min_length: int = 1
    max_length: int | None = None
    length_drift: float | None = None
    length_skew: float | None = None
    max_steps: Annotated[int, pydantic.Field(ge=1)] | None = None


class ValidationConfig(Frozen):
    """What is wrong enough to end the run; see docs/validation.md.

    Attributes:
      fail_on: The least severity that ends it.
      severities: Rule to severity, for rules that are not to be an error.
    """

    fail_on: FailOn = "error"
    severities: Annotated[dict[str, Severity], pydantic.AfterValidator(_known_rules)] = pydantic.Field(
        default_factory=dict
    )


class PipelineTrainingConfig(TrainingConfig):
    """The optimisation, and what it starts from.

    Attributes:
      warm_start: Start from the weights of the latest blessed model, as far as they fit the new vocabularies and
        settings; see docs/training.md. Each run then trains, also when nothing has changed.
    """

    warm_start: bool = False

    @property
    def of_trainer(self) -> TrainingConfig:
        """What the trainer itself is told."""
        return TrainingConfig(**self.model_dump(exclude={"warm_start"}))


class EvaluationConfig(Frozen):
    """How the exported model is judged.

    Attributes:
      splits: The splits that it is evaluated on: such as took no part in training.
      min_accuracy: The least accuracy over real steps at which the model is pushed; any if not given.
      thresholds: Metric to what it must be for the model to be pushed: `{ tags_span_f1 = { at_least = 0.8, worse_by =
        0.01 } }`. `worse_by` compares with the model that was pushed last. docs/evaluation.md has the metrics.
      slices: What to measure parts of the data by: names of context features, `length_bucket`, or lists of them.
      confidence_intervals: Give each metric a 95% confidence interval. The evaluation takes longer, and needs some 100
        records.
      metrics: Metrics beside those that are always computed: names that installed packages give them, or
        `module:Class`, in a module beside the config or an installed one; see docs/evaluation.md.
    """

    splits: Annotated[tuple[str, ...], pydantic.Field(min_length=1)] = ("test",)
    min_accuracy: _Fraction | None = None
    thresholds: dict[str, Threshold] = pydantic.Field(default_factory=dict)
    slices: tuple[str | tuple[str, ...], ...] = ()
    confidence_intervals: bool = False
    metrics: tuple[str, ...] = ()


class ServingConfig(Frozen):
    """Where models go that are good enough.

    Attributes:
      dir: The folder that holds a numbered folder for each version; `<root>/serving` if not given.
      infer: Splits that the stock BulkInferrer asks each pushed model about, as an `InferenceResult`; none by default.
      infra_validate: Tags of the Docker image `tensorflow/serving`, such as `latest`. The stock InfraValidator starts
        each on this machine, and only a model that loads there and answers for some records of the first evaluation
        split is pushed. Not done by default; see docs/serving.md.
    """

    dir: _Path | None = None
    infer: tuple[str, ...] = ()
    infra_validate: tuple[str, ...] = ()


class Config(Frozen):
    """A whole pipeline. Values that contradict each other are refused, all of them at once."""

    pipeline: PipelineConfig
    data: DataConfig
    features: dict[str, Feature]
    sequence: LengthConfig = LengthConfig()
    validation: ValidationConfig = ValidationConfig()
    transform: TransformConfig = pydantic.Field(default_factory=dict)
    numbers: dict[str, NumberConfig] = pydantic.Field(default_factory=dict)
    model: ModelConfig = ModelConfig()
    training: PipelineTrainingConfig = PipelineTrainingConfig()
    tuning: TuningConfig | None = None
    evaluation: EvaluationConfig = EvaluationConfig()
    serving: ServingConfig = ServingConfig()

    @pydantic.model_validator(mode="after")
    def _check(self) -> Config:
        try:
            spec = self.spec
        except pydantic.ValidationError as error:
            problems = [*_spec_problems(error), *self._split_problems()]
        else:
            transformed = transformed_spec(spec, self.transform)
            problems = [
                *self._role_problems(spec, transformed),
                *self._transform_problems(spec),
                *self._model_problems(transformed),
                *self._split_problems(),
                *self._evaluation_problems(transformed),
            ]
        if problems:
            raise Contradictions(tuple(problems))
        return self

    @property
    def spec(self) -> SequenceSpec:
        """What a record is."""
        return SequenceSpec(features=self.features, **self.sequence.model_dump(exclude={"max_steps"}))

    @property
    def serving_dir(self) -> str:
        """The folder that holds a numbered folder for each version of the model."""
        return self.serving.dir or f"{self.pipeline.root}/serving"

    def to_toml(self) -> dict[str, Any]:
        """The settings as tables that TOML can write, defaults left out; reading them gives an equal config."""
        tables: dict[str, Any] = self.model_dump(mode="json", exclude_unset=True, exclude_none=True)
        return tables

    def _role_problems(self, spec: SequenceSpec, transformed: SequenceSpec) -> Iterator[Problem]:
        for role in ("input", "label"):
            if not transformed.with_role(role):
                yield Problem("features", f'at least one feature must have role = "{role}"; none has')
        for label, feature in spec.with_role("label").items():
            for name, other in spec.with_role("input").items():
                if (spec.source(name), other.context) == (spec.source(label), feature.context):
                    message = f"what is to be predicted cannot be an input too, and {name} is"
                    yield Problem(dotted(["features", label, "source"]), message, shown(spec.source(label)))

    def _transform_problems(self, spec: SequenceSpec) -> Iterator[Problem]:
        for problem in contradictions(spec, self.transform, self.numbers):
            value: Any = self.model_dump(mode="json")
            for key in problem.path:
                value = value[key]
            yield Problem(dotted([*problem.path]), problem.message, shown(value))

    def _model_problems(self, spec: SequenceSpec) -> Iterator[Problem]:
        for name in model_checks.unserved_inputs(spec.with_role("input")):
            yield Problem(dotted(["features", name]), model_checks.NEEDED_NAME)
        for problem in model_checks.contradictions(spec, self.model):
            yield Problem(dotted([*problem.path]), problem.message)
        if self.training.window is not None:
            of_record = [name for name, feature in spec.with_role("label").items() if feature.context]
            for message in model_checks.window_problems(self.model, of_record):
                yield Problem("training.window", message, shown(self.training.window))

    def _split_problems(self) -> Iterator[Problem]:
        splits = self.data.splits
        given = not isinstance(self.data.files, str)
        if given and "split" in self.data.model_fields_set:
            yield Problem("data.split", "goes with one pattern in data.files; data.files already names the splits")
        for name in ("train", "eval"):
            if name not in splits:
                where = "data.files" if given else "data.split.shares"
                yield Problem(where, f"there must be a split {name!r}; there are {', '.join(splits)}")
        for key, named in (("evaluation.splits", self.evaluation.splits), ("serving.infer", self.serving.infer)):
            for name in named:
                if name not in splits:
                    yield Problem(key, f"no split {name!r}; there are {', '.join(splits)}", shown(named))
        for name in self.data.split.features:
            if name not in self.features:
                value = shown(self.data.split.features)
                message = f"no feature {name!r}; there are {', '.join(self.features)}"
                yield Problem("data.split.features", message, value)

    def _evaluation_problems(self, spec: SequenceSpec) -> Iterator[Problem]:
        further = self.evaluation.metrics
        problems = list(find_metric_problems(spec, further))
        for _, message in problems:
            yield Problem("evaluation.metrics", message, shown(further))
        # The figures of a metric that cannot be used are not known, so thresholds of them cannot be judged.
        if not problems:
            for name, message in find_threshold_problems(
                list_metrics(spec, further=further), self.evaluation.thresholds
            ):
                yield Problem(dotted(["evaluation", "thresholds", name]), message)
        for _, message in find_slice_problems(spec, self.evaluation.slices):
            yield Problem("evaluation.slices", message, shown(self.evaluation.slices))


def _spec_problems(error: pydantic.ValidationError) -> Iterator[Problem]:
    for problem in problems_in(error, SequenceSpec):
        table = "sequence." if problem.key in LengthConfig.model_fields else ""
        yield Problem(f"{table}{problem.key}" or "features, sequence", problem.message, problem.given)
