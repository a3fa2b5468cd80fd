#!/bin/bash
# Runs in a fresh Debian with systemd, as root: installs the packages, each as its own tool does, makes the first call, upgrades
# and removes.
set -euxo pipefail
cd /root

healthy() {
    local tries
    for ((tries = 0; tries < 100; tries++)); do
        contact-lists health 2>/dev/null && return
        sleep 0.2
    done
    journalctl --unit contact-lists --no-pager
    return 1
}

first_call() {
    local state=/var/lib/contact-lists
    systemctl start contact-lists
    healthy
    # Nobody but the service reads its folder and its settings, and the key is nowhere else.
    [[ $(stat --format '%U %a' "$state") == 'contact-lists 700' ]]
    [[ $(stat --format '%U:%G %a' /etc/contact-lists/contact-lists.env) == 'root:contact-lists 640' ]]
    [[ $(stat --format %U "/proc/$(systemctl show --property MainPID --value contact-lists)") == contact-lists ]]
    journalctl --unit contact-lists --no-pager --output cat | grep -Fx 'listening on 127.0.0.1:50051'
    ! journalctl --no-pager --output cat | grep -F "$(cat "$state/first-key")" || exit 1
    contact-lists lists --key-file "$state/first-key" | grep -w Newsletter
    printf 'phone,name\n+4915123456789,Ada\n' >contacts.csv
    contact-lists import contacts.csv --list Newsletter --key-file "$state/first-key" --yes | grep -w 'Newsletter has 1'
    # A command beside the server, as docs/operating.md shows it.
    setpriv --reuid contact-lists --regid contact-lists --init-groups \
        sh -c 'set -a; . /etc/contact-lists/contact-lists.env; contact-lists organization create Acme'
}

gone() {
    ! systemctl is-active contact-lists || exit 1
    [[ ! -e /usr/bin/contact-lists && ! -e /usr/lib/systemd/system/contact-lists.service ]]
    # Contacts are removed by hand.
    [[ -s /var/lib/contact-lists/contact-lists.db ]]
    rm -r /var/lib/contact-lists
}

dpkg --install contact-lists*.deb
# Settings come first.
[[ $(systemctl is-enabled contact-lists) == disabled ]]
first_call
before=$(systemctl show --property MainPID --value contact-lists)
echo '# changed' >>/etc/contact-lists/contact-lists.env
dpkg --install contact-lists*.deb
healthy
[[ $(systemctl show --property MainPID --value contact-lists) != "$before" ]]
tail -n 1 /etc/contact-lists/contact-lists.env | grep -x '# changed'
dpkg --purge contact-lists
gone

# Debian's rpm knows of none of Debian's packages.
rpm --install --nodeps contact-lists*.rpm
first_call
rpm --upgrade --nodeps --force contact-lists*.rpm
healthy
rpm --erase contact-lists
gone
echo 'all is well'
