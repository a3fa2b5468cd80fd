#!/bin/sh
# Stops the service where the package is removed, and not where a newer one takes its place: dpkg says "remove", rpm how many
# are left.
set -e
if [ -d /run/systemd/system ] && { [ "$1" = remove ] || [ "$1" = 0 ]; }; then
    systemctl disable --now contact-lists.service
fi
