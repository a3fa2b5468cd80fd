//! The opt-outs of unassigned numbers, under keyed hashes.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "opted_out_numbers")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub number_hash: Vec<u8>,
    #[sea_orm(primary_key, auto_increment = false)]
    pub channel_id: Uuid,
    pub opted_in: bool,
    pub change_time: TimeDateTimeWithTimeZone,
    pub api_key_id: Uuid,
    pub update_id: Option<Uuid>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
