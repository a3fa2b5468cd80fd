-- What an update did to consent, members and contacts, so that it can be shown and undone. All of it only adds: an older program goes
-- on, and its updates have no list_version. New tables have no foreign keys, as a new table is local until it is distributed.

-- Nil or absent: the object that was made first.
ALTER TABLE organizations ADD COLUMN default_custom_object_id {uuid};
-- How much of a list an overwrite may remove; absent: all of it.
ALTER TABLE organizations ADD COLUMN max_removed_percent DOUBLE PRECISION;

-- Grows by one with every recorded update, every revert, and every erasure of a member.
ALTER TABLE contact_lists ADD COLUMN version BIGINT NOT NULL DEFAULT 0;

-- The list's version right after the update; absent where an older program made it, which can't be undone.
ALTER TABLE contact_list_updates ADD COLUMN list_version BIGINT;
-- The header's consent.
ALTER TABLE contact_list_updates ADD COLUMN consent {json};
-- The update that this one takes back.
ALTER TABLE contact_list_updates ADD COLUMN reverted_update_id {uuid};
-- The latest update of a list.
CREATE INDEX contact_list_updates_list_version_idx ON contact_list_updates (organization_id, contact_list_id, list_version);
CREATE UNIQUE INDEX contact_list_updates_reverted_update_id_key
    ON contact_list_updates (organization_id, reverted_update_id) WHERE reverted_update_id IS NOT NULL;

-- The update with which the contact joined.
ALTER TABLE contact_list_contacts ADD COLUMN update_id {uuid};

-- When the person said so, where that is not change_time.
ALTER TABLE communication_preferences ADD COLUMN collect_time {time};
-- The row of consents that belongs to it.
ALTER TABLE communication_preferences ADD COLUMN consent_id {uuid};
ALTER TABLE opted_out_numbers ADD COLUMN collect_time {time};
ALTER TABLE opted_out_numbers ADD COLUMN consent_id {uuid};

-- What contacts, or unassigned numbers, said with one change: by a contact's id and an empty hash, or the nil id and a hash.
CREATE TABLE consents (
    organization_id {uuid} NOT NULL,
    contact_id {uuid} NOT NULL,
    number_hash {bytes} NOT NULL,
    -- The id of the change: an update's, or a call's own.
    id {uuid} NOT NULL,
    source {text} NOT NULL,
    evidence {text} NOT NULL,
    PRIMARY KEY (organization_id, contact_id, number_hash, id)
) {link_table};

-- What preferences said before the change that replaced them, and changes that left no preference. A preference is its own last
-- entry. Named as in consents.
CREATE TABLE preference_changes (
    organization_id {uuid} NOT NULL,
    contact_id {uuid} NOT NULL,
    number_hash {bytes} NOT NULL,
    change_time {time} NOT NULL,
    -- The change that ended what the row says, or that the row is about.
    change_id {uuid} NOT NULL,
    channel_id {uuid} NOT NULL,
    kind {text} NOT NULL,
    collect_time {time},
    api_key_id {uuid} NOT NULL,
    update_id {uuid},
    consent_id {uuid},
    PRIMARY KEY (organization_id, contact_id, number_hash, change_time, change_id, channel_id, kind)
) {link_table};

-- What contacts were before changes: the fields and properties that changed, a row a contact, so that it is erased with it.
CREATE TABLE contact_changes (
    organization_id {uuid} NOT NULL,
    contact_id {uuid} NOT NULL,
    change_id {uuid} NOT NULL,
    change_time {time} NOT NULL,
    -- JSON that no statement looks into.
    old_values {text} NOT NULL,
    PRIMARY KEY (organization_id, contact_id, change_id)
) {link_table};

-- Which contacts changes were about: packed ids, and what is not personal.
CREATE TABLE journal (
    organization_id {uuid} NOT NULL,
    change_id {uuid} NOT NULL,
    -- What the change did to the contacts.
    kind {text} NOT NULL,
    -- The rows of a kind are counted from 0.
    position BIGINT NOT NULL,
    create_time {time} NOT NULL,
    -- The lowest and the highest id in it.
    first_contact_id {uuid} NOT NULL,
    last_contact_id {uuid} NOT NULL,
    contacts {bytes} NOT NULL,
    PRIMARY KEY (organization_id, change_id, kind, position)
);
-- What a purge looks for.
CREATE INDEX journal_create_time_idx ON journal (organization_id, create_time);
-- The opt-ins of a contact that were kept out.
CREATE INDEX journal_kept_idx ON journal (organization_id, first_contact_id) WHERE kind = 'kept_opt_outs';
