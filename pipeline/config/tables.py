"""Defines the config of a whole pipeline as typed values; `toml_file` reads them from TOML.

Each field of `Config` is a table of the file. Most tables are the settings of one component, under its own names::

    [pipeline] -> PipelineConfig      [transform.<feature>] -> VocabularyConfig
    [data]     -> DataConfig          [numbers.<feature>]   -> NumberConfig
    [features.<name>] -> Feature      [model]               -> ModelConfig
    [sequence] -> LengthConfig        [training]            -> PipelineTrainingConfig
    [validation] -> ValidationConfig  [tuning]              -> TuningConfig
    [evaluation] -> EvaluationConfig  [serving]             -> ServingConfig
"""

from __future__ import annotations

import pathlib
from typing import Annotated, Any

import pydantic

from tfx_sequence.components.sequence_evaluator.thresholds import Threshold
from tfx_sequence.components.sequence_example_gen.config import ReadConfig, SplitConfig, WriteConfig
from tfx_sequence.components.sequence_example_validator.severity import Severity, check_severities
from tfx_sequence.components.sequence_example_validator.verdict import FailOn
from tfx_sequence.components.sequence_trainer.config.model import ModelConfig
from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig
from tfx_sequence.components.sequence_trainer.config.tuning import TuningConfig
from tfx_sequence.components.sequence_transform.config import NumberConfig, TransformConfig
from tfx_sequence.pipeline.config.checks import find_contradictions
from tfx_sequence.pipeline.config.data_folder import is_package, resolve_data_folder
from tfx_sequence.pipeline.config.problems import ContradictionError
from tfx_sequence.schemas.spec import Feature, Frozen, SequenceSpec

FOLDER = "folder"
"""The key of the validation context that holds the folder which relative paths are relative to."""


def _make_absolute(path: str, info: pydantic.ValidationInfo) -> str:
    # Neither a package's data nor a bucket is relative to any folder.
    if is_package(path) or "://" in path:
        return path
    base = pathlib.Path((info.context or {}).get(FOLDER, "."))
    return str((base / pathlib.Path(path).expanduser()).absolute().resolve())


def _check_patterns(files: Any) -> Any:
    if isinstance(files, str):
        return files
    if isinstance(files, dict) and files and all(isinstance(pattern, str) for pattern in files.values()):
        return files
    raise ValueError('must be one pattern such as "*.conllu", or a table of a pattern for each split')


def _check_rules(severities: dict[str, Severity]) -> dict[str, Severity]:
    check_severities(severities)
    return severities


_Path = Annotated[str, pydantic.StringConstraints(min_length=1), pydantic.AfterValidator(_make_absolute)]
_Fraction = Annotated[float, pydantic.Field(ge=0, le=1)]


class PipelineConfig(Frozen):
    """The settings of a run as a whole.

    Attributes:
      name: The pipeline's name in ML Metadata.
      root: The folder for everything that runs make; `runs/<name>` if not given. Relative to the config file's folder.
      cache: Reuse the outputs of components whose inputs and settings did not change.
      preprocessing_fn: `module:function` of a preprocessing_fn that replaces ours, in a module beside the config or an
        installed one; see docs/transform.md.
      workers: The number of Beam's worker processes. More than 1 pays only for large data: each takes seconds to start.
    """

    name: Annotated[str, pydantic.StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    root: Annotated[_Path, pydantic.Field(json_schema_extra={"default": "runs/<name>"})]
    cache: bool = True
    preprocessing_fn: Annotated[str, pydantic.StringConstraints(pattern=r"^[\w.]+:\w+$")] | None = None
    workers: Annotated[int, pydantic.Field(ge=1)] = 1

    @pydantic.model_validator(mode="before")
    @classmethod
    def _set_default_root(cls, values: Any) -> Any:
        if isinstance(values, dict) and "root" not in values:
            return {**values, "root": f"runs/{values.get('name')}"}
        return values

    @property
    def artifacts_dir(self) -> str:
        """The folder of artifacts, which is TFX's pipeline root."""
        return f"{self.root}/artifacts"

    @property
    def metadata_path(self) -> str:
        """The SQLite file of ML Metadata."""
        return f"{self.root}/metadata.sqlite"

    @property
    def logs_dir(self) -> str:
        """The folder of logs, one file a run."""
        return f"{self.root}/logs"

    @property
    def beam_args(self) -> list[str]:
        """The arguments of Beam.

        The runner is named by its class: newer versions of Beam take `DirectRunner` to mean Prism, a binary that they
        download, and errors would then come back as text.
        """
        return [
            "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
            f"--direct_running_mode={'in_memory' if self.workers == 1 else 'multi_processing'}",
            f"--direct_num_workers={self.workers}",
            # No container is used, but unless one is named, TFX packs itself for every component, which takes seconds.
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
    files: Annotated[str | dict[str, str], pydantic.BeforeValidator(_check_patterns)]
    split: DataSplitConfig = DataSplitConfig()
    write: WriteConfig = WriteConfig()

    @property
    def folder(self) -> str:
        """The folder that `input` names.

        Raises:
          ValueError: if it is in a Python package that is not installed, or has no such folder.
        """
        return resolve_data_folder(self.input)

    @property
    def is_given_in_splits(self) -> bool:
        """Whether `files` has a pattern for each split; if not, records are divided by `split`."""
        return not isinstance(self.files, str)

    def name_patterns(self, undivided: str) -> dict[str, str]:
        """Returns split name to pattern; one pattern, of records that are yet to be divided, is named `undivided`."""
        return {undivided: self.files} if isinstance(self.files, str) else self.files

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits, in order."""
        return tuple(self.files if self.is_given_in_splits else self.split.shares)

    @property
    def split_config(self) -> SplitConfig | None:
        """How records are divided; None if they come in splits."""
        return None if self.is_given_in_splits else self.split

    @property
    def read_config(self) -> ReadConfig:
        """The settings of the reader alone."""
        return ReadConfig(**{name: getattr(self, name) for name in ReadConfig.model_fields})


class LengthConfig(Frozen):
    """How long a sequence may be; see `SequenceSpec`.

    Attributes:
      min_length: The fewest steps that a record may have.
      max_length: The most steps that a record may have; no bound if not given.
      length_drift: The most that the lengths may differ from those of the baseline, 0 to 1; not judged if not given.
      length_skew: The same between training and serving.
      max_steps: The number of first steps of each sequence that the transform keeps, in training and in serving alike;
        all if not given.
    """

    min_length: int = 1
    max_length: int | None = None
    length_drift: float | None = None
    length_skew: float | None = None
    max_steps: Annotated[int, pydantic.Field(ge=1)] | None = None


class ValidationConfig(Frozen):
    """Which problems of the data end the run; see docs/validation.md.

    Attributes:
      fail_on: The least severity that ends the run.
      severities: Rule to severity, for rules that are not to be an error.
    """

    fail_on: FailOn = "error"
    severities: Annotated[dict[str, Severity], pydantic.AfterValidator(_check_rules)] = pydantic.Field(
        default_factory=dict
    )


class PipelineTrainingConfig(TrainingConfig):
    """The settings of training, and the weights that it starts from.

    Attributes:
      warm_start: Start from the weights of the latest blessed model, as far as they fit the new vocabularies and
        settings; see docs/training.md. Each run then trains, even if nothing has changed.
    """

    warm_start: bool = False

    @property
    def trainer_config(self) -> TrainingConfig:
        """The settings of the trainer itself, which takes the model to start from as an input."""
        return TrainingConfig(**self.model_dump(exclude={"warm_start"}))


class EvaluationConfig(Frozen):
    """How the exported model is evaluated, and what it must achieve to be pushed.

    Attributes:
      splits: The splits that the model is evaluated on. They should take no part in training.
      min_accuracy: The least accuracy over real steps at which the model is pushed; any if not given.
      thresholds: Figure to the bounds that it must keep for the model to be pushed: `{ tags_span_f1 = { at_least = 0.8,
        worse_by = 0.01 } }`. `worse_by` compares with the latest blessed model. docs/evaluation.md lists the figures.
      slices: Names of context features, `length_bucket`, or lists of them. The figures are also computed for the
        records of each of their values.
      confidence_intervals: Compute a 95% confidence interval for each figure. The evaluation takes longer, and needs
        some 100 records.
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
    """Where good models are pushed, and how else they are used.

    Attributes:
      dir: The folder that holds a numbered folder for each version; `<root>/serving` if not given.
      infer: Splits for which the stock BulkInferrer writes the answers of each pushed model, as an `InferenceResult`;
        none by default.
      infra_validate: Tags of the Docker image `tensorflow/serving`, such as `latest`. The stock InfraValidator starts
        each on this machine, and a model is pushed only if it loads there and answers about some records of the first
        evaluation split. Not done by default; see docs/serving.md.
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
    def _refuse_contradictions(self) -> Config:
        problems = tuple(find_contradictions(self))
        if problems:
            raise ContradictionError(problems)
        return self

    @property
    def spec(self) -> SequenceSpec:
        """The features of a record, and how long it may be."""
        return SequenceSpec(features=self.features, **self.sequence.model_dump(exclude={"max_steps"}))

    @property
    def serving_dir(self) -> str:
        """The folder that holds a numbered folder for each version of the model."""
        return self.serving.dir or f"{self.pipeline.root}/serving"

    def to_toml(self) -> dict[str, Any]:
        """Returns the settings as tables that TOML can write, without defaults; reading them gives an equal config."""
        tables: dict[str, Any] = self.model_dump(mode="json", exclude_unset=True, exclude_none=True)
        return tables
