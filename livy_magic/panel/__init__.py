"""The panel: the server's batches and their logs, live, as a widget.

In reading order: ``rows``, ``notes``, ``causes``, ``logtext`` and ``forms`` (what it shows),
``logview``, ``actions`` and ``controller`` (its conversation with the browser), ``placement`` and
``widget`` (its place in Jupyter). The browser's side is in the repository's ``js`` folder, and built
into ``static``.

It must not know the magics, and asks the server nothing while nobody sees it.
"""
