"""Parameters and dictionaries: what operators set while the house runs (rows P59-P61, A90, P7).

A parameter is declared in code by the room that reads it (type, bounds, default); only values that were set stand in
the database, each change with who, when, why, before and after. Here, on the lowest step, as every room may read one.
A value takes effect in every process within a poll, without a restart. Dictionaries are for people: texts that are
shown for a code. What a bank's code means for money is decided by its channel's table alone.
"""

from gateway.kernel.configuration.dictionaries import ErrorText, Word
from gateway.kernel.configuration.parameters import BadValueError, Catalogue, Parameter, Value
from gateway.kernel.configuration.standing import Configuration, Reading

__all__ = [
    "BadValueError",
    "Catalogue",
    "Configuration",
    "ErrorText",
    "Parameter",
    "Reading",
    "Value",
    "Word",
]
