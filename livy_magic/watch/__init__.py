"""The one background thread for each server: which batches it looks at, when, and what it has seen.

In reading order: ``snapshot`` (what is known of a batch at one moment), ``schedule`` (how often; pure),
``log_tail`` and ``captured_log`` (the exact log from a window that slides), ``list_pages`` and
``server_list`` (the server's list), ``watch`` (one batch), ``watcher`` (the thread).

It must not know the history, nor who looks: it publishes snapshots that never change, and never prints.
"""
