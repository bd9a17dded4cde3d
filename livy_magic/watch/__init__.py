"""Watching batches: one background thread for each server, which polls and publishes snapshots.

In reading order: ``snapshot`` (the state of a batch at one moment), ``schedule`` (the polling
intervals; pure), ``log_tail`` and ``captured_log`` (the exact log, from a sliding window),
``list_pages`` and ``server_list`` (the server's list), ``watch`` (one batch), ``watcher`` (the
thread).

This package must not know the history or its subscribers: it publishes immutable snapshots, and
never prints.
"""
