"""Routes of addresses and their types."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from watcher.domain.address import Address, AddressFilter
from watcher.domain.address_type import AddressType
from watcher.domain.page import DEFAULT_LIMIT, Page
from watcher.domain.text import ADDRESS_NAME_LIMIT
from watcher.domain.watcher import Watcher
from watcher.entrypoints.http.answers import Answer, IdAnswer, encoded, paged
from watcher.entrypoints.http.bodies.addresses import (
    AddressBody,
    AddressPatch,
    AddressTypeBody,
    AddressTypePatch,
)
from watcher.entrypoints.http.bodies.fields import NO_NUL
from watcher.entrypoints.http.gate import READ, WRITE
from watcher.entrypoints.http.parameters import After, Id, Limit
from watcher.entrypoints.http.problems import BODY_PROBLEMS, PROBLEMS_OF_PATCH, documented


def _text(description: str, shortest: int = 0) -> object:
    return Query(min_length=shortest, max_length=ADDRESS_NAME_LIMIT, pattern=NO_NUL, description=description)


Name = Annotated[str | None, _text("Only the address of this name, in any spelling.")]
Part = Annotated[str | None, _text("Only those with this in their name, in upper or lower case.", 1)]
Type = Annotated[str | None, _text("Only those of the type of this name, in any spelling.")]
Group = Annotated[str | None, _text("Only those whose type is in the group of this name, in any spelling.")]


def router(watcher: Watcher) -> APIRouter:
    routes = APIRouter(tags=["Addresses"])

    @routes.post(
        "/address",
        openapi_extra=WRITE,
        status_code=201,
        response_model=IdAnswer,
        responses=documented(*BODY_PROBLEMS, existing=IdAnswer),
    )
    async def declare_address(body: AddressBody) -> Response:
        """Gets or creates an address by name, and its type; a changed declaration updates both."""
        declared = await watcher.declare_address(body.declaration())
        return Answer(b'{"id":%d}' % declared.id, 201 if declared.created else 200)

    @routes.get("/address", openapi_extra=READ, response_model=list[Address], responses=documented(422))
    async def list_addresses(
        request: Request,
        *,
        name: Name = None,
        name_contains: Part = None,
        type: Type = None,
        group: Group = None,
        limit: Limit = DEFAULT_LIMIT,
        after: After = None,
    ) -> Response:
        """Addresses that meet every given condition, by ascending id."""
        wanted = AddressFilter(name=name, name_contains=name_contains, type=type, group=group)
        rows = await watcher.addresses.page(wanted, Page(limit, after))
        return paged(request, rows, rows.items[-1].id if rows.items else None)

    @routes.get("/address/{id}", openapi_extra=READ, response_model=Address, responses=documented(404, 422))
    async def get_address(id: Id) -> Response:
        return Answer(encoded(await watcher.addresses.get(id)))

    @routes.patch("/address", openapi_extra=WRITE, response_model=Address, responses=PROBLEMS_OF_PATCH)
    async def change_address(body: AddressPatch) -> Response:
        """Changes the fields that the body names, of the address with that `id` or, without one, `name`."""
        return Answer(encoded(await watcher.change_address(*body.change())))

    return routes


def type_router(watcher: Watcher) -> APIRouter:
    routes = APIRouter(tags=["Address types"])

    @routes.post(
        "/address_type",
        openapi_extra=WRITE,
        status_code=201,
        response_model=IdAnswer,
        responses=documented(*BODY_PROBLEMS, existing=IdAnswer),
    )
    async def declare_address_type(body: AddressTypeBody) -> Response:
        """Gets or creates an address type by name; a changed declaration updates it."""
        declared = await watcher.declare_address_type(body.declaration())
        return Answer(b'{"id":%d}' % declared.id, 201 if declared.created else 200)

    @routes.get(
        "/address_type", openapi_extra=READ, response_model=list[AddressType], responses=documented(422)
    )
    async def list_address_types(
        request: Request, limit: Limit = DEFAULT_LIMIT, after: After = None
    ) -> Response:
        """Address types by ascending id."""
        rows = await watcher.address_types.page(Page(limit, after))
        return paged(request, rows, rows.items[-1].id if rows.items else None)

    @routes.get(
        "/address_type/{id}", openapi_extra=READ, response_model=AddressType, responses=documented(404, 422)
    )
    async def get_address_type(id: Id) -> Response:
        return Answer(encoded(await watcher.address_types.get(id)))

    @routes.patch(
        "/address_type", openapi_extra=WRITE, response_model=AddressType, responses=PROBLEMS_OF_PATCH
    )
    async def change_address_type(body: AddressTypePatch) -> Response:
        """Changes the fields that the body names, of the type with that `id` or, without one, `name`."""
        return Answer(encoded(await watcher.change_address_type(*body.change())))

    return routes
