//! Why a call is refused.

use contact_lists::proto::{ContactList, ErrorReason};
use tonic::Code;

/// A field that is wrong: its path and the reason.
pub type Violation = (String, ErrorReason);

/// An error as a caller sees it, except its message.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The status code.
    pub code: Code,
    /// The reason.
    pub reason: ErrorReason,
    /// What the error must name beyond its reason.
    pub metadata: Vec<(&'static str, String)>,
    /// The fields that are wrong.
    pub violations: Vec<Violation>,
}

impl Refusal {
    fn new(code: Code, reason: ErrorReason, metadata: Vec<(&'static str, String)>) -> Self {
        Self {
            code,
            reason,
            metadata,
            violations: Vec::new(),
        }
    }

    /// An argument is wrong.
    pub fn argument(reason: ErrorReason, metadata: Vec<(&'static str, String)>) -> Self {
        Self::new(Code::InvalidArgument, reason, metadata)
    }

    /// Fields of the request are wrong.
    pub fn fields(violations: Vec<Violation>) -> Self {
        Self {
            violations,
            ..Self::argument(ErrorReason::RequestInvalid, Vec::new())
        }
    }

    /// The organization has no such resource.
    pub fn not_found(resource_type: &str, name: &str) -> Self {
        let metadata = vec![
            ("resource_type", resource_type.to_owned()),
            ("resource_name", name.to_owned()),
        ];
        Self::new(Code::NotFound, ErrorReason::ResourceNotFound, metadata)
    }

    /// Another resource has the value that must be unique.
    pub fn exists(resource_type: &str, field: &str) -> Self {
        let metadata = vec![
            ("resource_type", resource_type.to_owned()),
            ("field", field.to_owned()),
        ];
        Self::new(
            Code::AlreadyExists,
            ErrorReason::ResourceAlreadyExists,
            metadata,
        )
    }

    /// The resource is still in use.
    pub fn in_use(resource_type: &str, name: &str) -> Self {
        let metadata = vec![
            ("resource_type", resource_type.to_owned()),
            ("resource_name", name.to_owned()),
        ];
        Self::new(
            Code::FailedPrecondition,
            ErrorReason::ResourceInUse,
            metadata,
        )
    }

    /// The update would remove more members than a limit, given with its name, allows.
    pub fn too_many_removed(
        before: &ContactList,
        removed: i32,
        limit: (&'static str, String),
    ) -> Self {
        let metadata = vec![
            ("contact_list_id", before.id.clone()),
            ("removed_count", removed.to_string()),
            ("contact_count", before.contact_count.to_string()),
            limit,
        ];
        let reason = ErrorReason::TooManyRemoved;
        Self::new(Code::FailedPrecondition, reason, metadata)
    }

    /// The list has another version than the header expects.
    pub fn version(list: &ContactList, expected: i64) -> Self {
        let metadata = vec![
            ("contact_list_id", list.id.clone()),
            ("expected_version", expected.to_string()),
            ("version", list.version.to_string()),
        ];
        let reason = ErrorReason::VersionMismatch;
        Self::new(Code::FailedPrecondition, reason, metadata)
    }

    /// The `request_id` belongs to another call.
    pub fn request_id_reused(request_id: &str) -> Self {
        let metadata = vec![("request_id", request_id.to_owned())];
        Self::argument(ErrorReason::RequestIdReused, metadata)
    }

    /// The update is not the latest of its list that can be reverted.
    pub fn not_latest(update_id: &str, latest: &str) -> Self {
        let metadata = vec![
            ("update_id", update_id.to_owned()),
            ("latest_update_id", latest.to_owned()),
        ];
        let reason = ErrorReason::UpdateNotLatest;
        Self::new(Code::FailedPrecondition, reason, metadata)
    }

    /// The update is a revert.
    pub fn not_revertible(update_id: &str) -> Self {
        let metadata = vec![("update_id", update_id.to_owned())];
        let reason = ErrorReason::UpdateNotRevertible;
        Self::new(Code::FailedPrecondition, reason, metadata)
    }

    /// The list is archived or deleted.
    pub fn not_active(list_id: &str) -> Self {
        let metadata = vec![("contact_list_id", list_id.to_owned())];
        Self::new(
            Code::FailedPrecondition,
            ErrorReason::ContactListNotActive,
            metadata,
        )
    }
}
