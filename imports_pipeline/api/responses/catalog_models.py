"""The pydantic models of answers about the key of a request, and about resources and options."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from imports_pipeline.api.responses.response_models import Envelope


class KeyObject(BaseModel):
    """The key of a request."""

    object: str = Field(description="The type of this object: `key`.")
    id: str = Field(description="The id of the key, which is no secret.")
    organization: str = Field(description="The organization to which the key belongs.")
    name: str | None = Field(description="The name that the key was given; null if it has none.")
    scopes: list[str] = Field(description="What the key allows; a write scope includes its read scope.")
    expires_at: int | None = Field(description="The time at which the key expires; null if it does not.")


class KeyAnswer(Envelope):
    """A response with the key of the request."""

    data: KeyObject = Field(description="The key of the request.")


class FieldObject(BaseModel):
    """A field of a resource."""

    name: str = Field(description="The name, as `column_mapping` and JSON items write it.")
    label: str = Field(description="The name in words.")
    type: str = Field(
        description="`text`, `email`, `phone`, `boolean`, `choice`, `id`, `reference` or `references`."
    )
    aliases: list[str] = Field(description="Headers that are understood as this field.")
    choices: list[str] | None = Field(description="The values that a `choice` can have; otherwise null.")
    repeated: bool = Field(description="True if the field is a list.")
    identity: bool = Field(description="True if a row can be matched to a stored record by it.")
    required: bool = Field(description="True if a new record needs it.")
    description: str = Field(description="What the field means.")


class OptionObject(BaseModel):
    """An option of imports."""

    name: str = Field(description="The name of the option.")
    group: str = Field(description="The subject of the option, in words.")
    type: str = Field(description="`string`, `integer`, `number`, `boolean`, `array` or `object`.")
    default: Any = Field(description="The value that holds if none is given; null if there is none.")
    choices: list[str] | None = Field(description="The allowed values; null if they are not listed.")
    minimum: float | None = Field(description="The smallest number; null if there is none.")
    maximum: float | None = Field(description="The largest number; null if there is none.")
    of_a_file: bool = Field(description="True if batches of JSON items do not have the option.")
    description: str = Field(description="What the option does.")


class ResourceObject(BaseModel):
    """A resource that imports can change."""

    object: str = Field(description="The type of this object: `resource`.")
    name: str = Field(description="The name, as the option `resource` takes it.")
    label: str = Field(description="The name in words.")
    plural: str = Field(description="The name of several of them, in words.")
    fields: list[FieldObject] = Field(description="The fields that a row can have.")
    options: list[OptionObject] = Field(description="The options of its imports.")


class ResourcesAnswer(Envelope):
    """A response with all resources."""

    data: list[ResourceObject] = Field(description="The resources.")
