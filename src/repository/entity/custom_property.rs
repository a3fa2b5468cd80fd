//! The typed keys of the record types.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "custom_properties")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub custom_object_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub property_key: String,
    pub position: i32,
    pub label: String,
    pub property_type: String,
    pub required: bool,
    pub default_value: Option<Json>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
