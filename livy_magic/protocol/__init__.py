"""What Livy's REST API for batches says, and the one way to say it over HTTP.

In reading order: ``field_types`` and ``models`` (requests and answers; ``BatchRequest``'s fields are
the table of the 16 POST fields), ``fields`` (what is made from that table), ``log_format`` (how a log
is laid out), ``identity`` (whether two views are of one batch), ``list_cache``, ``client``.

It must not know who asks, how often, or as whom: settings, threads and notebooks come later.
"""
