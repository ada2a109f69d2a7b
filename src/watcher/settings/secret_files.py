"""Files of secrets, as containers have them."""

from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import SecretsSettingsSource


class SecretFiles(SecretsSettingsSource):
    """An empty file is none, as an empty variable is."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        value, key, is_complex = super().get_field_value(field, field_name)
        return value or None, key, is_complex
