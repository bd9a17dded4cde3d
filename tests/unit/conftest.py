"""What all pure tests share."""

from hypothesis import settings

# An example may take long on a busy machine; that is no failure.
settings.register_profile("busy", deadline=None)
settings.load_profile("busy")
