"""Weekly Recap: your feeds in, Friday's mail out, every reader once, with proof."""

__version__ = "0.1.0"
