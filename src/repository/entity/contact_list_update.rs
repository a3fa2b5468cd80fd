//! The applied updates: audit and idempotency in one.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "contact_list_updates")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub contact_list_id: Uuid,
    pub action: String,
    pub api_key_id: Uuid,
    pub create_time: TimeDateTimeWithTimeZone,
    pub request_id: Option<Uuid>,
    pub fingerprint: Option<Vec<u8>>,
    pub outcome: Json,
    pub rejected_contacts: Option<Json>,
    pub list_version: Option<i64>,
    pub consent: Option<Json>,
    pub reverted_update_id: Option<Uuid>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
