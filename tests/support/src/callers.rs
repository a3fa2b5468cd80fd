//! The callers of the service: organizations, their keys, and clients that hold them.

use contact_lists::{domain::scope::Scope, repository::Repository};
use uuid::Uuid;

use super::{Client, Database, Service, tenants};

/// An organization, and an admin key to call for it with.
#[derive(Clone, Debug)]
pub struct Organization {
    /// The organization's id.
    pub id: Uuid,
    /// The admin key.
    pub admin_key: String,
}

impl Organization {
    /// Brings a database's schema up to date, and makes an organization with an admin key in it.
    pub async fn create_in(database: &Database) -> Self {
        let repository = tenants::migrate(database.url()).await;
        Self::create(&repository, "Acme", None).await
    }

    /// A new key of the organization in a database.
    pub async fn key_in(&self, database: &Database, scope: Scope) -> String {
        let repository = tenants::connect(database.url()).await;
        tenants::key(&repository, self.id, scope).await
    }

    /// Makes an organization with an admin key.
    pub async fn create(repository: &Repository, name: &str, default_region: Option<&str>) -> Self {
        let id = tenants::organization(repository, name, default_region).await;
        let admin_key = tenants::key(repository, id, Scope::Admin).await;
        Self { id, admin_key }
    }
}

impl Service {
    /// The id of the organization that `admin` and `key` call for.
    pub fn organization_id(&self) -> Uuid {
        self.organization.id
    }

    /// A new key of the organization.
    pub async fn key(&self, scope: Scope) -> String {
        tenants::key(&self.repository, self.organization.id, scope).await
    }

    /// Makes a second organization.
    pub async fn other_organization(&self) -> Organization {
        Organization::create(&self.repository, "Umbrella", None).await
    }

    /// Makes an organization that takes phone numbers in the national format of a region, such as "DE".
    pub async fn organization_in(&self, default_region: &str) -> Organization {
        Organization::create(&self.repository, "Initech", Some(default_region)).await
    }

    /// The organization's admin, over a connection of its own.
    pub fn admin(&self) -> Client {
        self.client(&self.organization.admin_key)
    }

    /// The caller that holds a key, over a connection of its own.
    pub fn client(&self, key: &str) -> Client {
        Client::connect(self.address(), Some(&format!("Bearer {key}")))
    }

    /// A caller of the organization with a new key of this scope.
    pub async fn client_with(&self, scope: Scope) -> Client {
        self.client(&self.key(scope).await)
    }

    /// A caller with a second organization's admin key.
    pub async fn other_admin(&self) -> Client {
        self.client(&self.other_organization().await.admin_key)
    }

    /// A caller that sends this as `authorization`, or nothing.
    pub fn client_authorized_by(&self, authorization: Option<&str>) -> Client {
        Client::connect(self.address(), authorization)
    }
}
