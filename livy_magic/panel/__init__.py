"""The panel: the server's batches and their logs, live, as a widget.

``rows``, ``notes``, ``causes``, ``logtext`` and ``forms`` are its content, ``logview``, ``actions``
and ``desk`` its conversation with the browser, ``widget`` and ``place`` its place in Jupyter. The
browser's side is in the repository's ``js`` folder, and built into ``static``.
"""
