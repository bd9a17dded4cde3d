"""Submission: it turns a request into exactly one batch.

In reading order: ``plan`` (the request with defaults, a name and URIs; then the uploads), ``names``
(unique names), ``submission`` (the POST, and the recovery from lost answers), ``evidence`` (what
answers prove), ``orphans`` (submissions whose process died before the answer arrived).

This package must not know what happens to the batch afterwards, or how anything is displayed.
"""
