"""How raw features become ids and numbers: the settings of SequenceTransform."""

from __future__ import annotations

from typing import Annotated

import pydantic

from tfx_sequence.schemas.spec import Frozen


class VocabularyConfig(Frozen):
    """The vocabulary of one string feature. Ids run from 1, by falling frequency; 0 is padding only.

    Attributes:
      min_count: Values seen fewer times in the analysed splits are out of vocabulary. Not for labels.
      max_size: The most entries; the most frequent ones stay. No bound if None. Not for labels.
      lowercase: Unicode lower case before the look-up.
      affixes: For each length n here, two more inputs: the first and the last n characters of every value, as
        features `<name>_prefix<n>` and `<name>_suffix<n>`. They carry the morphology of unseen words.
    """

    min_count: Annotated[int, pydantic.Field(ge=1)] = 1
    max_size: Annotated[int, pydantic.Field(ge=1)] | None = None
    lowercase: bool = False
    affixes: tuple[Annotated[int, pydantic.Field(ge=1)], ...] = ()


TransformConfig = dict[str, VocabularyConfig]
"""Feature name to its settings; features that are not named take the defaults."""
