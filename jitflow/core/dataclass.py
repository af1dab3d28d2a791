"""Data classes that cost microseconds to make.

`dataclasses.dataclass` compiles source text for every method of every class, 0.2 to 0.5 ms each;
the compiler has hundreds of such classes, and loads most of them at the first call. Here
``__init__`` comes from code that classes of one shape share, with the names put in, and the other
methods are shared functions over a getter of the fields.

The decorator means what the standard one means, with these limits: fields come from annotations
written as text (``from __future__ import annotations``); there are no options but `eq`, `repr` and
`frozen`; and `frozen` is checked by the type checker alone, so that construction stays cheap.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any, NamedTuple, TypeVar, dataclass_transform, overload

T = TypeVar("T")

_MISSING: Any = type("Missing", (), {"__repr__": lambda self: "<default>"})()


class Field(NamedTuple):
    """One field: its name, how it is filled, and which methods look at it."""

    name: str = ""
    default: Any = _MISSING
    default_factory: Callable[[], Any] | None = None
    repr: bool = True
    compare: bool = True


def field(
    *,
    default: Any = _MISSING,
    default_factory: Callable[[], Any] | None = None,
    repr: bool = True,
    compare: bool = True,
) -> Any:
    """Describe a field, as `dataclasses.field` does."""
    return Field("", default, default_factory, repr, compare)


@overload
def dataclass(cls: type[T]) -> type[T]: ...
@overload
def dataclass(
    cls: None = None, *, eq: bool = True, repr: bool = True, frozen: bool = False
) -> Callable[[type[T]], type[T]]: ...
@dataclass_transform(eq_default=True, field_specifiers=(field,))
def dataclass(cls: Any = None, *, eq: bool = True, repr: bool = True, frozen: bool = False) -> Any:
    """Give a class ``__init__``, and ``__eq__``, ``__hash__`` and ``__repr__`` where asked for."""
    if cls is None:
        return functools.partial(_process, eq=eq, repr=repr, frozen=frozen)
    return _process(cls, eq, repr, frozen)


def fields(cls: Any) -> tuple[Field, ...]:
    """The fields of a data class, or of an instance of one, inherited ones first."""
    return cls.__record_fields__  # type: ignore[no-any-return]


def replace(record: T, /, **changes: Any) -> T:
    """A copy of `record` with some fields changed."""
    values = {one.name: getattr(record, one.name) for one in fields(record)}
    return type(record)(**{**values, **changes})


def _process(cls: Any, eq: bool, repr: bool, frozen: bool) -> Any:
    own = cls.__dict__
    bases = [base.__dict__ for base in reversed(cls.__mro__[1:])]
    every = {one.name: one for base in bases for one in base.get("__record_fields__", ())}
    every.update((one.name, one) for one in _own_fields(cls, own))
    cls.__record_fields__ = listed = tuple(every.values())
    if "__init__" not in own:
        cls.__init__ = _make_init(listed, hasattr(cls, "__post_init__"), cls.__qualname__)
    if repr and "__repr__" not in own:
        cls.__repr__ = _repr
    if eq:
        key = _getter([one.name for one in listed if one.compare])
        if "__eq__" not in own:
            cls.__eq__ = _make_eq(key)
        if "__hash__" not in own or own["__hash__"] is None:
            cls.__hash__ = _make_hash(key) if frozen else None
    return cls


def _own_fields(cls: Any, own: Any) -> list[Field]:
    """The fields that the class itself annotates; their defaults become class attributes."""
    found = []
    for name, annotation in own.get("__annotations__", {}).items():
        if annotation.startswith("ClassVar"):
            continue
        value = own.get(name, _MISSING)
        if type(value) is Field:
            one = value._replace(name=name)
            if one.default is _MISSING:
                delattr(cls, name)
            else:
                setattr(cls, name, one.default)
        else:
            one = Field(name, value)
        found.append(one)
    return found


# __init__


def _make_init(listed: tuple[Field, ...], is_followed: bool, owner: str) -> Any:
    """The constructor for these fields."""
    shape = "".join("f" if one.default_factory else "." for one in listed)
    if "f" in shape and shape not in _templates:
        return _make_later(listed, is_followed, owner)
    return _fill_template(listed, shape, is_followed, owner)


def _make_later(listed: tuple[Field, ...], is_followed: bool, owner: str) -> Any:
    """A constructor that makes the real one when it is first called: many never are."""

    def make(self: Any, *args: Any, **kwargs: Any) -> None:
        shape = "".join("f" if one.default_factory else "." for one in listed)
        made = _fill_template(listed, shape, is_followed, owner)
        for cls in type(self).__mro__:
            if cls.__dict__.get("__init__") is make:
                cls.__init__ = made  # type: ignore[misc]
        made(self, *args, **kwargs)

    return make


_templates: dict[str, CodeType] = {}


def _fill_template(
    listed: tuple[Field, ...], shape: str, is_followed: bool, owner: str
) -> FunctionType:
    code = _templates.get(shape)
    if code is None:
        code = _templates[shape] = _template(shape)
    own = {f"f{k}": one.name for k, one in enumerate(listed)}
    code = code.replace(
        co_varnames=tuple(own.get(name, name) for name in code.co_varnames),
        co_names=tuple(own.get(name, name) for name in code.co_names),
        co_qualname=f"{owner}.__init__",
    )
    namespace = {f"make{k}": one.default_factory for k, one in enumerate(listed)}
    init = FunctionType(code, {"__name__": __name__, "missing": _MISSING, **namespace})
    init.__defaults__ = _defaults(listed)
    return _followed(init) if is_followed else init


def _template(shape: str) -> CodeType:
    """Code of a constructor: one letter for each field, ``f`` where a factory fills it."""
    lines = [f"def __init__(self{''.join(f', f{k}' for k in range(len(shape)))}):"]
    for k, letter in enumerate(shape):
        made = f"make{k}() if f{k} is missing else f{k}"
        lines.append(f" self.f{k} = {made if letter == 'f' else f'f{k}'}")
    lines.append(" return None")
    module = compile("\n".join(lines), "<data class>", "exec")
    return next(one for one in module.co_consts if isinstance(one, CodeType))


def _defaults(listed: tuple[Field, ...]) -> tuple[Any, ...]:
    found: list[Any] = []
    for one in listed:
        if one.default is not _MISSING or one.default_factory:
            found.append(one.default)
        elif found:
            raise TypeError(f"field {one.name!r} without a default follows one that has one")
    return tuple(found)


def _followed(init: FunctionType) -> Any:
    def both(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        self.__post_init__()

    return both


# The other methods


def _getter(names: list[str]) -> Callable[[Any], Any]:
    """A function that gives these fields as a tuple."""
    if not names:
        return lambda record: ()
    return operator.attrgetter(*names, *names[: len(names) == 1])  # one name alone gives no tuple


def _make_eq(key: Callable[[Any], Any]) -> Any:
    def equals(self: Any, other: object) -> Any:
        if self is other:
            return True
        if other.__class__ is not self.__class__:
            return NotImplemented
        return key(self) == key(other)

    return equals


def _make_hash(key: Callable[[Any], Any]) -> Any:
    def hashed(self: Any) -> int:
        return hash(key(self))

    return hashed


def _repr(self: Any) -> str:
    shown = ", ".join(f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if f.repr)
    return f"{type(self).__qualname__}({shown})"
