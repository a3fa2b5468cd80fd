CREATE INDEX contacts_name_idx ON contacts (organization_id, name, id) WHERE name IS NOT NULL;

-- Without the id, a page of the contacts that share an email is sorted out of all of them.
CREATE INDEX contacts_email_id_idx ON contacts (organization_id, lower(email), id) WHERE email IS NOT NULL;
DROP INDEX contacts_email_idx;

CREATE INDEX contact_list_updates_contact_list_idx ON contact_list_updates (organization_id, contact_list_id, id);
