"""Where the API listens."""

from typing import Annotated

from pydantic import BaseModel, Field


class ListeningSettings(BaseModel):
    """Address and port."""

    host: Annotated[str, Field(description="Address the API listens on.")] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535, description="Port the API listens on.")] = 8000
