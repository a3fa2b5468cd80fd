//! One test body, two tests: on SQLite and on PostgreSQL.

use std::io::Write;

use super::{Database, Service};

/// What a test of [`on_both!`] can ask for as its one parameter.
pub trait Fixture {
    /// Builds the fixture on a fresh database.
    fn set_up(database: Database) -> impl Future<Output = Self> + Send;
}

impl Fixture for Database {
    async fn set_up(database: Database) -> Self {
        database
    }
}

impl Fixture for Service {
    async fn set_up(database: Database) -> Self {
        Service::start(database).await
    }
}

/// Runs a test on a database.
pub async fn run<F: Fixture, T: Future<Output = ()>>(
    database: Database,
    test: impl FnOnce(F) -> T,
) {
    test(F::set_up(database).await).await;
}

/// Writes a line to standard error, past libtest, which hides what a passing test prints through macros.
pub fn notice(line: &str) {
    // A test does not fail because standard error is closed.
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Turns each function into a module of its name with two tests, `sqlite` and `postgres`.
///
/// The function's one parameter is a [`Fixture`]: a running [`Service`], or a [`Database`] to start one on with settings
/// of the test's own. Where PostgreSQL is not installed, its test says so and passes.
///
/// ```ignore
/// on_both! {
///     /// What the name leaves open.
///     async fn a_new_list_is_empty(service: Service) { ... }
/// }
/// ```
#[macro_export]
macro_rules! on_both {
    ($($(#[$attribute:meta])* async fn $name:ident($($parameter:tt)+) $body:block)+) => {$(
        mod $name {
            use super::*;

            async fn test($($parameter)+) $body

            $(#[$attribute])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                $crate::run($crate::Database::sqlite(), test).await;
            }

            $(#[$attribute])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                match $crate::Database::postgres().await {
                    Some(database) => $crate::run(database, test).await,
                    None => $crate::notice(concat!(
                        module_path!(),
                        "::postgres is skipped: PostgreSQL is not installed"
                    )),
                }
            }
        }
    )+};
}
