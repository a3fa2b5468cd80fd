//! Violations.

use crate::{domain::violation::Violation, proto};

impl From<Violation> for proto::Violation {
    fn from(violation: Violation) -> Self {
        Self {
            reason: violation.reason.into(),
            field: violation.field,
            message: violation.message,
        }
    }
}
