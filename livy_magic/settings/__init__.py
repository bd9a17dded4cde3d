"""Where Livy is, as whom one talks to it, and what else a connection needs: all of it with its origin.

In reading order: ``settings`` (what a connection needs, and which source wins),
``sources`` (environment, files, sparkmagic's file), ``values`` (how each value is checked),
``secret`` (where a password or token is kept), ``auth`` (authentication objects for requests).

It must not know what is submitted, and sends nothing.
"""

from .settings import VARIABLES, Settings, describe, load, profiles

__all__ = ["VARIABLES", "Settings", "describe", "load", "profiles"]
