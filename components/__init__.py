"""TFX components for sequences of unequal length."""

__all__: list[str] = []
