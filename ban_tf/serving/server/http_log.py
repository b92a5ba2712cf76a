"""What the HTTP library says of connections that it cannot read: a line each, without traceback.

Whoever can reach the port can send such, so it is no failure of the server. All else that the
library logs keeps its traceback.
"""

import logging

from aiohttp import http_exceptions, web

LOG = logging.getLogger("ban_tf.serving.http")
_UNREADABLE = (http_exceptions.HttpProcessingError, web.RequestPayloadError)
_MOST = 200  # characters of what was wrong


def _shorten(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, _UNREADABLE):
        reason = " ".join(str(error).split())
        reason = "".join(letter if letter.isprintable() else "?" for letter in reason)[:_MOST]
        hint = " (a gRPC client at the REST port?)" if " PRI/" in reason else ""
        said = record.getMessage()
        record.msg, record.args = "HTTP that cannot be read%s: %s (%s)", (hint, reason, said)
        record.exc_info = record.exc_text = None
        record.levelno, record.levelname = logging.WARNING, logging.getLevelName(logging.WARNING)
    return True


LOG.addFilter(_shorten)
