"""Views: who holds a copy, and in which order, as one master says, and what a copy does in a view."""

from simcluster.replication.schemes.views.copy import Copy
from simcluster.replication.schemes.views.master import Views
from simcluster.replication.schemes.views.view import View

__all__ = ["Copy", "View", "Views"]
