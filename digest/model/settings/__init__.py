"""What config.yaml may say, as types. Reading the file is `digest.config`'s."""

from digest.model.settings.feeds import (
    FeedSettings,
    Listing,
)
from digest.model.settings.installation import (
    ChecksSettings,
    OidcSettings,
    Retention,
    Settings,
    Webhook,
    WebSettings,
)
from digest.model.settings.items import (
    Exclude,
    Items,
    Ranking,
    Topics,
)
from digest.model.settings.look import (
    Fonts,
    Look,
    Utm,
)
from digest.model.settings.mail import (
    BounceSettings,
    DkimSettings,
    DomainLimits,
    Retries,
    SmtpSettings,
)
from digest.model.settings.newsletter import (
    Monthly,
    NewsletterSettings,
)
from digest.model.settings.recurrence import (
    DAYS,
    Daily,
    Fortnightly,
    Holiday,
    NthWeekday,
    OnDayOfMonth,
    Recurrence,
    Weekdays,
    Weekly,
)
from digest.model.settings.values import (
    Line,
    Strict,
    is_loopback,
    is_placeholder,
)

__all__ = [
    "DAYS",
    "BounceSettings",
    "ChecksSettings",
    "Daily",
    "DkimSettings",
    "DomainLimits",
    "Exclude",
    "FeedSettings",
    "Fonts",
    "Fortnightly",
    "Holiday",
    "Items",
    "Line",
    "Listing",
    "Look",
    "Monthly",
    "NewsletterSettings",
    "NthWeekday",
    "OidcSettings",
    "OnDayOfMonth",
    "Ranking",
    "Recurrence",
    "Retention",
    "Retries",
    "Settings",
    "SmtpSettings",
    "Strict",
    "Topics",
    "Utm",
    "WebSettings",
    "Webhook",
    "Weekdays",
    "Weekly",
    "is_loopback",
    "is_placeholder",
]
