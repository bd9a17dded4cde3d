"""Staging: putting local files and a cell's code where Livy's Spark can read them.

In reading order: ``paths`` (which of a request's paths are local, and the URIs they become),
``folder`` (the staging folder: writing files to it by fsspec, removing old ones), ``packages``
(zips of folders and wheels).

This package must not know the server: it sees a request and a folder, and submits nothing.
"""
