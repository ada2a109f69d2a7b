"""Where alerts go."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, SecretStr, ValidationInfo, field_validator

from watcher.domain.alert_channels import BadChannels, Channel, channels, require_distinct
from watcher.settings.lists import listed


class AlertSettings(BaseModel):
    """The channels of alerts."""

    alert_schemes: Annotated[
        str,
        Field(
            description="Schemes that the URLs of channels may have, separated by commas; others are refused."
        ),
    ] = "slack,discord,msteams,workflows,gchat,pagerduty,opsgenie,tgram,mailto,mailtos,jsons"
    alert_channels: Annotated[
        SecretStr | None,
        Field(
            description="Where alerts go: `name=ops severity>=warning url=slack://...`, one or more, see alerts.md."
        ),
    ] = None
    alert_channels_file: Annotated[
        Path | None,
        Field(description="A file with more of `WATCHER_ALERT_CHANNELS`, where `#` begins a comment line."),
    ] = None
    alert_timeout: Annotated[
        float, Field(gt=0, le=60, description="Seconds that sending a message to a channel may take.")
    ] = 10.0

    @field_validator("alert_channels")
    @classmethod
    def _has_channels(cls, text: SecretStr | None, found: ValidationInfo) -> SecretStr | None:
        if text is not None:
            channels(text.get_secret_value(), listed(found.data["alert_schemes"]))
        return text

    @field_validator("alert_channels_file")
    @classmethod
    def _is_a_file_of_channels(cls, path: Path | None, found: ValidationInfo) -> Path | None:
        if path is not None:
            _all(found.data.get("alert_channels"), path, found.data["alert_schemes"])
        return path

    def channels(self) -> Sequence[Channel]:
        """Where alerts go, by both settings. Raises `BadChannels`."""
        return _all(self.alert_channels, self.alert_channels_file, self.alert_schemes)


def _all(text: SecretStr | None, path: Path | None, schemes: str) -> Sequence[Channel]:
    allowed = listed(schemes)
    found = [] if text is None else list(channels(text.get_secret_value(), allowed))
    if path is not None:
        try:
            found += channels(path.read_text(), allowed)
        except (OSError, UnicodeDecodeError) as error:
            raise BadChannels(f"the file cannot be read: {type(error).__name__}") from None
    require_distinct(found)
    return found
