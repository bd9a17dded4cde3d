"""Local files and a cell's code go where Livy's Spark can read them.

In reading order: ``paths`` (which of a request's paths are local, and the URIs they become),
``folder`` (the folder they are put in, by fsspec: what goes there, what is removed), ``packages``
(folders and wheels become zips).

It must not know the server: it sees a request and a folder, and submits nothing.
"""
