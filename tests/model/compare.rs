//! Comparisons of the service with the model.

use std::fmt::Debug;

use test_support::{model::Refusal, reason_name, violations};
use tonic::Status;
use tonic_types::StatusExt;

/// From how many violations on an error may omit some, as trailers are small.
const MANY_VIOLATIONS: usize = 20;

/// Fails with both values if they differ.
pub fn same<T: PartialEq + Debug>(what: &str, service: &T, model: &T) -> Result<(), String> {
    if service == model {
        return Ok(());
    }
    Err(format!(
        "{what} differs\n  service: {service:?}\n  model:   {model:?}"
    ))
}

/// Compares whether there is an answer, and the errors if there is none. Returns the answers of both.
pub fn both<S, M: Debug>(
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

fn refused(status: &Status, refusal: &Refusal) -> Result<(), String> {
    let info = status.get_details_error_info();
    let info = info.ok_or_else(|| format!("an error without a reason: {status:?}"))?;
    let context = |error| format!("{error}\n  status: {status:?}\n  model: {refusal:?}");
    same("code", &status.code(), &refusal.code).map_err(context)?;
    same(
        "reason",
        &info.reason.as_str(),
        &reason_name(refusal.reason),
    )
    .map_err(context)?;
    for (key, expected) in &refusal.metadata {
        let found = info.metadata.get(*key).cloned().unwrap_or_default();
        same(key, &found, expected).map_err(context)?;
    }
    let mut found = violations(status);
    let mut expected: Vec<_> = refusal
        .violations
        .iter()
        .map(|(field, reason)| (field.clone(), reason_name(*reason).to_owned()))
        .collect();
    if found.len() >= MANY_VIOLATIONS {
        expected.retain(|it| found.contains(it));
    }
    found.sort();
    expected.sort();
    same("violations", &found, &expected).map_err(context)
}
