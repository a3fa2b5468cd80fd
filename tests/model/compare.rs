//! Whether what the service says is what the model says.

use std::fmt::Debug;

use contact_lists::proto::{ErrorReason, UpdateContactListContactsResponse as Outcome};
use tonic::Status;
use tonic_types::StatusExt;

use crate::{model::Refusal, support::violations};

/// From how many violations on an error may leave some out: they travel in small trailers.
const MANY_VIOLATIONS: usize = 20;

/// Fails with both if they differ.
pub fn same<T: PartialEq + Debug>(what: &str, service: &T, model: &T) -> Result<(), String> {
    if service == model {
        return Ok(());
    }
    Err(format!(
        "{what} differs\n  service: {service:?}\n  model:   {model:?}"
    ))
}

/// Compares an error with what the model says, or an answer's being there at all; the answer is given back.
pub fn answer<S, M: Debug>(
    service: Result<S, Status>,
    model: Result<M, Refusal>,
) -> Result<Result<(S, M), Refusal>, String>
where
    S: Debug,
{
    match (service, model) {
        (Ok(service), Ok(model)) => Ok(Ok((service, model))),
        (Err(status), Err(refusal)) => refused(&status, &refusal).map(|()| Err(refusal)),
        (Ok(service), Err(refusal)) => Err(format!(
            "the service answers, the model refuses\n  service: {service:?}\n  model:   {refusal:?}"
        )),
        (Err(status), Ok(model)) => Err(format!(
            "the service refuses, the model answers\n  service: {status:?}\n  model:   {model:?}"
        )),
    }
}

/// A reason's name without its prefix.
pub fn name(reason: ErrorReason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix("ERROR_REASON_").unwrap_or(name)
}

fn refused(status: &Status, refusal: &Refusal) -> Result<(), String> {
    let info = status.get_details_error_info();
    let info = info.ok_or_else(|| format!("an error without a reason: {status:?}"))?;
    let context = |error| format!("{error}\n  status: {status:?}\n  model: {refusal:?}");
    same("code", &status.code(), &refusal.code).map_err(context)?;
    same("reason", &info.reason.as_str(), &name(refusal.reason)).map_err(context)?;
    for (key, expected) in &refusal.metadata {
        let found = info.metadata.get(*key).cloned().unwrap_or_default();
        same(key, &found, expected).map_err(context)?;
    }
    let mut found = violations(status);
    let mut expected: Vec<_> = refusal
        .violations
        .iter()
        .map(|(field, reason)| (field.clone(), name(*reason).to_owned()))
        .collect();
    if found.len() >= MANY_VIOLATIONS {
        expected.retain(|it| found.contains(it));
    }
    found.sort();
    expected.sort();
    same("violations", &found, &expected).map_err(context)
}

/// An outcome without what the service chooses: the update's id, the list's times, and words.
pub fn without_choices(mut outcome: Outcome) -> Outcome {
    outcome.update_id = String::new();
    if let Some(list) = &mut outcome.contact_list {
        (list.create_time, list.update_time) = (None, None);
    }
    for contact in &mut outcome.rejected_contacts {
        for violation in &mut contact.violations {
            violation.message = String::new();
        }
        let key = |it: &contact_lists::proto::Violation| (it.field.clone(), it.reason);
        contact.violations.sort_by_key(key);
    }
    outcome
}
