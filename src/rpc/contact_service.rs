//! `ContactService`.

use tonic::{Request, Response, Status};

use super::{
    Api, convert,
    fields::{Fields, id},
};
use crate::{
    auth::{Caller, Scope},
    domain::{
        contact::ContactReference, phone_number::DefaultRegion, text::Text, violation::Reason,
    },
    error::{Error, Result},
    proto::{
        self, GetContactRequest, GetContactResponse, contact_service_server::ContactService,
        get_contact_request::Reference,
    },
    repository::{contacts, custom_objects, preferences},
};

#[tonic::async_trait]
impl ContactService for Api {
    async fn get_contact(
        &self,
        request: Request<GetContactRequest>,
    ) -> Result<Response<GetContactResponse>, Status> {
        let caller = Caller::with_scope(&request, Scope::Read)?;
        let (db, organization) = (self.repository.db(), caller.organization.id);
        let (reference, name) =
            parse_reference(request.into_inner(), caller.organization.default_region)?;
        let contact = contacts::find(db, organization, &reference)
            .await?
            .ok_or_else(|| Error::not_found("contact", name))?;
        let lists = contacts::lists_of(db, organization, contact.id).await?;
        let preferences =
            preferences::page(db, organization, contact.id, None, i64::MAX as u64).await?;
        let records = contacts::records_of(db, organization, contact.id).await?;
        let only = custom_objects::only(db, organization).await?.ok();
        let only = only.and_then(|object| {
            let (_, record) = records.iter().find(|(id, _)| *id == object.id)?;
            Some(record.clone())
        });
        Ok(Response::new(GetContactResponse {
            contact: Some(convert::wire_contact(contact, only)),
            contact_lists: lists.into_iter().map(convert::wire_contact_list).collect(),
            communication_preferences: preferences
                .into_iter()
                .map(convert::wire_preference)
                .collect(),
            custom_object_records: records
                .into_iter()
                .map(|(id, record)| proto::CustomObjectRecord {
                    custom_object_id: id.to_string(),
                    properties: Some(convert::struct_of(record)),
                })
                .collect(),
        }))
    }
}

/// How the request names the contact, parsed and as given.
fn parse_reference(
    request: GetContactRequest,
    region: Option<DefaultRegion>,
) -> Result<(ContactReference, String)> {
    let mut fields = Fields::default();
    let reference = fields.required("reference", request.reference);
    let parsed = reference.and_then(|reference| match reference {
        Reference::Id(text) => {
            let id = fields.read("id", id(&text))?;
            Some((ContactReference::Id(id), text))
        }
        Reference::Phone(text) => {
            let phone = convert::phone(&mut fields, "phone", text, region)?;
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
