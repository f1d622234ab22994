"""Channel kind `filebank`: batch files in fixed width."""

from channels.filebank.channel import FileBank

__all__ = ["FileBank"]
