"""Livy's REST API for batches: its requests and answers, and the one client that sends them.

In reading order: ``field_types`` (the kinds of field values), ``models`` (requests and answers;
``BatchRequest``'s fields are the table of the 16 POST fields), ``fields`` (look-ups in that table),
``log_format`` (the layout of a log), ``identity`` (whether two views show one batch),
``list_cache`` (decodes the server's list), ``wire`` (whether a request was sent), ``client``.

This package must not know who calls it, how often, or as which user: settings, threads and
notebooks come later.
"""
