//! `ContactService`.

use prost::Message;
use prost_types::FieldMask;
use tonic::{Request, Response, Status};

use super::{
    Api,
    call::{authorize, response_with},
    fields::{Fields, changed, id, required_id},
    page::Page,
    phones::PhoneReader,
    wire,
};
use crate::{
    app::{
        contacts::{ContactDetails, ContactUpdate},
        custom_objects,
    },
    domain::{
        caller::Caller,
        contact::ContactReference,
        now,
        scope::Scope,
        suppression::Erasure,
        text::{self, Text},
        violation::Reason,
    },
    error::{Error, Result},
    proto::{
        self, DeleteContactRequest, DeleteContactResponse, GetContactRequest, GetContactResponse,
        ListContactsRequest, ListContactsResponse, UpdateContactRequest, UpdateContactResponse,
        contact_service_server::ContactService, get_contact_request::Reference,
    },
    repository::{contact_search, contact_search::ContactFilter, records},
    telemetry,
};

#[tonic::async_trait]
impl ContactService for Api {
    async fn get_contact(
        &self,
        request: Request<GetContactRequest>,
    ) -> Result<Response<GetContactResponse>, Status> {
        let (caller, _turn) = self.begin_read(&request).await?;
        let request = request.into_inner();
        let given = match &request.reference {
            Some(Reference::Phone(phone)) => Some(phone.as_str()),
            _ => None,
        };
        let phones = self.contact_phones(&caller.organization, given).await?;
        let (reference, name) = parse_reference(request, &phones)?;
        let details = ContactDetails::find(&self.place(), caller.organization, reference)
            .await?
            .ok_or_else(|| Error::not_found("contact", name))?;
        telemetry::note(|call| call.contact_id = Some(details.contact.contact.id));
        let properties = details.default_object.and_then(|object| {
            let (_, record) = details.records.iter().find(|(id, _)| *id == object)?;
            Some(record.clone())
        });
        let response = GetContactResponse {
            contact: Some(wire::contact::to_wire(details.contact, properties)),
            contact_lists: details.lists.into_iter().map(Into::into).collect(),
            contact_list_memberships: details.memberships.into_iter().map(Into::into).collect(),
            communication_preferences: details.preferences.into_iter().map(Into::into).collect(),
            custom_object_records: details
                .records
                .into_iter()
                .map(|(id, record)| proto::CustomObjectRecord {
                    custom_object_id: id.to_string(),
                    properties: Some(wire::property::record(record)),
                })
                .collect(),
        };
        Ok(response_with(response, details.memory))
    }

    async fn list_contacts(
        &self,
        request: Request<ListContactsRequest>,
    ) -> Result<Response<ListContactsResponse>, Status> {
        let (caller, _turn) = self.begin_read(&request).await?;
        let request = request.into_inner();
        let given = request.phone.as_deref();
        let phones = self.contact_phones(&caller.organization, given).await?;
        let filter = parse_filter(&request, &phones)?;
        let object_id = request.custom_object_id.as_deref();
        let object_key = request.custom_object_key.as_deref();
        let named = wire::reference::named_object(object_id, object_key)?;
        let (by_id, by_name) = (&request.external_id, &request.name_prefix);
        let presence = format!("{:?}", (&request.phone, &request.email, by_id, by_name));
        // No key looks like an id.
        let object = object_id.or(object_key).unwrap_or_default();
        let binding = ["ListContacts", &presence, object];
        let mut page = Page::parse(&caller, request.page_size, &request.page_token, &binding)?;
        let after = page.after().unwrap_or_default();
        let input = (caller.organization, filter, named, after, page.limit());
        let (mut found, mut records) = page
            .place(&self.repository)
            .snapshot(input, |input, transaction| {
                Box::pin(async move {
                    let (organization, filter, named, after, limit) = input;
                    let (db, named) = (transaction.db(), named.as_ref());
                    let object = custom_objects::choose_id(db, organization, named).await?;
                    let organization = organization.id;
                    let mut found =
                        contact_search::page(db, organization, filter, *after, *limit).await?;
                    let records =
                        records::of_page(transaction, organization, object, &mut found, |stored| {
                            &stored.contact
                        })
                        .await?;
                    Ok((found, records))
                })
            })
            .await?;
        let memory = found.memory.take();
        let (contacts, next_page_token) = page.fill(
            found,
            |stored| stored.contact.id,
            |stored| {
                let record = records.remove(&stored.contact.id);
                wire::contact::to_wire(stored, record)
            },
        );
        let response = ListContactsResponse {
            contacts,
            next_page_token,
        };
        Ok(response_with(response, memory))
    }

    async fn update_contact(
        &self,
        request: Request<UpdateContactRequest>,
    ) -> Result<Response<UpdateContactResponse>, Status> {
        let caller = authorize(&request, Scope::Write)?;
        let update = self.parse_update(caller, request.into_inner()).await?;
        let (contact, record) = update.apply(&self.repository).await?;
        Ok(Response::new(UpdateContactResponse {
            contact: Some(wire::contact::to_wire(contact, record)),
        }))
    }

    async fn delete_contact(
        &self,
        request: Request<DeleteContactRequest>,
    ) -> Result<Response<DeleteContactResponse>, Status> {
        let caller = authorize(&request, Scope::Admin)?;
        let id = required_id("id", &request.into_inner().id)?;
        telemetry::note(|call| call.contact_id = Some(id));
        let erasure = Erasure {
            organization_id: caller.organization.id,
            contact_id: id,
            erase_time: now(),
        };
        crate::app::contacts::erase(&self.repository, caller.organization, erasure).await?;
        Ok(Response::new(DeleteContactResponse {}))
    }
}

impl Api {
    /// Parses a request of `UpdateContact`, and checks the contact as an update does.
    async fn parse_update(
        &self,
        caller: Caller,
        request: UpdateContactRequest,
    ) -> Result<ContactUpdate> {
        let mut fields = Fields::default();
        let wire = fields.required("contact", request.contact);
        let mut wire = fields.finish(wire)?;
        let encoded_bytes = wire.encoded_len();
        let id = required_id("contact.id", &wire.id)?;
        telemetry::note(|call| call.contact_id = Some(id));
        mask(&mut wire, request.update_mask)?;
        let named = wire::reference::named_object(
            request.custom_object_id.as_deref(),
            request.custom_object_key.as_deref(),
        )?;
        let (stored, checks) =
            ContactUpdate::begin(&self.repository, &caller.organization, id, named.as_ref())
                .await?;
        if wire
            .properties
            .as_ref()
            .is_some_and(|it| !it.fields.is_empty())
        {
            checks.refuse_unowned_properties()?;
        }
        let changes_phone = wire.phone.is_some();
        wire.phone
            .get_or_insert(stored.contact.phone.as_str().to_owned());
        // Its own number may stay, though it is no longer valid.
        let phones = PhoneReader::new(checks.default_region, [stored.contact.phone]);
        let changes = wire::contact::parse(wire, encoded_bytes, &checks, &phones, now());
        let changes = changes.map_err(|invalid| {
            let violations = invalid.violations.into_iter();
            Error::RequestInvalid(violations.map(|it| it.below("contact")).collect())
        })?;
        Ok(ContactUpdate {
            caller,
            id,
            changes,
            changes_phone,
            checks,
        })
    }
}

/// Keeps the fields of a contact that the mask names. A named field that is absent becomes empty, which clears it.
fn mask(contact: &mut proto::Contact, mask: Option<FieldMask>) -> Result<()> {
    fn keep<T: Default>(field: &mut Option<T>, changed: bool) {
        if changed {
            field.get_or_insert_default();
        } else {
            *field = None;
        }
    }
    macro_rules! keep_changed {
        ($($field:ident)*) => {
            let [$($field),*] =
                changed(mask, [$((stringify!($field), contact.$field.is_some())),*])?;
            $(keep(&mut contact.$field, $field);)*
        };
    }
    keep_changed!(
        phone external_id email name language default_channel_id address birth_date properties
    );
    Ok(())
}

/// Parses which contacts `ListContacts` asks for.
fn parse_filter(request: &ListContactsRequest, phones: &PhoneReader) -> Result<ContactFilter> {
    let mut fields = Fields::default();
    let mut filter = ContactFilter::default();
    if let Some(phone) = request.phone.clone() {
        filter.phone = wire::reference::phone(&mut fields, "phone", Some(phone), phones);
    }
    let mut text = |path: &str, text: &Option<String>| {
        let text = text.clone()?;
        fields.read(path, text::check(&text))?;
        if text.is_empty() && path != "name_prefix" {
            fields.refuse(path, Reason::FieldRequired, "must not be empty");
        }
        Some(text)
    };
    filter.email = text("email", &request.email);
    filter.external_id = text("external_id", &request.external_id);
    filter.name_prefix = text("name_prefix", &request.name_prefix).filter(|it| !it.is_empty());
    fields.finish(Some(filter))
}

/// Returns how the request names the contact, parsed and as given.
fn parse_reference(
    request: GetContactRequest,
    phones: &PhoneReader,
) -> Result<(ContactReference, String)> {
    let mut fields = Fields::default();
    let reference = fields.required("reference", request.reference);
    let parsed = reference.and_then(|reference| match reference {
        Reference::Id(text) => {
            let id = fields.read("id", id(&text))?;
            Some((ContactReference::Id(id), text))
        }
        Reference::Phone(text) => {
            let phone = wire::reference::phone(&mut fields, "phone", Some(text), phones)?;
            Some((ContactReference::Phone(phone), phone.as_str().to_owned()))
        }
        Reference::ExternalId(text) => {
            match fields.read("external_id", Text::parse(text.clone()))? {
                Some(external_id) => Some((ContactReference::ExternalId(external_id), text)),
                None => {
                    fields.refuse("external_id", Reason::FieldRequired, "must not be empty");
                    None
                }
            }
        }
    });
    fields.finish(parsed)
}
