"""Runs the command line with the tiny pipeline in place of the real one: `tiny_command MODE ARGUMENT...`."""

import sys

from tfx_sequence.pipeline.cli import main


def factory(config):
    # Late, as the real pipeline is imported: what TensorFlow writes on import is noise as well.
    from support import tiny_pipeline

    return tiny_pipeline.factory(sys.argv[1])(config)


if __name__ == "__main__":
    sys.exit(main(sys.argv[2:], factory=factory))
