"""The base class of tuners that run trials in their own way; Keras Tuner exports it under no shorter name."""

from keras_tuner.engine.base_tuner import BaseTuner

__all__ = ["BaseTuner"]
