"""Exports the base class of tuners that run trials in their own way. Keras Tuner has no public import path for it."""

from keras_tuner.engine.base_tuner import BaseTuner

__all__ = ["BaseTuner"]
