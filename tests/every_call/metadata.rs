//! The metadata of a call, which has a limit.

use test_support::*;

async fn status_with(service: &Service, value_bytes: usize) -> Result<(), tonic::Status> {
    let value = "x".repeat(value_bytes);
    Err(service.post_raw(&[("x-long", &value)], Vec::new()).await)
}

on_both! {
    async fn a_call_with_more_than_16_kib_of_metadata_is_refused_with_a_reason(service: Service) {
        let refused = status_with(&service, 16 * 1024).await;
        let status = assert_refused(refused, Code::ResourceExhausted, "METADATA_TOO_LARGE");
        assert_eq!(metadata(&status, "limit_bytes"), "16384");
        let taken = status_with(&service, 15 * 1024).await;
        assert_refused(taken, Code::InvalidArgument, "HEADER_MISSING");
    }
}
