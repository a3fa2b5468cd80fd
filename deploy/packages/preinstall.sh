#!/bin/sh
# Makes the user and the group that the service runs as; the package's settings belong to the group.
set -e
getent group contact-lists >/dev/null || groupadd --system contact-lists
getent passwd contact-lists >/dev/null || useradd --system --gid contact-lists --no-create-home \
    --home-dir /var/lib/contact-lists --shell /usr/sbin/nologin contact-lists
