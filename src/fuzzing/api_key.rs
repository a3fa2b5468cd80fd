use axum::http::{HeaderMap, HeaderValue, header::AUTHORIZATION};

use crate::{domain::api_key::ApiKeySecret, server::layers::authentication::bearer_key};

/// `data` is the value of an `authorization` header. The key is read as the same one when it is sent as the pages say, and
/// its organization is read as the one whose keys begin like that.
pub fn api_key(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else {
        return;
    };
    let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
    let Some(key) = bearer_key(&headers) else {
        return;
    };
    let value = HeaderValue::try_from(format!("Bearer {key}")).expect("a part of a header's value");
    let sent_again = HeaderMap::from_iter([(AUTHORIZATION, value)]);
    assert_eq!(bearer_key(&sent_again), Some(key));

    let Some(secret) = ApiKeySecret::parse(key) else {
        return;
    };
    let organization = secret.organization();
    let (_, random) = key["cl_".len()..]
        .split_once('_')
        .expect("a key has two parts");
    let written = format!("cl_{}_{random}", organization.0.simple());
    let parsed = ApiKeySecret::parse(&written).expect("a secret");
    assert_eq!(parsed.organization(), organization);
}
