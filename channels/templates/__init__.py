"""File templates as data: fixed width by bytes or characters, and delimited (`docs/templates.md`)."""

from channels.templates.cells import CellError, Value
from channels.templates.files import Row, Template
from channels.templates.model import TemplateError

__all__ = ["CellError", "Row", "Template", "TemplateError", "Value"]
