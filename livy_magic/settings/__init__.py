"""The settings of a connection to Livy (URL, authentication, ...), each with its origin.

In reading order: ``settings`` (the settings, and which source wins), ``sources`` (environment,
files, sparkmagic's file), ``values`` (checks of each value), ``arguments`` (of ``Livy()``), ``secret`` (where a password or token
is kept), ``auth`` (authentication objects for requests).

This package must not know what is submitted, and sends nothing.
"""

from .settings import VARIABLES, Settings, describe, load, profiles

__all__ = ["VARIABLES", "Settings", "describe", "load", "profiles"]
