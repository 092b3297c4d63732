"""A Pusher whose versions are seen only when they are complete."""

from .component import AtomicPusher as AtomicPusher
