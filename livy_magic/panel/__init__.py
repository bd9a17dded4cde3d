"""The panel: a widget that shows the server's batches and their logs, live.

In reading order: ``rows``, ``notes``, ``causes``, ``logtext`` and ``forms`` (its content),
``logview``, ``actions`` and ``controller`` (its messages from and to the browser), ``placement``
and ``widget`` (its place in Jupyter). The source of the browser side is in the repository's ``js``
folder, and is built into ``static``.

This package must not know the magics, and polls the server only while a view is visible.
"""
