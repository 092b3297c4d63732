"""Defines the config of a pipeline as pydantic models. The module `toml_file` reads a config from TOML.

Each field of `Config` is a table of the TOML file. Most tables have the settings of one component::

    [pipeline] -> PipelineConfig      [transform.<feature>] -> VocabularyConfig
    [data]     -> DataConfig          [numbers.<feature>]   -> NumberConfig
    [features.<name>] -> Feature      [model]               -> ModelConfig
    [sequence] -> LengthConfig        [training]            -> PipelineTrainingConfig
    [validation] -> ValidationConfig  [tuning]              -> TuningConfig
    [evaluation] -> EvaluationConfig  [serving]             -> ServingConfig
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Iterable
from typing import Annotated, Any

import pydantic

from tfx_sequence.components.compat.local_beam import LOCAL_RUNNER
from tfx_sequence.components.sequence_evaluator.thresholds import Threshold
from tfx_sequence.components.sequence_example_gen.config import (
    ReadConfig,
    SplitConfig,
    SplitName,
    WriteConfig,
    check_split_name,
)
from tfx_sequence.components.sequence_example_gen.readers.table import READERS, note_shifts
from tfx_sequence.components.sequence_example_validator.severity import Severity, check_severities
from tfx_sequence.components.sequence_example_validator.verdict import FailOn
from tfx_sequence.components.sequence_trainer.config.model import ModelConfig
from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig
from tfx_sequence.components.sequence_trainer.config.tuning import TuningConfig
from tfx_sequence.components.sequence_transform.config import NumberConfig, TransformConfig
from tfx_sequence.pipeline.config.checks import find_contradictions
from tfx_sequence.pipeline.config.data_folder import is_package, resolve_data_folder
from tfx_sequence.pipeline.config.problems import ContradictionError
from tfx_sequence.schemas.spec import Count, CountOrZero, Distinct, Feature, Frozen, SequenceSpec

FOLDER = "folder"
"""The key in pydantic's validation context of the folder of the config. Relative paths are relative to this folder."""


_MAX_VERSIONS = 1_000_000
"""The maximum of `keep_versions`. A push every minute makes fewer versions in a year, so more is a mistake."""

_MAX_WORKERS = 1024
"""The maximum number of worker processes. Each needs a processor of its own, and a machine has fewer than this."""


_SPAN_PLACE = re.compile(r"\{(SPAN|VERSION)(:[^}]*)?\}|\{(YYYY|MM|DD)\}")
"""A place for a span or a version in a pattern, as in stock ExampleGen."""


def has_span(patterns: Iterable[str]) -> bool:
    """Returns whether a pattern has a place for a span or a version."""
    return any(_SPAN_PLACE.search(pattern) for pattern in patterns)


def _make_absolute(path: str, info: pydantic.ValidationInfo) -> str:
    # `package:<distribution>/<folder>` and an address of a bucket, such as `gs://bucket/folder`, are not relative
    # paths.
    if is_package(path) or "://" in path:
        return path
    base = pathlib.Path((info.context or {}).get(FOLDER, "."))
    return str((base / pathlib.Path(path).expanduser()).absolute().resolve())


def _check_patterns(files: Any) -> Any:
    """Checks `data.files`. The error of pydantic for a union of types would be hard to understand."""
    if isinstance(files, str):
        return files
    if isinstance(files, dict) and files and all(isinstance(pattern, str) for pattern in files.values()):
        for split in files:
            check_split_name(split)
        return files
    raise ValueError('must be one pattern such as "*.conllu", or a table with one pattern per split')


def _check_rules(severities: dict[str, Severity]) -> dict[str, Severity]:
    check_severities(severities)
    return severities


_Path = Annotated[str, pydantic.StringConstraints(min_length=1), pydantic.AfterValidator(_make_absolute)]
_Fraction = Annotated[float, pydantic.Field(ge=0, le=1)]


class PipelineConfig(Frozen):
    """The settings of the whole pipeline.

    Attributes:
      name: The pipeline's name in ML Metadata.
      root: The folder for all files that a run writes; `runs/<name>` if not given. A relative path is relative to the
        folder of the config file.
      cache: Whether to reuse the outputs of components whose inputs and settings have not changed.
      preprocessing_fn: A preprocessing_fn that replaces the default one, as `module:function`. The module is in the
        folder of the config, or it is installed. See docs/transform.md.
      workers: The number of Beam's worker processes. More than 1 is faster only for large data, because each process
        takes seconds to start.
    """

    name: Annotated[str, pydantic.StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    root: Annotated[_Path, pydantic.Field(json_schema_extra={"default": "runs/<name>"})]
    cache: bool = True
    preprocessing_fn: Annotated[str, pydantic.StringConstraints(pattern=r"^[\w.]+:\w+$")] | None = None
    workers: Annotated[int, pydantic.Field(ge=1, le=_MAX_WORKERS)] = 1

    @pydantic.model_validator(mode="before")
    @classmethod
    def _set_default_root(cls, values: Any) -> Any:
        if isinstance(values, dict) and "root" not in values:
            return {**values, "root": f"runs/{values.get('name')}"}
        return values

    @property
    def artifacts_dir(self) -> str:
        """The folder of artifacts, which TFX calls the pipeline root."""
        return f"{self.root}/artifacts"

    @property
    def metadata_path(self) -> str:
        """The SQLite file of ML Metadata."""
        return f"{self.root}/metadata.sqlite"

    @property
    def logs_dir(self) -> str:
        """The folder of logs, with one file per run."""
        return f"{self.root}/logs"

    @property
    def beam_args(self) -> list[str]:
        """The arguments of Beam, which name the runner that works in this process."""
        return [
            f"--runner={LOCAL_RUNNER}",
            f"--direct_running_mode={'in_memory' if self.workers == 1 else 'multi_processing'}",
            f"--direct_num_workers={self.workers}",
            # No container is used. But if no container is given, TFX builds a package of itself for every component,
            # which takes seconds.
            "--sdk_container_image=none",
        ]


class DataSplitConfig(SplitConfig):
    """How the records are divided into splits, if `data.files` is one pattern. The default holds out a split `test`."""

    shares: dict[SplitName, Count] = pydantic.Field(default_factory=lambda: {"train": 8, "eval": 1, "test": 1})


class DataConfig(ReadConfig):
    """The input files, and how records are read, divided into splits and written.

    Attributes:
      input: The folder of the input files, or `package:<distribution>/<folder>` for a folder of an installed Python
        package.
      files: A pattern of file names in `input`, such as `"*.conllu"`. The records of these files are divided as `split`
        says. If there are files for each split, a table with one pattern per split:
        `{ train = "train.jsonl", eval = "dev.jsonl" }`.
      span: The span to read, if `files` has a place for one: `{SPAN}`, or `{YYYY}`, `{MM}` and `{DD}`. The span of a
        date is the number of days since 1970-01-01. The latest span if not given. The option `--span` replaces it.
      split: How records are divided into splits, if `files` is one pattern.
      write: How records are written.
    """

    format: Annotated[str, pydantic.WithJsonSchema({"anyOf": [{"enum": list(READERS.rows)}, {"type": "string"}]})]
    input: _Path
    files: Annotated[str | dict[str, str], pydantic.BeforeValidator(_check_patterns)]
    span: CountOrZero | None = None
    split: DataSplitConfig = DataSplitConfig()
    write: WriteConfig = WriteConfig()

    @property
    def folder(self) -> str:
        """The path of the folder that `input` names.

        Raises:
          ValueError: if `input` names a Python package that is not installed, or a folder that the package does not
            have.
        """
        return resolve_data_folder(self.input)

    @property
    def is_given_in_splits(self) -> bool:
        """Whether `files` has one pattern per split. If not, `split` says how records are divided."""
        return not isinstance(self.files, str)

    def name_patterns(self, undivided: str) -> dict[str, str]:
        """Returns the patterns by name.

        Args:
          undivided: The name of the pattern if there is only one, whose records are yet to be divided into splits.

        Returns:
          Split name to pattern, or `undivided` to the only pattern.
        """
        return {undivided: self.files} if isinstance(self.files, str) else self.files

    @pydantic.model_validator(mode="after")
    def _check_span(self) -> DataConfig:
        if self.span is not None and not has_span(self.name_patterns("").values()):
            raise ValueError("span goes with a place for it in `files`, such as {SPAN}, or {YYYY}, {MM} and {DD}")
        return self

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits, in order."""
        return tuple(self.files if self.is_given_in_splits else self.split.shares)

    @property
    def split_config(self) -> SplitConfig | None:
        """How records are divided into splits. None if there are files for each split."""
        return None if self.is_given_in_splits else self.split

    @property
    def read_config(self) -> ReadConfig:
        """The settings of the reader, without those about splits and writing."""
        return ReadConfig(**{name: getattr(self, name) for name in ReadConfig.model_fields})


class LengthConfig(Frozen):
    """The limits of the number of steps of a record; see `SequenceSpec`.

    Attributes:
      min_length: The minimum number of steps of a record.
      max_length: The maximum number of steps of a record; no maximum if not given.
      length_drift: The maximum distance, from 0 to 1, between the distribution of lengths and that of the baseline; not
        checked if not given.
      length_skew: The maximum distance, from 0 to 1, between the distributions of lengths in training and in serving;
        not checked if not given.
      max_steps: The maximum number of steps that the transform keeps of each sequence, in training and in serving.
        Later steps are cut off. All steps are kept if not given.
    """

    min_length: CountOrZero = 1
    max_length: Count | None = None
    length_drift: float | None = None
    length_skew: float | None = None
    max_steps: Count | None = None


class ValidationConfig(Frozen):
    """Which problems of the data end the run; see docs/validation.md.

    Attributes:
      fail_on: The lowest severity that ends the run.
      severities: Rule to severity, for rules whose severity should not be `error`.
    """

    fail_on: FailOn = "error"
    severities: Annotated[dict[str, Severity], pydantic.AfterValidator(_check_rules)] = pydantic.Field(
        default_factory=dict
    )


class PipelineTrainingConfig(TrainingConfig):
    """The settings of training, and the weights that it starts from.

    Attributes:
      warm_start: Whether to start from the weights of the latest blessed model. Weights that do not fit the new
        vocabularies and settings are not used; see docs/training.md. With it, each run trains, even if nothing has
        changed.
    """

    warm_start: bool = False

    @property
    def trainer_config(self) -> TrainingConfig:
        """The settings without `warm_start`, because the trainer receives the model to start from as an input."""
        return TrainingConfig(**self.model_dump(exclude={"warm_start"}))


class EvaluationConfig(Frozen):
    """How the exported model is evaluated, and which results it needs to be pushed.

    Attributes:
      splits: The splits for the evaluation. They should not be used in training.
      min_accuracy: The minimum accuracy over real steps. A model with a lower accuracy is not pushed. If not given,
        there is no minimum.
      thresholds: Metric to its bounds. A model is pushed only if all metrics are within their bounds:
        `{ tags_span_f1 = { at_least = 0.8, worse_by = 0.01 } }`. `worse_by` compares with the latest blessed model.
        docs/evaluation.md lists the names of the metrics.
      slices: Names of context features, `length_bucket`, or lists of such names. The metrics are also computed for each
        group of records that have equal values of these features.
      confidence_intervals: Whether to compute a 95% confidence interval for each metric. The evaluation takes longer,
        and needs at least about 100 records.
      metrics: Metrics to compute in addition to the default ones. Each is the name of a metric of an installed package,
        or `module:Class`, where the module is in the folder of the config or is installed; see docs/evaluation.md.
    """

    splits: Annotated[Distinct[str], pydantic.Field(min_length=1)] = ("test",)
    min_accuracy: _Fraction | None = None
    thresholds: dict[str, Threshold] = pydantic.Field(default_factory=dict)
    slices: tuple[str | tuple[str, ...], ...] = ()
    confidence_intervals: bool = False
    metrics: tuple[str, ...] = ()


class ServingConfig(Frozen):
    """The folder for pushed models, and what is done with a model besides pushing it.

    Attributes:
      dir: The folder for pushed models, with one numbered folder per version; `<root>/serving` if not given.
      keep_versions: The number of newest versions to keep in `dir`. Older ones are deleted after each push. All are
        kept if not given.
      infer: The splits for which the stock BulkInferrer writes the answers of each blessed model, as an artifact
        `InferenceResult`.
      infra_validate: Tags of the Docker image `tensorflow/serving`, such as `latest`. The stock InfraValidator starts a
        server for each tag on this machine. The model is pushed only if each server can load the model and answers
        about some records of the first evaluation split; see docs/serving.md.
    """

    dir: _Path | None = None
    keep_versions: Annotated[int, pydantic.Field(ge=1, le=_MAX_VERSIONS)] | None = None
    infer: Distinct[str] = ()
    infra_validate: Distinct[str] = ()


class Config(Frozen):
    """The config of a whole pipeline. If settings contradict each other, one error lists all contradictions."""

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
    def _refuse_contradictions(self) -> Config:
        problems = tuple(find_contradictions(self))
        if problems:
            raise ContradictionError(problems)
        return self

    @property
    def spec(self) -> SequenceSpec:
        """The features of a record, and the limits of its number of steps."""
        spec = SequenceSpec(features=self.features, **self.sequence.model_dump(exclude={"max_steps"}))
        return note_shifts(spec, self.data.format)

    @property
    def open_features(self) -> tuple[str, ...]:
        """The labels that share the vocabulary of an input, so that they may have values that train does not have."""
        labels = self.spec.with_role("label")
        return tuple(name for name, settings in self.transform.items() if settings.share and name in labels)

    @property
    def serving_dir(self) -> str:
        """The folder for pushed models, with one numbered folder per version."""
        return self.serving.dir or f"{self.pipeline.root}/serving"

    def to_toml(self) -> dict[str, Any]:
        """Returns the settings that were given, without defaults, as tables for TOML that can be read again."""
        tables: dict[str, Any] = self.model_dump(mode="json", exclude_unset=True, exclude_none=True)
        return tables
