#!/usr/bin/env bash
# upload.sh FILE …: adds the contacts of files of JSON lines to a list, a call for each file, each on a connection of its own.
#
# Needs curl and jq. Environment: ADDRESS (host:port), KEY (an API key), LIST (the list's id), and, if the defaults don't suit,
# CONTACTS_PER_MESSAGE and DEADLINE_SECONDS.
set -euo pipefail

CONTACTS_PER_MESSAGE=${CONTACTS_PER_MESSAGE:-200}
DEADLINE_SECONDS=${DEADLINE_SECONDS:-120}
ATTEMPTS=6
SERVICE=http://$ADDRESS
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# messages FILE REQUEST_ID: the messages of one call, as a JSON array. The footer counts what the file had. Without the closing
# bracket, which is missing if jq fails, nothing is applied.
messages() {
    jq --null-input --compact-output --arg list "$LIST" --arg request_id "$2" --argjson size "$CONTACTS_PER_MESSAGE" '
        {header: {contact_list_id: $list, action: "ACTION_ADD", rejection_policy: "REJECTION_POLICY_SKIP", request_id: $request_id}},
        foreach (inputs, null) as $contact ({count: 0, contacts: []};
            if .full then .contacts = [] else . end
            | if $contact == null then . else .count += 1 | .contacts += [$contact] end
            | .full = (.contacts | length == $size);
            if $contact == null then {contacts, footer: {contact_count: .count}} elif .full then {contacts} else empty end)
    ' "$1" | sed '1s/^/[/; 1!s/^/,/' && echo ']'
}

# send FILE REQUEST_ID OUT: one call. curl reads the next message when the last one is on its way. Leaves the response in
# OUT.json and its headers in OUT.headers; prints the status, 000 if there is none.
send() {
    rm -f "$3".*
    messages "$1" "$2" | curl --silent --show-error --request POST --upload-file - \
        --max-time "$DEADLINE_SECONDS" --header "Connect-Timeout-Ms: ${DEADLINE_SECONDS}000" \
        --header "Authorization: Bearer $KEY" --header 'Content-Type: application/json' --header 'Expect:' \
        --dump-header "$3.headers" --output "$3.json" --write-out '%{http_code}' \
        "$SERVICE/contactlists.v1.ContactListService/UpdateContactListContacts" || true
}

# recorded REQUEST_ID OUT: leaves the outcome of the update in OUT.json, if it was applied. Otherwise it is sent again, which is
# safe with the same id.
recorded() {
    curl --silent --show-error --fail --get --max-time 10 --header "Authorization: Bearer $KEY" \
        --data-urlencode "request_id=$1" "$SERVICE/v1/contact_list_updates:lookup" |
        jq --exit-status .contactListUpdate.outcome >"$2.json"
}

# upload FILE OUT: leaves the outcome in OUT.json.
upload() {
    local request_id attempt status delay
    request_id=$(cat /proc/sys/kernel/random/uuid)
    for ((attempt = 1; ; attempt++)); do
        status=$(send "$1" "$request_id" "$2")
        [[ $status != 200 ]] || return 0
        # Retry-After is there when a retry can help. Without a response, or one of HTTP's time limits, the update may have
        # been applied.
        delay=$(sed -n 's/^retry-after: *\([0-9]*\).*/\1/Ip' "$2.headers" 2>/dev/null || true)
        [[ -n $delay || $status == 000 || $status == 504 ]] && ((attempt < ATTEMPTS)) || return 1
        echo "$1: trying again after $status: $(jq --raw-output .message "$2.json" 2>/dev/null || true)" >&2
        delay=$((${delay:-0} > 2 ** attempt / 4 ? ${delay:-0} : 2 ** attempt / 4))
        sleep "$delay.$((RANDOM % 900 + 100))"
        if recorded "$request_id" "$2" 2>/dev/null; then return 0; fi
    done
}

# report FILE OUT: makes the call, and prints what it came to.
report() {
    if upload "$1" "$2"; then
        jq --raw-output --arg file "$1" '
            (.rejectedContacts[]? | "\($file):\(.index + 1): " + (.violations[] | "\(.field) \(.message)")),
            "\($file): \(.receivedCount) received, \(.rejectedCount) rejected, \(.addedCount) added; the list has \(.contactList.contactCount)"
        ' "$2.json"
    elif [[ -s $2.json ]]; then
        jq --raw-output --arg file "$1" '
            ([.details[]? | .debug.reason? // empty] | first) as $reason
            | "\($file): \(.code) (\($reason // "no details")): \(.message)"
        ' "$2.json" >&2
        return 1
    else
        echo "$1: no response" >&2
        return 1
    fi
}

running=()
for file; do
    report "$file" "$folder/${#running[@]}" &
    running+=($!)
done
result=0
for pid in "${running[@]}"; do
    wait "$pid" || result=1
done
exit "$result"
