-- Every primary and unique key leads with organization_id (but those of organizations), so that the schema can be
-- distributed by it. {types} differ between the databases; see m0001_initial.rs.
-- contacts and the tables that link to it have no foreign keys: checking one a row costs most of an update's speed. Row
-- locks keep them whole instead.

CREATE TABLE organizations (
    id {uuid} NOT NULL PRIMARY KEY,
    name {text} NOT NULL,
    default_region {text},
    -- The key of the hashes in opted_out_numbers: 256 random bits.
    opt_out_key {bytes} NOT NULL,
    create_time {time} NOT NULL
);

CREATE TABLE api_keys (
    organization_id {uuid} NOT NULL REFERENCES organizations (id),
    id {uuid} NOT NULL,
    -- SHA-256 of the key.
    key_hash {bytes} NOT NULL,
    scope {text} NOT NULL,
    disabled BOOLEAN NOT NULL,
    create_time {time} NOT NULL,
    PRIMARY KEY (organization_id, id)
);
CREATE UNIQUE INDEX api_keys_key_hash_key ON api_keys (organization_id, key_hash);

CREATE TABLE channels (
    organization_id {uuid} NOT NULL REFERENCES organizations (id),
    id {uuid} NOT NULL,
    name {text} NOT NULL,
    channel_type {text} NOT NULL,
    phone {text},
    create_time {time} NOT NULL,
    update_time {time} NOT NULL,
    PRIMARY KEY (organization_id, id)
);
CREATE UNIQUE INDEX channels_phone_key ON channels (organization_id, phone);

CREATE TABLE contacts (
    organization_id {uuid} NOT NULL,
    id {uuid} NOT NULL,
    phone {text} NOT NULL,
    external_id {text},
    email {text},
    name {text},
    language {text},
    default_channel_id {uuid},
    address {json},
    -- "YYYY-MM-DD"; year 0000 is unknown.
    birth_date {text},
    create_time {time} NOT NULL,
    update_time {time} NOT NULL,
    PRIMARY KEY (organization_id, id)
);
CREATE UNIQUE INDEX contacts_phone_key ON contacts (organization_id, phone);
CREATE UNIQUE INDEX contacts_external_id_key ON contacts (organization_id, external_id);
CREATE INDEX contacts_email_idx ON contacts (organization_id, lower(email)) WHERE email IS NOT NULL;

CREATE TABLE communication_preferences (
    organization_id {uuid} NOT NULL,
    contact_id {uuid} NOT NULL,
    -- The nil UUID: an opt-out of all channels, present and later.
    channel_id {uuid} NOT NULL,
    opted_in BOOLEAN NOT NULL,
    change_time {time} NOT NULL,
    api_key_id {uuid} NOT NULL,
    update_id {uuid},
    PRIMARY KEY (organization_id, contact_id, channel_id)
) {link_table};

CREATE TABLE opted_out_numbers (
    organization_id {uuid} NOT NULL,
    -- HMAC-SHA-256 of an unassigned number, under the organization's opt_out_key.
    number_hash {bytes} NOT NULL,
    -- The nil UUID: an opt-out of all channels, present and later.
    channel_id {uuid} NOT NULL,
    -- True: the opt-out of all channels was lifted for this one.
    opted_in BOOLEAN NOT NULL,
    change_time {time} NOT NULL,
    api_key_id {uuid} NOT NULL,
    update_id {uuid},
    PRIMARY KEY (organization_id, number_hash, channel_id)
) {link_table};

CREATE TABLE contact_lists (
    organization_id {uuid} NOT NULL REFERENCES organizations (id),
    id {uuid} NOT NULL,
    name {text} NOT NULL,
    color {text},
    state {text} NOT NULL,
    contact_count BIGINT NOT NULL,
    create_time {time} NOT NULL,
    update_time {time} NOT NULL,
    PRIMARY KEY (organization_id, id)
);
CREATE UNIQUE INDEX contact_lists_name_key ON contact_lists (organization_id, name) WHERE state <> 'deleted';

CREATE TABLE contact_list_contacts (
    organization_id {uuid} NOT NULL,
    contact_list_id {uuid} NOT NULL,
    contact_id {uuid} NOT NULL,
    join_time {time} NOT NULL,
    PRIMARY KEY (organization_id, contact_list_id, contact_id)
) {link_table};

CREATE TABLE contact_list_updates (
    organization_id {uuid} NOT NULL,
    id {uuid} NOT NULL,
    contact_list_id {uuid} NOT NULL,
    action {text} NOT NULL,
    api_key_id {uuid} NOT NULL,
    create_time {time} NOT NULL,
    request_id {uuid},
    -- SHA-256 over the header and the contacts as sent.
    fingerprint {bytes},
    -- The answer's counts and contact list.
    outcome {json} NOT NULL,
    rejected_contacts {json},
    PRIMARY KEY (organization_id, id),
    FOREIGN KEY (organization_id, contact_list_id) REFERENCES contact_lists (organization_id, id)
);
CREATE UNIQUE INDEX contact_list_updates_request_id_key ON contact_list_updates (organization_id, request_id);

-- What a purge looks for.
CREATE INDEX contact_list_updates_create_time_idx ON contact_list_updates (organization_id, create_time)
    WHERE request_id IS NOT NULL OR rejected_contacts IS NOT NULL;

CREATE TABLE custom_objects (
    organization_id {uuid} NOT NULL REFERENCES organizations (id),
    id {uuid} NOT NULL,
    object_key {text} NOT NULL,
    label {text} NOT NULL,
    create_time {time} NOT NULL,
    PRIMARY KEY (organization_id, id)
);
CREATE UNIQUE INDEX custom_objects_object_key_key ON custom_objects (organization_id, object_key);

CREATE TABLE custom_properties (
    organization_id {uuid} NOT NULL,
    custom_object_id {uuid} NOT NULL,
    property_key {text} NOT NULL,
    -- The order in which the properties were added.
    position INTEGER NOT NULL,
    label {text} NOT NULL,
    property_type {text} NOT NULL,
    required BOOLEAN NOT NULL,
    default_value {json},
    PRIMARY KEY (organization_id, custom_object_id, property_key),
    FOREIGN KEY (organization_id, custom_object_id) REFERENCES custom_objects (organization_id, id)
);

CREATE TABLE custom_object_records (
    organization_id {uuid} NOT NULL,
    custom_object_id {uuid} NOT NULL,
    contact_id {uuid} NOT NULL,
    properties {json} NOT NULL,
    PRIMARY KEY (organization_id, custom_object_id, contact_id)
) {link_table};
