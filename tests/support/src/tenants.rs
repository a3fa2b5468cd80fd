//! Organizations and keys, made as the command line makes them: through the repository rather than the service. This is the
//! only place in the tests that calls the repository's functions.

use contact_lists::{
    domain::{OrganizationId, api_key::NewApiKey, scope::Scope},
    repository::{Pooler, Repository, api_keys, organizations},
    settings::DatabaseSettings,
};
use uuid::Uuid;

/// A test's own connections: few, as many tests run at once.
const CONNECTION_COUNT: u32 = 4;

/// Connects to a database.
pub async fn connect(database_url: &str) -> Repository {
    let settings = DatabaseSettings {
        database_url: database_url.into(),
        max_connections: CONNECTION_COUNT,
        database_pooler: Pooler::None,
        database_timeout_seconds: 300,
    };
    Repository::connect(&(&settings).into())
        .await
        .expect("a connection to the test's database")
}

/// Brings a database's schema up to date.
pub async fn migrate(database_url: &str) -> Repository {
    let repository = connect(database_url).await;
    repository.migrate().await.expect("a migrated database");
    repository
}

/// Makes an organization and returns its id.
pub async fn organization(
    repository: &Repository,
    name: &str,
    default_region: Option<&str>,
) -> Uuid {
    organizations::create(repository, name, default_region, None)
        .await
        .expect("an organization")
        .id
        .0
}

/// Makes a key and returns what its holder sends.
pub async fn key(repository: &Repository, organization_id: Uuid, scope: Scope) -> String {
    let key = NewApiKey::new(scope);
    let (_, secret) = api_keys::create(repository, OrganizationId(organization_id), key)
        .await
        .expect("a key");
    secret.expose().to_owned()
}
