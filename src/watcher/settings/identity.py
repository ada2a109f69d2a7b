"""Who may send requests."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, SecretStr, model_validator

from watcher.domain.errors import InvalidValue
from watcher.domain.issuer import Issuer, scope_names
from watcher.settings.lists import listed


class IdentitySettings(BaseModel):
    """Keys, and tokens of an issuer."""

    authentication: Annotated[
        Literal["none", "keys"],
        Field(description="Who may send requests: everybody (`none`), or who has a key (`keys`)."),
    ] = "none"
    insecure: Annotated[
        bool, Field(description="Whether others than this machine may be served without authentication.")
    ] = False
    key_pepper: Annotated[
        SecretStr | None,
        Field(
            min_length=16,
            description="A secret that goes into the digests of keys; keys made without it end.",
        ),
    ] = None
    oidc_issuer: Annotated[
        str | None, Field(description="An issuer whose tokens are accepted beside keys, by its URL.")
    ] = None
    oidc_audience: Annotated[
        str | None, Field(description="The audience that its tokens must be for.", min_length=1)
    ] = None
    oidc_jwks_url: Annotated[
        str | None, Field(description="Where its keys are, instead of where its document of discovery says.")
    ] = None
    oidc_algorithms: Annotated[
        str, Field(description="How its tokens may be signed, separated by commas.")
    ] = "RS256,ES256"
    oidc_scope_claim: Annotated[
        str,
        Field(min_length=1, description="The claim that says what a bearer may do; dots lead into objects."),
    ] = "scope"
    oidc_scopes: Annotated[str, Field(description="What that claim has for each scope.")] = (
        "read=watcher:read write=watcher:write admin=watcher:admin"
    )

    @model_validator(mode="after")
    def _can_tell_who_asks(self) -> Self:
        try:
            issuer = self.issuer()
        except InvalidValue as error:
            raise ValueError(f"WATCHER_OIDC_{error.field.upper()} {error.rule}") from None
        if issuer is not None and self.authentication == "none":
            raise ValueError("WATCHER_OIDC_ISSUER needs WATCHER_AUTHENTICATION=keys")
        return self

    def issuer(self) -> Issuer | None:
        """Whose tokens are accepted. Raises `InvalidValue`."""
        if not self.oidc_issuer:
            return None
        if self.oidc_audience is None:
            raise InvalidValue("audience", "must be set where WATCHER_OIDC_ISSUER is")
        return Issuer(
            url=self.oidc_issuer,
            audience=self.oidc_audience,
            jwks_url=self.oidc_jwks_url,
            algorithms=listed(self.oidc_algorithms),
            scope_claim=self.oidc_scope_claim,
            names=scope_names(self.oidc_scopes),
        )
