//! The obvious implementation: SeaORM, contact by contact, in one transaction. It keeps the contract of an add: each contact is
//! found by external_id, then by phone, created or changed, opted in to the channels and added to the list; the list is
//! locked and counted, and the update recorded. It runs in this process, so it spends no time on the wire.

use std::num::TryFromIntError;

use contact_lists::{
    domain::now,
    repository::entity::{
        channel, communication_preference, contact, contact_list, contact_list_contact,
        contact_list_update,
    },
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseConnection, DatabaseTransaction,
    DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    SqliteTransactionMode, TransactionOptions, TransactionTrait, TryInsertResult,
    sea_query::LockType,
};
use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{data::Person, floor::Tenant};

/// Adds people to a list.
pub async fn add(
    db: &DatabaseConnection,
    tenant: Tenant,
    list: Uuid,
    people: &[Person],
) -> anyhow::Result<()> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..Default::default()
    };
    let transaction = db.begin_with_options(options).await?;
    let list = contact_list::Entity::find_by_id((tenant.organization, list))
        .lock_exclusive()
        .one(&transaction)
        .await?
        .ok_or_else(|| anyhow::anyhow!("no such list"))?;
    let channels = channel::Entity::find()
        .filter(channel::Column::OrganizationId.eq(tenant.organization))
        .order_by_asc(channel::Column::Id)
        .all(&transaction)
        .await?;
    let call = Call {
        tenant,
        list: list.id,
        channels: channels.into_iter().map(|channel| channel.id).collect(),
        update: Uuid::now_v7(),
        now: now(),
    };
    let mut created = 0;
    let mut added: i64 = 0;
    for person in people {
        let (contact, is_new) = call.save(&transaction, person).await?;
        created += i64::from(is_new);
        call.opt_in(&transaction, contact).await?;
        added += i64::from(call.join(&transaction, contact).await?);
    }
    let contact_count = list.contact_count + added;
    let mut list = list.into_active_model();
    list.contact_count = Set(contact_count);
    list.update(&transaction).await?;
    call.record(&transaction, people.len(), created, contact_count)
        .await?;
    transaction.commit().await?;
    Ok(())
}

struct Call {
    tenant: Tenant,
    list: Uuid,
    channels: Vec<Uuid>,
    update: Uuid,
    now: OffsetDateTime,
}

impl Call {
    /// Creates the contact, or changes it if it differs. Returns its id, and whether it is new.
    async fn save(
        &self,
        transaction: &DatabaseTransaction,
        person: &Person,
    ) -> Result<(Uuid, bool), DbErr> {
        let Some(stored) = self.find(transaction, person).await? else {
            let contact = contact::ActiveModel {
                organization_id: Set(self.tenant.organization),
                id: Set(Uuid::now_v7()),
                phone: Set(person.phone.clone()),
                external_id: Set(person.external_id.clone()),
                email: Set(Some(person.email.clone())),
                name: Set(Some(person.name.clone())),
                create_time: Set(self.now),
                update_time: Set(self.now),
                ..Default::default()
            };
            return Ok((contact.insert(transaction).await?.id, true));
        };
        let id = stored.id;
        let mut contact = stored.into_active_model();
        contact.phone.set_if_not_equals(person.phone.clone());
        contact.email.set_if_not_equals(Some(person.email.clone()));
        contact.name.set_if_not_equals(Some(person.name.clone()));
        if person.external_id.is_some() {
            contact
                .external_id
                .set_if_not_equals(person.external_id.clone());
        }
        if contact.is_changed() {
            contact.update_time = Set(self.now);
            contact.update(transaction).await?;
        }
        Ok((id, false))
    }

    async fn find(
        &self,
        transaction: &DatabaseTransaction,
        person: &Person,
    ) -> Result<Option<contact::Model>, DbErr> {
        let ours = || {
            contact::Entity::find()
                .filter(contact::Column::OrganizationId.eq(self.tenant.organization))
                .lock(LockType::NoKeyUpdate)
        };
        if let Some(external_id) = &person.external_id {
            let by_external_id = ours().filter(contact::Column::ExternalId.eq(external_id));
            if let Some(stored) = by_external_id.one(transaction).await? {
                return Ok(Some(stored));
            }
        }
        ours()
            .filter(contact::Column::Phone.eq(&person.phone))
            .one(transaction)
            .await
    }

    async fn opt_in(&self, transaction: &DatabaseTransaction, contact: Uuid) -> Result<(), DbErr> {
        for channel in &self.channels {
            let preference = communication_preference::ActiveModel {
                organization_id: Set(self.tenant.organization),
                contact_id: Set(contact),
                channel_id: Set(*channel),
                opted_in: Set(true),
                change_time: Set(self.now),
                api_key_id: Set(self.tenant.api_key),
                update_id: Set(Some(self.update)),
            };
            communication_preference::Entity::insert(preference)
                .on_conflict_do_nothing()
                .exec_without_returning(transaction)
                .await?;
        }
        Ok(())
    }

    /// Returns whether the contact was not a member yet.
    async fn join(&self, transaction: &DatabaseTransaction, contact: Uuid) -> Result<bool, DbErr> {
        let member = contact_list_contact::ActiveModel {
            organization_id: Set(self.tenant.organization),
            contact_list_id: Set(self.list),
            contact_id: Set(contact),
            join_time: Set(self.now),
            update_id: Set(Some(self.update)),
        };
        let inserted = contact_list_contact::Entity::insert(member)
            .on_conflict_do_nothing()
            .exec_without_returning(transaction)
            .await?;
        Ok(matches!(inserted, TryInsertResult::Inserted(1)))
    }

    async fn record(
        &self,
        transaction: &DatabaseTransaction,
        received: usize,
        created: i64,
        contact_count: i64,
    ) -> anyhow::Result<()> {
        let received: i64 = received
            .try_into()
            .map_err(|error: TryFromIntError| anyhow::anyhow!(error))?;
        let record = contact_list_update::ActiveModel {
            organization_id: Set(self.tenant.organization),
            id: Set(self.update),
            contact_list_id: Set(self.list),
            action: Set("add".to_owned()),
            api_key_id: Set(self.tenant.api_key),
            create_time: Set(self.now),
            request_id: Set(None),
            fingerprint: Set(None),
            outcome: Set(json!({
                "received": received, "created": created, "contact_count": contact_count
            })),
            rejected_contacts: Set(None),
            list_version: Set(Some(1)),
            consent: Set(None),
            reverted_update_id: Set(None),
        };
        record.insert(transaction).await?;
        Ok(())
    }
}
