//! Distributes the tables of a database of Citus by organization.

use sea_orm::{ConnectionTrait, DbErr, TransactionTrait};

use super::{
    Repository,
    migrate::{LOCK_STARTS, MIGRATIONS, NO_TIME_LIMITS},
};

/// The tables that have organizations' rows, each after those that it refers to.
const TABLES: [&str; 19] = [
    "organizations",
    "api_keys",
    "channels",
    "contacts",
    "communication_preferences",
    "opted_out_numbers",
    "contact_lists",
    "contact_list_contacts",
    "contact_list_updates",
    "custom_objects",
    "custom_properties",
    "custom_object_records",
    "purge_times",
    "erasures",
    "consents",
    "preference_changes",
    "contact_changes",
    "journal",
    "recorded_opt_outs",
];

/// Why tables can't be distributed.
#[derive(Debug, thiserror::Error)]
pub enum DistributeError {
    /// The database is none of Citus.
    #[error(
        "only PostgreSQL with the extension citus distributes its tables: on the coordinator, run CREATE EXTENSION citus first"
    )]
    WithoutCitus,
    /// The database says no.
    #[error("cannot distribute the table {table}: {error}")]
    Refused {
        /// The table.
        table: &'static str,
        /// What the database says.
        error: DbErr,
    },
}

impl Repository {
    /// Distributes all tables by organization, and copies the list of migrations to all nodes, so that commands work through a
    /// worker too. Leaves tables that are distributed as they are. Takes as long as it needs.
    pub async fn distribute(&self) -> Result<(), DistributeError> {
        self.expect_citus()?;
        for table in TABLES {
            let column = match table {
                "organizations" => "id",
                _ => "organization_id",
            };
            let together = match table {
                "organizations" => "",
                _ => ", colocate_with => 'organizations'",
            };
            let call = format!("create_distributed_table('{table}', '{column}'{together})");
            self.distribute_one(table, &call).await?;
        }
        let call = format!("create_reference_table('{MIGRATIONS}')");
        self.distribute_one(MIGRATIONS, &call).await
    }

    /// Fails if the database is none of Citus.
    pub fn expect_citus(&self) -> Result<(), DistributeError> {
        match self.sessions.is_citus() {
            true => Ok(()),
            false => Err(DistributeError::WithoutCitus),
        }
    }

    async fn distribute_one(&self, table: &'static str, call: &str) -> Result<(), DistributeError> {
        let distributed = async {
            let transaction = self.writers.without_timeout().begin().await?;
            transaction.execute_unprepared(NO_TIME_LIMITS).await?;
            transaction.execute_unprepared(LOCK_STARTS).await?;
            let unless_it_is = format!(
                "SELECT {call} WHERE NOT EXISTS \
                 (SELECT FROM pg_dist_partition WHERE logicalrelid = '{table}'::regclass)"
            );
            transaction.execute_unprepared(&unless_it_is).await?;
            transaction.commit().await
        };
        distributed
            .await
            .map_err(|error| DistributeError::Refused { table, error })
    }
}
