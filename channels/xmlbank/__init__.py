"""Channel kind `xmlbank`: real-time signed XML."""

from channels.xmlbank.channel import XmlBank

__all__ = ["XmlBank"]
