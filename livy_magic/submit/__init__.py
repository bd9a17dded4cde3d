"""From a request to exactly one batch.

In reading order: ``plan`` (what is sent: defaults, a name, URIs; then the uploads), ``names`` (names
that nobody else has), ``submission`` (the POST, and all that may happen around it), ``evidence``
(what answers prove), ``orphans`` (submissions whose process died before the answer came).

It must not know what becomes of the batch afterwards, nor how anything is shown.
"""
