"""Literals in the text of the IR: numbers, dtypes, dimensions and the elements of constants."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from typing import Any

import numpy as np

from jitflow.core.dims import Dim, parse_dim
from jitflow.core.dtypes import parse_dtype
from jitflow.core.errors import InvalidGraph
from jitflow.core.types import ArrayType
from jitflow.ir.scanner import Token

_WORDS: dict[str, Any] = {"true": True, "false": False, "none": None}


def parse_atom(token: Token, *, dtype_only: bool = False) -> Any:
    """A dtype, ``true``, ``false``, ``none``, an int, a float or a dimension."""
    text = token.text
    try:
        return parse_dtype(text)
    except KeyError:
        if dtype_only:
            raise InvalidGraph(f"{text!r} is not a dtype", line=token.line) from None
    if text in _WORDS:
        return _WORDS[text]
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return parse_dimension(token)


def parse_dimension(token: Token) -> Dim:
    """An integer or a polynomial over symbols."""
    try:
        return parse_dim(token.text)
    except ValueError:
        raise InvalidGraph(f"{token.text!r} is not a dimension", line=token.line) from None


def parse_array_elements(type: ArrayType, tokens: list[Token]) -> np.ndarray:
    """A read-only array of `type` from its elements, or from one string that packs its bytes."""
    line = tokens[0].line if tokens else None
    shape = tuple(dim for dim in type.shape if isinstance(dim, int))
    if len(shape) != type.rank:
        raise InvalidGraph(f"a constant of {type} has no fixed shape", line=line)
    try:
        if len(tokens) == 1 and tokens[0].kind == "string":
            data = zlib.decompress(base64.b64decode(json.loads(tokens[0].text)))
            array = np.frombuffer(data, type.dtype.numpy).reshape(shape)
        else:
            array = np.array([_element(type, t.text) for t in tokens], type.dtype.numpy)
            array = array.reshape(shape)
    except (ValueError, OverflowError, zlib.error, binascii.Error) as error:
        raise InvalidGraph(f"not the elements of {type}: {error}", line=line) from None
    array.flags.writeable = False
    return array


def _element(type: ArrayType, text: str) -> Any:
    if type.dtype.kind == "b":
        if text not in ("true", "false"):
            raise ValueError(f"{text!r} is not a truth value")
        return text == "true"
    if type.dtype.is_integer:
        return int(text)
    if type.dtype.is_complex:
        return _complex(text)
    return type.dtype.numpy.type(text)


def _complex(text: str) -> complex:
    """Like `complex`, which keeps no sign of a zero or NaN part when parts are added."""
    body = text.removesuffix("j")
    for position in range(len(body) - 1, 0, -1):
        if body[position] in "+-" and body[position - 1] != "e":
            return complex(float(body[:position]), float(body[position:]))
    raise ValueError(f"{text!r} is not a complex number")
