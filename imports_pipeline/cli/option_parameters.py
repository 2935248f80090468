"""Parameters of commands, generated from the list of import options (``model.options``)."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from enum import StrEnum
from types import UnionType
from typing import Annotated, Any

import typer

from imports_pipeline.cli.arguments import ActionName, mapping_of
from imports_pipeline.model.option_choices import Action
from imports_pipeline.model.option_declarations import Declaration
from imports_pipeline.model.options import declarations


def takes_options(
    wanted: Callable[[Declaration], bool] | None = None, *, required: tuple[str, ...] = ()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that adds import options to a Typer command.

    The command receives them as one argument ``options``, a mapping of names to plain values for ``Options.of``.

    Args:
        wanted: Chooses the options; None means all of them.
        required: The options that have no default on the command line.
    """
    chosen = [option for option in declarations().values() if wanted is None or wanted(option)]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [
            one.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for one in inspect.signature(command, eval_str=True).parameters.values()
        ]
        made = [_parameter(option, option.name in required) for option in chosen]
        # Help lists parameters in this order: the command's own required ones, the import options, the rest.
        needed = [one for one in own if one.default is one.empty and one.name != "options"]
        others = [one for one in own if one.default is not one.empty]
        parameters = [
            *needed,
            *(one for one in made if one.default is one.empty),
            *(one for one in made if one.default is not one.empty),
            *others,
        ]

        @functools.wraps(command)
        def with_options(**given: Any) -> None:
            options = {option.name: _plain(option, given.pop(option.name)) for option in chosen}
            command(**given, options=options)

        with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        with_options.__annotations__ = {one.name: one.annotation for one in parameters}
        return with_options

    return decorate


def _parameter(option: Declaration, required: bool) -> inspect.Parameter:
    kind, default = _type_and_default(option)
    about: dict[str, Any] = {"help": option.description, "rich_help_panel": option.group.value}
    if option.kind in (int, float):
        about |= {"min": option.minimum, "max": option.maximum}
    if option.kind is Mapping:
        about["metavar"] = "FIELD=HEADER"
    return inspect.Parameter(
        option.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if required else default,
        annotation=Annotated[kind, typer.Option(**about)],
    )


def _type_and_default(option: Declaration) -> tuple[Any, Any]:
    """Return the type and the default of an option on the command line."""
    kind: type | UnionType = option.kind
    if kind is Action:
        return ActionName, ActionName(option.default)
    if kind is Mapping:
        return list[str] | None, None
    if kind is tuple:
        return str, ",".join(option.default)
    return (kind | None if option.default is None else kind), option.default


def _plain(option: Declaration, value: Any) -> Any:
    if option.kind is Mapping:
        return mapping_of(value)
    return value.value if isinstance(value, StrEnum) else value
